package agent

import "github.com/lesismal/nbio"

// readNow reads what is there.
func readNow(nc *nbio.Conn, b []byte) (int, error) { return nc.Read(b) }

// writeNow writes b; what the socket does not take, nbio copies and writes later.
func writeNow(nc *nbio.Conn, b []byte) error {
	_, err := nc.Write(b)
	return err
}

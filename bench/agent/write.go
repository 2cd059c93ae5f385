package agent

import "github.com/throng-chat/throng/server/ws"

// controlMask need not be random: it masks bytes of the server's own, or none.
const controlMask = 0x5A3C96E1

var closeFrame = ws.AppendMaskedFrame(nil, ws.OpClose, controlMask, ws.ClosePayload(ws.CloseNormal, ""))

// writeNow writes b to c. nbio copies what the socket does not accept, and writes it later.
func writeNow(c *conn, b []byte) error {
	if c.tls != nil {
		return c.tls.Write(c.nc, b, Now())
	}
	_, err := c.nc.Write(b)
	return err
}

// write sends a frame on c. nbio closes a connection whose server does not read, and onClose counts it.
func (c *conn) write(op ws.Opcode, payload []byte) {
	_ = writeNow(c, ws.AppendMaskedFrame(nil, op, controlMask, payload))
}

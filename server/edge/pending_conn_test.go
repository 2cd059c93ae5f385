package edge

import (
	"net"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/testkit"
)

// A head may be cut at any byte, also inside its last line end.
func TestAHeadMayBeCutAtAnyByte(t *testing.T) {
	head := handshake
	for cut := range len(head) {
		ours, theirs := testkit.Pipe(t)
		c := &PendingConn{Conn: ours, ReadAhead: []byte(head[:cut])}
		if _, err := theirs.Write([]byte(head[cut:] + "first words")); err != nil {
			t.Fatal(err)
		}
		if err := theirs.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		end, malformed, err := c.readHead()
		if end != len(head) || malformed != "" || err != nil {
			t.Errorf("cut at %d: got an end at %d, %q, %v; want %d", cut, end, malformed, err, len(head))
		}
	}
}

// The end of a line, and the fold of the next one, may arrive separately.
func TestAMalformedHeadInPiecesIsRejected(t *testing.T) {
	good := handshake
	for _, head := range []string{strings.Replace(good, "Upgrade: ", "Upgrade:\r\n ", 1), strings.Replace(good, "\r\n\r\n", "\n\r\n\r\n", 1)} {
		ours, theirs := testkit.Pipe(t)
		c := &PendingConn{Conn: ours}
		go func() {
			for i := range head {
				if _, err := theirs.Write([]byte(head[i : i+1])); err != nil {
					return // rejected before the end
				}
			}
		}()
		if _, malformed, err := c.readHead(); malformed == "" || err != nil {
			t.Errorf("%q: got %q, %v; want it rejected", head, malformed, err)
		}
	}
}

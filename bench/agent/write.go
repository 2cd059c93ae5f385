package agent

import (
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// controlMask need not be a secret: what it masks is the server's own, or nothing.
const controlMask = 0x5A3C96E1

var bye = ws.AppendMaskedFrame(nil, ws.OpClose, controlMask, ws.ClosePayload(ws.CloseNormal, ""))

// writeNow writes b; what the socket does not take, nbio copies and writes later.
func writeNow(s *netpoll.Socket, b []byte) error {
	_, err := s.Write(b)
	return err
}

// write sends an answer. A server that takes none is closed by nbio, and that is counted in onClose.
func (c *conn) write(op ws.Opcode, payload []byte) {
	_ = writeNow(c.nc, ws.AppendMaskedFrame(nil, op, controlMask, payload))
}

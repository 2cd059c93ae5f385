package agent

import (
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// controlMask need not be random: it masks bytes of the server's own, or none.
const controlMask = 0x5A3C96E1

var bye = ws.AppendMaskedFrame(nil, ws.OpClose, controlMask, ws.ClosePayload(ws.CloseNormal, ""))

// writeNow writes b. nbio copies what the socket does not accept, and writes it later.
func writeNow(s *netpoll.Socket, b []byte) error {
	_, err := s.Write(b)
	return err
}

// write sends a frame on c. nbio closes a connection whose server does not read, and onClose counts it.
func (c *conn) write(op ws.Opcode, payload []byte) {
	_ = writeNow(c.nc, ws.AppendMaskedFrame(nil, op, controlMask, payload))
}

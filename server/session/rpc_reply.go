package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// Replies of the rpc methods of throng.

// replyLong replies to an rpc with about size bytes of JSON, which encode makes: at once if they are few, else on a worker.
func (s *Session) replyLong(id uint32, size int, encode func() []byte) {
	if size >= s.inlineBytes() {
		q := s.bulkQuery(rpcQuery, "")
		q.RPC = &longRPC{size, encode}
		s.queryBulk(id, q, size)
		return
	}
	data := encode()
	s.chargeBulk(len(data))
	s.Reply(rpcReply(id, data))
}

// replyNow is replyLater on the poller, within the command.
func (s *Session) replyNow(r *protocol.Reply, rejected *chat.Rejection) {
	if rejected != nil {
		s.reject(r.Id, ErrorOf(rejected))
		return
	}
	s.Reply(r)
}

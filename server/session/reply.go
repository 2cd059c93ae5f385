package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// What a session sends: replies, pushes and the close frame.

// MaxRejections is the number of commands in a row over a limit; the next one ends the connection.
const MaxRejections = 100

// Reply adds a reply or a push to the frame of this turn. Called on the poller; flush sends it.
func (s *Session) Reply(r *protocol.Reply) {
	if s.replies == nil {
		s.replies = newReplyFrame(s.Encoding)
	}
	s.replies.list = append(s.replies.list, r)
}

// push adds a push.
func (s *Session) push(p *protocol.Push) {
	s.Reply(&protocol.Reply{Push: p})
}

// fail adds an error reply. It disconnects only clients of streams that have no replies. Use it if the error is not a limit on the rate or the number of commands. Two limits also use
// it: slow mode, which people exceed when they type, and the limits of connect, after which the session ignores all commands.
func (s *Session) fail(id uint32, e *protocol.Error) {
	s.Sessions.Metrics.CommandErrors.WithLabelValues(ErrorLabel(e)).Inc()
	if s.Encoding.IsUni() {
		s.flushAndDisconnect(uniDisconnect(e))
		return
	}
	s.Reply(&protocol.Reply{Id: id, Error: e})
}

// reject adds an error reply, like fail. It counts ErrTooManyRequests and ErrLimit: after more than MaxRejections of them in a row, it disconnects
// the client instead. Use it if the error can be one of these. Without a command ID it only counts.
func (s *Session) reject(id uint32, e *protocol.Error) {
	if e == ErrTooManyRequests || e == ErrLimit {
		if s.rejections++; s.rejections > MaxRejections {
			s.flushAndDisconnect(disconnectTooMany)
			return
		}
	}
	if id != 0 {
		s.fail(id, e)
	}
}

// countRejections calls execute, which handles a command or the rest of one that waited. If the command is complete and was not rejected, the
// count of rejections in a row begins again.
func (s *Session) countRejections(execute func()) {
	before := s.rejections
	execute()
	if s.rejections == before && !s.Conn.Is(fanout.Paused) {
		s.rejections = 0
	}
}

// replyLater sends a reply, or the error of a rejection, behind all that was posted to the shard before. It is for a command that was handled
// earlier: its client may have replies to later commands already. Any goroutine may call it; it does not block.
func (s *Session) replyLater(r *protocol.Reply, rejected *chat.Rejection) {
	if rejected != nil {
		e := ErrorOf(rejected)
		s.Sessions.Metrics.CommandErrors.WithLabelValues(ErrorLabel(e)).Inc()
		r = &protocol.Reply{Id: r.Id, Error: e}
	}
	replies := newReplyFrame(s.Encoding)
	replies.list = append(replies.list, r)
	s.Conn.Shard.Post(fanout.Job{Do: fanout.SendReply, Conn: s.Conn, Reply: replies})
}

// flush posts the replies so far to the shard, in one frame.
func (s *Session) flush() {
	if replies := s.take(); replies != nil {
		s.Conn.Shard.Post(fanout.Job{Do: fanout.SendReply, Conn: s.Conn, Reply: replies})
	}
}

func (s *Session) take() *ReplyFrame {
	replies := s.replies
	s.replies = nil
	return replies
}

// Disconnect closes the connection. Any goroutine may call it.
func (s *Session) Disconnect(d disconnect) { s.Conn.Close(d.reason, d.code, d.text) }

// flushAndDisconnect sends the replies so far, then closes the connection. Called on the poller.
func (s *Session) flushAndDisconnect(d disconnect) {
	s.flush()
	s.Disconnect(d)
}

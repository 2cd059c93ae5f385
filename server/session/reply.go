package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
)

// How a session tells its client something: by replies, pushes, and at last by ending the connection.

const MaxStrikes = 100 // refused commands in a row before the connection is ended

// Reply answers a command, or tells the client something that is no reply.
func (s *Session) Reply(r *protocol.Reply) {
	if s.replies == nil {
		s.replies = newReplyFrame(s.Encoding)
	}
	s.replies.list = append(s.replies.list, r)
}

// push tells the client something that is no reply.
func (s *Session) push(p *protocol.Push) {
	s.Reply(&protocol.Reply{Push: p})
}

// fail answers a command with an error.
func (s *Session) fail(id uint32, e *protocol.Error) {
	s.Hub.Metrics.CommandErrors.WithLabelValues(ErrorLabel(e)).Inc()
	s.Reply(&protocol.Reply{Id: id, Error: e})
}

// refuse answers a command that the client should not have sent. Who goes on over a limit all the same is disconnected.
func (s *Session) refuse(id uint32, e *protocol.Error) {
	if e == ErrTooManyRequests || e == ErrLimit {
		if s.strikes++; s.strikes > MaxStrikes {
			s.dismiss(disconnectTooMany)
			return
		}
	}
	if id != 0 {
		s.fail(id, e)
	}
}

// flush posts the replies gathered so far, in one frame.
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

// Disconnect ends the connection. Any goroutine may call it.
func (s *Session) Disconnect(d disconnect) { s.Conn.Close(d.reason, d.Code, d.Text) }

// dismiss ends the connection behind the answers to what it asked before. Called on the poller.
func (s *Session) dismiss(d disconnect) {
	s.flush()
	s.Disconnect(d)
}

package session

import (
	"context"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/httpstream"
)

// Sessions whose connection is an HTTP response (package httpstream). Their commands come in other requests.

// OpenStream starts the session of an HTTP response. t is the connection of its request, e an encoding of HTTP streams, hello the head of the
// response, and connect the first commands of the client. Any goroutine may call it.
func (all *Sessions) OpenStream(t fanout.Transport, source *chat.Address, e Encoding, hello, connect []byte) {
	one := &struct {
		socketSession
		stream httpstream.Transport
	}{}
	one.stream.Transport = t
	one.conn.Set(fanout.OneWay)
	one.start(all, source, e, httpstream.AppendMessage(nil, e.opcode(), connect))
	all.open(&one.Session, &one.stream, hello)
}

// Node returns the name of this process in the replies to connect of HTTP streams. It is another one after a restart.
func (all *Sessions) Node() string { return all.streams.node }

// Deliver passes commands of a request to a session, whose poller handles them like those of a WebSocket message. It waits while the session
// has too many unread commands, until ctx ends. The error is that of ctx, httpstream.ErrUnknownSession or httpstream.ErrClosed.
func (all *Sessions) Deliver(ctx context.Context, to httpstream.ID, commands []byte) error {
	s := all.streams.find(to)
	if s == nil {
		return httpstream.ErrUnknownSession
	}
	if err := s.Conn.Transport.(*httpstream.Transport).Put(ctx, s.Encoding.opcode(), commands); err != nil {
		return err
	}
	s.Conn.Poller().Post(func() { all.Loop.Read(s.Conn) })
	return nil
}

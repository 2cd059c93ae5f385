package session

import (
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
)

// How sessions start.

// Open starts the session of a transport whose handshake is complete. hello is the 101 response, and early has the bytes that the client sent before
// it. w is the window of permessage-deflate, 0 without. Any goroutine may call it.
func (all *Sessions) Open(t fanout.Transport, source *chat.Address, e Encoding, w deflate.Window, hello, early []byte) {
	c := &fanout.Conn{}
	c.SetDeflate(w != 0)
	s := newSession(c, all, source, e, early)
	s.window = w
	all.open(s, t, hello)
}

// open gives a session its transport, and its connection to the shard.
func (all *Sessions) open(s *Session, t fanout.Transport, hello []byte) {
	all.NewConn(s.Conn, t, s)
	s.Poller = s.Conn.Poller()
	s.Client = clientID(all.clientPrefix, s.Conn.ID)
	s.beginStream()
	all.Wake(all.Register(s.Conn, nil, hello, nil))
}

// newSession returns a session. early has the bytes that the client sent before its 101 response.
func newSession(c *fanout.Conn, h *Sessions, source *chat.Address, e Encoding, early []byte) *Session {
	s := &Session{Conn: c, Sessions: h, source: source, Encoding: e, unread: early, early: len(early) > 0}
	c.SetPaused(s.early)
	s.due.Deadline.Store(uint32(s.later(staleTimeout)))
	return s
}

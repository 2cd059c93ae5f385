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
	one := &socketSession{}
	one.conn.SetDeflate(w != 0)
	one.window = w
	one.start(all, source, e, early)
	all.open(&one.Session, t, hello)
}

// open gives a session its transport, and its connection to the shard.
func (all *Sessions) open(s *Session, t fanout.Transport, hello []byte) {
	all.NewConn(s.Conn, t, s)
	s.beginStream()
	all.Wake(all.Register(s.Conn, nil, hello, nil))
}

// socketSession is a session with its connection: one object, so that an idle session takes little memory.
type socketSession struct {
	Session
	conn fanout.Conn
}

// start sets what a new session is made of. early has the bytes that the client sent before its 101 response.
func (one *socketSession) start(all *Sessions, source *chat.Address, e Encoding, early []byte) {
	s := &one.Session
	s.Conn, s.Sessions, s.source, s.Encoding, s.early = &one.conn, all, source, e, len(early) > 0
	if s.early {
		s.Waits().unread = early
		s.Conn.SetPaused(true)
	}
	s.due.Deadline.Store(uint32(s.later(staleTimeout)))
}

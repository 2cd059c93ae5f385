package session

import (
	"sync"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/httpstream"
)

// streamSessions finds a session whose connection is an HTTP stream by its ID. Any goroutine may use it.
type streamSessions struct {
	node string // the field of that name of the protocol; constant

	mu   sync.Mutex // a leaf
	byID map[httpstream.ID]*Session
}

func newStreamSessions() *streamSessions {
	return &streamSessions{node: RandomID(8), byID: map[httpstream.ID]*Session{}}
}

func (reg *streamSessions) add(id httpstream.ID, s *Session) {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	reg.byID[id] = s
}

func (reg *streamSessions) remove(id httpstream.ID) {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	delete(reg.byID, id)
}

func (reg *streamSessions) find(id httpstream.ID) *Session {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	return reg.byID[id]
}

// beginStream makes the session of an HTTP stream known to requests with commands.
func (s *Session) beginStream() {
	if stream, ok := s.Conn.Transport.(*httpstream.Transport); ok && !s.Encoding.IsUni() {
		s.Sessions.streams.add(stream.ID, s)
	}
}

// endStream forgets the session of an HTTP stream, and fails the requests that wait for it.
func (s *Session) endStream() {
	if stream, ok := s.Conn.Transport.(*httpstream.Transport); ok {
		s.Sessions.streams.remove(stream.ID)
		stream.Close()
	}
}

// describeStream adds to the reply to connect how the client sends commands, if it does not send them on its connection.
func (s *Session) describeStream(result *protocol.ConnectResult) {
	if !s.Encoding.IsStream() {
		return
	}
	result.Pong = false // a pong would be a request
	if !s.Encoding.IsUni() {
		result.Session, result.Node = s.Conn.Transport.(*httpstream.Transport).ID.String(), s.Sessions.streams.node
	}
}

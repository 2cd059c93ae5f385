package session

import (
	"sync"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/httpstream"
)

// streamSessions finds a session whose connection is an HTTP stream by its ID. Any goroutine may use it.
type streamSessions struct {
	node string // the field of that name of the protocol; constant
	ids  httpstream.IDs

	mu     sync.Mutex // a leaf
	places []*Session // nil for a free place; as many as there were sessions at the same time
	free   []uint32   // the free places
}

func newStreamSessions() *streamSessions {
	return &streamSessions{node: RandomID(8), ids: httpstream.NewIDs()}
}

// add gives a session a place.
func (reg *streamSessions) add(s *Session) (place uint32) {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	last := len(reg.free) - 1
	if last < 0 {
		reg.places = append(reg.places, s)
		return uint32(len(reg.places) - 1)
	}
	place = reg.free[last]
	reg.free = reg.free[:last]
	reg.places[place] = s
	return place
}

// remove frees the place of a session; a second call does nothing.
func (reg *streamSessions) remove(place uint32, s *Session) {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	if reg.places[place] == s {
		reg.places[place] = nil
		reg.free = append(reg.free, place)
	}
}

// find returns the session of an ID; nil for none.
func (reg *streamSessions) find(id httpstream.ID) *Session {
	place, conn, ok := reg.ids.Read(id)
	reg.mu.Lock()
	defer reg.mu.Unlock()
	if !ok || int64(place) >= int64(len(reg.places)) {
		return nil
	}
	if s := reg.places[place]; s != nil && s.Conn.ID == conn {
		return s
	}
	return nil
}

// beginStream makes the session of an HTTP stream known to requests with commands.
func (s *Session) beginStream() {
	if stream, ok := s.Conn.Transport.(*httpstream.Transport); ok && !s.Encoding.IsUni() {
		stream.Place = s.Sessions.streams.add(s)
	}
}

// endStream forgets the session of an HTTP stream, and fails the requests that wait for it.
func (s *Session) endStream() {
	if stream, ok := s.Conn.Transport.(*httpstream.Transport); ok {
		if !s.Encoding.IsUni() {
			s.Sessions.streams.remove(stream.Place, s)
		}
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
		streams, stream := s.Sessions.streams, s.Conn.Transport.(*httpstream.Transport)
		result.Session, result.Node = streams.ids.Make(stream.Place, s.Conn.ID).String(), streams.node
	}
}

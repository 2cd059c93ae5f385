package fanout

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// Description is what the client of a connection has for operators.
type Description struct {
	User, Client string       // empty for none
	Code         ws.CloseCode // of the close frame of the side that closed first; 0 for none
	Text         string       // of that frame
}

// Described is a Handler with a description. Any goroutine may call Describe; it does not block.
type Described interface{ Describe() Description }

// Closed is a connection that was closed.
type Closed struct {
	Description
	ID      uint64
	Address string
	Reason  Reason
	At      time.Time
}

// closesKept is the number of closed connections that are kept for operators.
const closesKept = 32

// closes has the connections that were closed last. Any goroutine may use it.
type closes struct {
	mu   sync.Mutex // a leaf
	last [closesKept]Closed
	n    int
}

// note adds a connection that is closed.
func (cs *closes) note(gone Closed) {
	cs.mu.Lock()
	cs.last[cs.n%closesKept] = gone
	cs.n++
	cs.mu.Unlock()
}

// list returns the connections, the last one first.
func (cs *closes) list() []Closed {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	list := make([]Closed, 0, closesKept)
	for i := cs.n - 1; i >= max(0, cs.n-closesKept); i-- {
		list = append(list, cs.last[i%closesKept])
	}
	return list
}

package fanout

import (
	"container/list"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const (
	MessageTimeout = 30 * time.Second // from the first byte of a message to its last
	maxUnfinished  = 64 << 20         // bytes of unfinished messages, of all connections together
	unfinishedCost = 256              // bytes that tracking one unfinished message takes, about
	MessagesInAll  = 8                // a budget in bytes has room for so many messages of the largest size
)

// unfinished tracks the messages that have begun and not ended. Each has messageTimeout from its first byte to its last, and all of
// them together a budget in bytes: when it is used up, the oldest messages make room. Any goroutine may use it.
type unfinished struct {
	Most int // bytes; constant

	Mu    sync.Mutex // a leaf, not held over a close
	Order list.List  // of *unfinishedMessage, the oldest first
	of    map[*Conn]*list.Element
	bytes int
}

type UnfinishedMessage struct {
	conn  *Conn
	Since wheel.Tick
	bytes int
}

func NewUnfinished(maxMessage int) *unfinished {
	return &unfinished{Most: max(maxUnfinished, MessagesInAll*maxMessage), of: map[*Conn]*list.Element{}}
}

// Note records that c's decoder holds so many bytes of a message; 0 means that the message has ended. It returns the connections
// that have to make room. The caller ends them.
func (u *unfinished) Note(c *Conn, held int, now wheel.Tick) (evicted []*Conn) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	at := u.of[c]
	if held == 0 || c.Is(Left) {
		u.removeLocked(at)
		return nil
	}
	if at == nil {
		at = u.Order.PushBack(&UnfinishedMessage{conn: c, Since: now})
		u.of[c] = at
	}
	m := at.Value.(*UnfinishedMessage)
	u.bytes += held + unfinishedCost - m.bytes
	m.bytes = held + unfinishedCost
	for u.bytes > u.Most {
		oldest := u.Order.Front()
		evicted = append(evicted, oldest.Value.(*UnfinishedMessage).conn)
		u.removeLocked(oldest)
	}
	return evicted
}

// remove forgets the message of a connection that has been counted out.
func (u *unfinished) remove(c *Conn) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	u.removeLocked(u.of[c])
}

// removeLocked takes an element out of the list; nil does nothing. mu is held.
func (u *unfinished) removeLocked(at *list.Element) {
	if at == nil {
		return
	}
	m := u.Order.Remove(at).(*UnfinishedMessage)
	delete(u.of, m.conn)
	u.bytes -= m.bytes
}

// Expire returns the connections whose messages have exceeded messageTimeout. The caller ends them.
func (u *unfinished) Expire(now wheel.Tick) (late []*Conn) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	for at := u.Order.Front(); at != nil; at = u.Order.Front() {
		m := at.Value.(*UnfinishedMessage)
		if now < m.Since+InTicks(MessageTimeout) {
			break
		}
		late = append(late, m.conn)
		u.removeLocked(at)
	}
	return late
}

// Size is for the metrics.
func (u *unfinished) Size() (messages, bytes int) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	return u.Order.Len(), u.bytes
}

// noteUnfinished tracks what c's decoder holds. Called by the decoder's owner, as the last thing that it does with the bytes read.
func (e *Engine) noteUnfinished(c *Conn, held int) {
	for _, oldest := range e.Unfinished.Note(c, held, e.Clock.Tick()) {
		e.endUnfinished(oldest, "too many unfinished messages")
	}
}

// expireUnfinished ends the connections whose messages have exceeded messageTimeout. Called on the heartbeat.
func (e *Engine) expireUnfinished(now wheel.Tick) {
	for _, c := range e.Unfinished.Expire(now) {
		e.endUnfinished(c, "message not finished in time")
	}
}

// endUnfinished closes a connection and releases the part of a message that it holds, which may be another poller's.
func (e *Engine) endUnfinished(c *Conn, why string) {
	c.Close(ClosedUnfinished, ws.ClosePolicy, why)
	e.Loop.PollerOf(c).Post(func() { c.Decoder = ws.Decoder{} })
}

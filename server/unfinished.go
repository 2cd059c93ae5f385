package server

import (
	"container/list"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const (
	messageTimeout = 30 * time.Second // from the first byte of a message to its last
	maxUnfinished  = 64 << 20         // bytes of unfinished messages, of all connections together
	unfinishedCost = 256              // bytes that tracking one unfinished message takes, about
	messagesInAll  = 8                // a budget in bytes has room for so many messages of the largest size
)

// unfinished tracks the messages that have begun and not ended. Each has messageTimeout from its first byte to its last, and all of
// them together a budget in bytes: when it is used up, the oldest messages make room. Any goroutine may use it.
type unfinished struct {
	most int // bytes; constant

	mu    sync.Mutex // a leaf, not held over a close
	order list.List  // of *unfinishedMessage, the oldest first
	of    map[*conn]*list.Element
	bytes int
}

type unfinishedMessage struct {
	conn  *conn
	since wheel.Tick
	bytes int
}

func newUnfinished(maxMessage int) *unfinished {
	return &unfinished{most: max(maxUnfinished, messagesInAll*maxMessage), of: map[*conn]*list.Element{}}
}

// note records that c's decoder holds so many bytes of a message; 0 means that the message has ended. It returns the connections
// that have to make room. The caller ends them.
func (u *unfinished) note(c *conn, held int, now wheel.Tick) (evicted []*conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.of[c]
	if held == 0 || c.is(left) {
		u.removeLocked(at)
		return nil
	}
	if at == nil {
		at = u.order.PushBack(&unfinishedMessage{conn: c, since: now})
		u.of[c] = at
	}
	m := at.Value.(*unfinishedMessage)
	u.bytes += held + unfinishedCost - m.bytes
	m.bytes = held + unfinishedCost
	for u.bytes > u.most {
		oldest := u.order.Front()
		evicted = append(evicted, oldest.Value.(*unfinishedMessage).conn)
		u.removeLocked(oldest)
	}
	return evicted
}

// remove forgets the message of a connection that has been counted out.
func (u *unfinished) remove(c *conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.removeLocked(u.of[c])
}

// removeLocked takes an element out of the list; nil does nothing. mu is held.
func (u *unfinished) removeLocked(at *list.Element) {
	if at == nil {
		return
	}
	m := u.order.Remove(at).(*unfinishedMessage)
	delete(u.of, m.conn)
	u.bytes -= m.bytes
}

// expire returns the connections whose messages have exceeded messageTimeout. The caller ends them.
func (u *unfinished) expire(now wheel.Tick) (late []*conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for at := u.order.Front(); at != nil; at = u.order.Front() {
		m := at.Value.(*unfinishedMessage)
		if now < m.since+inTicks(messageTimeout) {
			break
		}
		late = append(late, m.conn)
		u.removeLocked(at)
	}
	return late
}

// size is for the metrics.
func (u *unfinished) size() (messages, bytes int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.order.Len(), u.bytes
}

// noteUnfinished tracks what c's decoder holds. Called by the decoder's owner, as the last thing that it does with the bytes read.
func (e *engine) noteUnfinished(c *conn, held int) {
	for _, oldest := range e.unfinished.note(c, held, e.clock.tick()) {
		e.endUnfinished(oldest, "too many unfinished messages")
	}
}

// expireUnfinished ends the connections whose messages have exceeded messageTimeout. Called on the heartbeat.
func (e *engine) expireUnfinished(now wheel.Tick) {
	for _, c := range e.unfinished.expire(now) {
		e.endUnfinished(c, "message not finished in time")
	}
}

// endUnfinished closes a connection and releases the part of a message that it holds, which may be another poller's.
func (e *engine) endUnfinished(c *conn, why string) {
	c.close(closedUnfinished, ws.ClosePolicy, why)
	e.loop.pollerOf(c).post(func() { c.decoder = ws.Decoder{} })
}

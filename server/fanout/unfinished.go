package fanout

import (
	"container/list"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

const (
	MessageTimeout = 30 * time.Second // from the first byte of a message to its last
	maxUnfinished  = 64 << 20         // bytes of unfinished messages, of all connections together
	unfinishedCost = 256              // bytes that tracking one unfinished message takes, about
	MessagesInAll  = 8                // a budget in bytes has room for so many messages of the largest size
)

// leaver is a connection, as unfinished needs it.
type leaver interface {
	comparable
	Is(flag uint32) bool
}

// unfinished tracks the messages that have begun and not ended. Each has messageTimeout from its first byte to its last, and all of
// them together a budget in bytes: when it is used up, the oldest messages make room. Any goroutine may use it.
type unfinished[C leaver] struct {
	Most int // bytes; constant

	Mu    sync.Mutex // a leaf, not held over a close
	Order list.List  // of *UnfinishedMessage, the oldest first
	of    map[C]*list.Element
	bytes int
}

type UnfinishedMessage[C leaver] struct {
	conn  C
	Since wheel.Tick
	bytes int
}

func NewUnfinished[C leaver](maxMessage int) *unfinished[C] {
	return &unfinished[C]{Most: max(maxUnfinished, MessagesInAll*maxMessage), of: map[C]*list.Element{}}
}

// Note records that c's decoder holds so many bytes of a message; 0 means that the message has ended. It returns the connections
// that have to make room. The caller ends them.
func (u *unfinished[C]) Note(c C, held int, now wheel.Tick) (evicted []C) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	at := u.of[c]
	if held == 0 || c.Is(Left) {
		u.removeLocked(at)
		return nil
	}
	if at == nil {
		at = u.Order.PushBack(&UnfinishedMessage[C]{conn: c, Since: now})
		u.of[c] = at
	}
	m := at.Value.(*UnfinishedMessage[C])
	u.bytes += held + unfinishedCost - m.bytes
	m.bytes = held + unfinishedCost
	for u.bytes > u.Most {
		oldest := u.Order.Front()
		evicted = append(evicted, oldest.Value.(*UnfinishedMessage[C]).conn)
		u.removeLocked(oldest)
	}
	return evicted
}

// remove forgets the message of a connection that has been counted out.
func (u *unfinished[C]) remove(c C) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	u.removeLocked(u.of[c])
}

// removeLocked takes an element out of the list; nil does nothing. mu is held.
func (u *unfinished[C]) removeLocked(at *list.Element) {
	if at == nil {
		return
	}
	m := u.Order.Remove(at).(*UnfinishedMessage[C])
	delete(u.of, m.conn)
	u.bytes -= m.bytes
}

// Expire returns the connections whose messages have exceeded messageTimeout. The caller ends them.
func (u *unfinished[C]) Expire(now wheel.Tick) (late []C) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	for at := u.Order.Front(); at != nil; at = u.Order.Front() {
		m := at.Value.(*UnfinishedMessage[C])
		if now < m.Since+InTicks(MessageTimeout) {
			break
		}
		late = append(late, m.conn)
		u.removeLocked(at)
	}
	return late
}

// Size is for the metrics.
func (u *unfinished[C]) Size() (messages, bytes int) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	return u.Order.Len(), u.bytes
}

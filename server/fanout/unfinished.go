package fanout

import (
	"container/list"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

const (
	MessageTimeout = 30 * time.Second // from the first byte of a message to its last
	maxUnfinished  = 64 << 20         // bytes of the unfinished messages of all connections
	unfinishedCost = 256              // approximate bytes to track one unfinished message
	BudgetMessages = 8                // a budget in bytes is at least this many messages of the largest size
)

// flagged is the part of Conn that unfinished uses.
type flagged interface {
	comparable
	Is(flag uint32) bool
}

// unfinished tracks the messages that have begun and not ended. Each has MessageTimeout from its first byte to its last. All of them share
// a budget in bytes: when it is exceeded, the oldest messages are evicted. Any goroutine may use it.
type unfinished[C flagged] struct {
	Mu    sync.Mutex // a leaf, not held over a close
	Most  int        // bytes
	Order list.List  // of *UnfinishedMessage, the oldest first
	of    map[C]*list.Element
	bytes int
}

// UnfinishedMessage is an entry of unfinished.
type UnfinishedMessage[C flagged] struct {
	conn  C
	Since wheel.Tick
	bytes int
}

// newUnfinished returns a tracker whose budget allows BudgetMessages messages of maxMessage bytes, and at least 64 MiB.
func newUnfinished[C flagged](maxMessage int) *unfinished[C] {
	u := &unfinished[C]{of: map[C]*list.Element{}}
	u.setMost(maxMessage)
	return u
}

// setMost sets the budget for another size of messages. The next part of a message evicts those beyond it.
func (u *unfinished[C]) setMost(maxMessage int) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	u.Most = max(maxUnfinished, BudgetMessages*maxMessage)
}

// note records that the decoder of c holds so many bytes of a message, 0 if the message has ended. It returns the connections whose
// messages are evicted; the caller closes them.
func (u *unfinished[C]) note(c C, held int, now wheel.Tick) (evicted []C) {
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

// remove forgets the message of a connection that has left.
func (u *unfinished[C]) remove(c C) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	u.removeLocked(u.of[c])
}

// removeLocked removes an element of the list; nil does nothing. Mu is held.
func (u *unfinished[C]) removeLocked(at *list.Element) {
	if at == nil {
		return
	}
	m := u.Order.Remove(at).(*UnfinishedMessage[C])
	delete(u.of, m.conn)
	u.bytes -= m.bytes
}

// expire returns the connections whose messages have exceeded MessageTimeout. The caller closes them.
func (u *unfinished[C]) expire(now wheel.Tick) (late []C) {
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

// Size returns the number of unfinished messages and their bytes, for the metrics.
func (u *unfinished[C]) Size() (messages, bytes int) {
	u.Mu.Lock()
	defer u.Mu.Unlock()
	return u.Order.Len(), u.bytes
}

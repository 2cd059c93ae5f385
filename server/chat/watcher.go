package chat

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/fanout"
)

// ActivityKind is a kind of activity. A set of kinds is their sum.
type ActivityKind uint8

const (
	ClientConnected ActivityKind = 1 << iota
	ClientDisconnected
	ClientJoined
	ClientLeft
)

// Activity is what a client of this node has done, for the program that contains the server.
type Activity struct {
	Kind   ActivityKind
	Conn   uint64
	Room   string        // of ClientJoined and ClientLeft
	Info   *ClientInfo   // nil for a plain client
	Reason fanout.Reason // of ClientDisconnected
	At     time.Time
}

// activityOverhead estimates the memory of an activity beyond its client, in bytes.
const activityOverhead = 128

// Watcher receives activities. Those of one connection are in their order.
type Watcher struct {
	// Constant.
	Ready chan struct{} // holds a token if Take may return something
	kinds ActivityKind
	most  int // bytes of the queue

	mu    sync.Mutex // a leaf
	queue []Activity
	bytes int    // of the queue
	lost  uint64 // since the queue is full
}

// watchers are those of a hub.
type watchers struct {
	all atomic.Pointer[[]*Watcher] // nil for none
	mu  sync.Mutex                 // a leaf, held to replace all
}

// On reports whether there is a watcher. Any goroutine may call it.
func (wts *watchers) On() bool { return wts.all.Load() != nil }

// Watch adds a watcher of some kinds, with a queue of most bytes. Any goroutine may call it.
func (wts *watchers) Watch(kinds ActivityKind, most int) *Watcher {
	wa := &Watcher{Ready: make(chan struct{}, 1), kinds: kinds, most: most}
	wts.replace(func(all []*Watcher) []*Watcher { return append(all, wa) })
	return wa
}

// Unwatch removes a watcher. Any goroutine may call it.
func (wts *watchers) Unwatch(wa *Watcher) {
	wts.replace(func(all []*Watcher) (others []*Watcher) {
		for _, each := range all {
			if each != wa {
				others = append(others, each)
			}
		}
		return others
	})
}

func (wts *watchers) replace(by func([]*Watcher) []*Watcher) {
	wts.mu.Lock()
	defer wts.mu.Unlock()
	var now []*Watcher
	if all := wts.all.Load(); all != nil {
		now = append(now, *all...)
	}
	if now = by(now); len(now) == 0 {
		wts.all.Store(nil)
		return
	}
	wts.all.Store(&now)
}

// Note gives an activity of a connection to the watchers of its kind. It does not block, and may be called under the lock of a room.
func (wts *watchers) Note(kind ActivityKind, c *fanout.Conn, room string, info *ClientInfo) {
	all := wts.all.Load()
	if all == nil {
		return
	}
	ac := Activity{Kind: kind, Conn: c.ID, Room: room, Info: info, At: time.Now()}
	if kind == ClientDisconnected {
		ac.Reason = c.Reason()
	}
	for _, wa := range *all {
		if wa.kinds&kind != 0 {
			wa.offer(ac)
		}
	}
}

// offer appends an activity, or counts it as lost: also those behind a lost one until Take.
func (wa *Watcher) offer(ac Activity) {
	wa.mu.Lock()
	size := activityOverhead + len(ac.Room) + ac.Info.Size()
	if wa.lost > 0 || wa.bytes+size > wa.most && len(wa.queue) > 0 {
		wa.lost++
	} else {
		wa.queue, wa.bytes = append(wa.queue, ac), wa.bytes+size
	}
	wa.mu.Unlock()
	select {
	case wa.Ready <- struct{}{}:
	default:
	}
}

// Take returns the next activities, and the number of those that are lost behind them. spare is the memory of an earlier call. Call it on one goroutine
// at a time.
func (wa *Watcher) Take(spare []Activity) (next []Activity, lost uint64) {
	clear(spare)
	wa.mu.Lock()
	defer wa.mu.Unlock()
	next, lost = wa.queue, wa.lost
	wa.queue, wa.bytes, wa.lost = spare[:0], 0, 0
	return next, lost
}

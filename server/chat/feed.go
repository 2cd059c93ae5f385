package chat

import (
	"sync"
	"sync/atomic"
)

// Feed is a bounded queue of what happens on this node, for a subscription of the program that contains the server. An item that finds the queue
// full is lost, and counted, and so are those behind it until Take: a loss has one place.
type Feed[T any] struct {
	// Constant.
	Ready chan struct{} // holds a token if Take may return something
	wants func(T) bool
	most  int // bytes of the queue

	mu    sync.Mutex // a leaf
	queue []T
	bytes int  // of the queue
	loss  Loss // since the last Take
}

// Loss is what a feed has lost. Unknown is true if there may be more than Number.
type Loss struct {
	Number  uint64
	Unknown bool
}

// offer appends an item, or counts it as lost.
func (fd *Feed[T]) offer(item T, size int) {
	fd.mu.Lock()
	if fd.loss != (Loss{}) || fd.bytes+size > fd.most && len(fd.queue) > 0 {
		fd.loss.Number++
	} else {
		fd.queue, fd.bytes = append(fd.queue, item), fd.bytes+size
	}
	fd.mu.Unlock()
	fd.wake()
}

// miss notes that items are lost whose number is unknown.
func (fd *Feed[T]) miss() {
	fd.mu.Lock()
	fd.loss.Unknown = true
	fd.mu.Unlock()
	fd.wake()
}

// wake makes the program call Take. It does not block.
func (fd *Feed[T]) wake() {
	select {
	case fd.Ready <- struct{}{}:
	default:
	}
}

// Take returns the next items, and what is lost behind them. spare is the memory of an earlier call. Call it on one goroutine at a time.
func (fd *Feed[T]) Take(spare []T) (next []T, lost Loss) {
	clear(spare)
	fd.mu.Lock()
	defer fd.mu.Unlock()
	next, lost = fd.queue, fd.loss
	fd.queue, fd.bytes, fd.loss = spare[:0], 0, Loss{}
	return next, lost
}

// feeds are those of a hub with items of one type. Its methods do not block. Any goroutine may call them, also under the lock of a room.
type feeds[T any] struct {
	all atomic.Pointer[[]*Feed[T]] // nil for none
	mu  sync.Mutex                 // a leaf, held to replace all
}

// On reports whether there is a feed.
func (fds *feeds[T]) On() bool { return fds.all.Load() != nil }

// open adds a feed of the items that it wants, with a queue of most bytes.
func (fds *feeds[T]) open(most int, wants func(T) bool) *Feed[T] {
	fd := &Feed[T]{Ready: make(chan struct{}, 1), wants: wants, most: most}
	fds.replace(func(all []*Feed[T]) []*Feed[T] { return append(all, fd) })
	return fd
}

// Close removes a feed.
func (fds *feeds[T]) Close(fd *Feed[T]) {
	fds.replace(func(all []*Feed[T]) (others []*Feed[T]) {
		for _, each := range all {
			if each != fd {
				others = append(others, each)
			}
		}
		return others
	})
}

func (fds *feeds[T]) replace(by func([]*Feed[T]) []*Feed[T]) {
	fds.mu.Lock()
	defer fds.mu.Unlock()
	var now []*Feed[T]
	if all := fds.all.Load(); all != nil {
		now = append(now, *all...)
	}
	if now = by(now); len(now) == 0 {
		fds.all.Store(nil)
		return
	}
	fds.all.Store(&now)
}

// each calls do with the feeds that want an item.
func (fds *feeds[T]) each(item T, do func(*Feed[T])) {
	all := fds.all.Load()
	if all == nil {
		return
	}
	for _, fd := range *all {
		if fd.wants(item) {
			do(fd)
		}
	}
}

package edge

import (
	"container/heap"
	"container/list"
	"net/netip"
	"time"
)

// waiters has the connections of Pending.Waiting by address, and finds the address with the most. Connections of trusted proxies, which have no
// address, are not in it. It is guarded by Pending.Mu.
type waiters struct {
	by    map[netip.Addr]*waitersOf
	order []*waitersOf // a heap: the address with the most connections is the first; among equals the one whose oldest waits longest
	added uint64       // connections so far
}

// waitersOf are the waiting connections of one address.
type waitersOf struct {
	conns list.List // of *PendingConn, oldest first
	at    int       // index in waiters.order
}

func (wo *waitersOf) oldest() *PendingConn { return wo.conns.Front().Value.(*PendingConn) }

func newWaiters() *waiters { return &waiters{by: map[netip.Addr]*waitersOf{}} }

func (w *waiters) add(c *PendingConn) {
	if !c.Address.IsValid() {
		return
	}
	w.added++
	c.number = w.added
	of := w.by[c.Address]
	if of == nil {
		of = &waitersOf{}
		w.by[c.Address] = of
		c.waiter = of.conns.PushBack(c)
		heap.Push(w, of)
		return
	}
	c.waiter = of.conns.PushBack(c)
	heap.Fix(w, of.at)
}

func (w *waiters) remove(c *PendingConn) {
	if c.waiter == nil {
		return
	}
	of := w.by[c.Address]
	of.conns.Remove(c.waiter)
	c.waiter = nil
	if of.conns.Len() > 0 {
		heap.Fix(w, of.at)
		return
	}
	heap.Remove(w, of.at)
	delete(w.by, c.Address)
}

// count returns the number of connections of an address.
func (w *waiters) count(address netip.Addr) int {
	if of := w.by[address]; of != nil {
		return of.conns.Len()
	}
	return 0
}

// oldestOfMost returns the oldest connection of the address that has the most, or nil if none has more than one.
func (w *waiters) oldestOfMost() *PendingConn {
	if len(w.order) == 0 || w.order[0].conns.Len() < 2 {
		return nil
	}
	return w.order[0].oldest()
}

// silent returns the oldest connection of an address whose client has been silent for at least PendingGrace, or nil.
func (w *waiters) silent(address netip.Addr, now time.Time) *PendingConn {
	of := w.by[address]
	if of == nil {
		return nil
	}
	for at := of.conns.Front(); at != nil; at = at.Next() {
		if c := at.Value.(*PendingConn); !c.queued && now.Sub(c.Since) >= PendingGrace {
			return c
		}
	}
	return nil
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (w *waiters) Len() int { return len(w.order) }

func (w *waiters) Less(i, j int) bool {
	a, b := w.order[i], w.order[j]
	if n, m := a.conns.Len(), b.conns.Len(); n != m {
		return n > m
	}
	return a.oldest().number < b.oldest().number
}

func (w *waiters) Swap(i, j int) {
	w.order[i], w.order[j] = w.order[j], w.order[i]
	w.order[i].at, w.order[j].at = i, j
}

func (w *waiters) Push(of any) {
	of.(*waitersOf).at = len(w.order)
	w.order = append(w.order, of.(*waitersOf))
}

func (w *waiters) Pop() any {
	last := len(w.order) - 1
	of := w.order[last]
	w.order[last] = nil
	w.order = w.order[:last]
	return of
}

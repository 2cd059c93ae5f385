package server

import "sync/atomic"

// budget bounds the bytes that all connections together hold for one purpose. A single reservation takes at most 1/share of what
// is free: large reservations are refused first, and small ones still succeed when a few large ones have taken most of it. Any
// goroutine may use it; no method blocks.
type budget struct {
	most  int64 // bytes
	share int64
	used  atomic.Int64
}

// fits says whether a reservation of n bytes would succeed now.
func (b *budget) fits(n int) bool { return int64(n)*b.share <= b.most-b.used.Load() }

// reserve takes n bytes, or nothing and returns false. Give them back by release.
func (b *budget) reserve(n int) bool {
	for {
		used := b.used.Load()
		if int64(n)*b.share > b.most-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
}

func (b *budget) release(n int) { b.used.Add(int64(-n)) }

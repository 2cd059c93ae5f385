package limiter

import "sync/atomic"

// Budget bounds the bytes that all connections together hold for one purpose. A single reservation takes at most 1/share of what
// is free: large reservations are refused first, and small ones still succeed when a few large ones have taken most of it. Any
// goroutine may use it; no method blocks.
type Budget struct {
	Most  int64 // bytes
	Share int64
	Used  atomic.Int64
}

// Fits says whether a reservation of n bytes would succeed now.
func (bu *Budget) Fits(n int) bool { return int64(n)*bu.Share <= bu.Most-bu.Used.Load() }

// Reserve takes n bytes, or nothing and returns false. Give them back by release.
func (bu *Budget) Reserve(n int) bool {
	for {
		used := bu.Used.Load()
		if int64(n)*bu.Share > bu.Most-used {
			return false
		}
		if bu.Used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
}

func (bu *Budget) Release(n int) { bu.Used.Add(int64(-n)) }

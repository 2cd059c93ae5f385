package limiter

import "sync/atomic"

// Budget bounds the bytes that all connections together hold for one purpose. A reservation takes at most 1/Share of the free bytes. So
// large reservations fail first, and small ones succeed even if a few large ones hold most of the budget. Any goroutine may use it; no
// method blocks.
type Budget struct {
	Share int64        // at least 1
	Used  atomic.Int64 // bytes
	max   atomic.Int64 // bytes
}

// SetMax sets the number of bytes. A lower one takes no reservation back.
func (bu *Budget) SetMax(n int64) { bu.max.Store(n) }

// Max returns the number of bytes.
func (bu *Budget) Max() int64 { return bu.max.Load() }

// Reserve takes n bytes, or returns false. Return them with Release.
func (bu *Budget) Reserve(n int) bool {
	for {
		used := bu.Used.Load()
		if int64(n)*bu.Share > bu.max.Load()-used {
			return false
		}
		if bu.Used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
}

// Release returns n bytes.
func (bu *Budget) Release(n int) { bu.Used.Add(int64(-n)) }

package limiter

import "sync/atomic"

// Budget bounds the bytes that all connections together hold for one purpose. A reservation takes at most 1/Share of the free bytes. So
// large reservations fail first, and small ones succeed even if a few large ones hold most of the budget. Any goroutine may use it; no
// method blocks.
type Budget struct {
	Max   int64        // bytes
	Share int64        // at least 1
	Used  atomic.Int64 // bytes
}

// Reserve takes n bytes, or returns false. Return them with Release.
func (bu *Budget) Reserve(n int) bool {
	for {
		used := bu.Used.Load()
		if int64(n)*bu.Share > bu.Max-used {
			return false
		}
		if bu.Used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
}

// Release returns n bytes.
func (bu *Budget) Release(n int) { bu.Used.Add(int64(-n)) }

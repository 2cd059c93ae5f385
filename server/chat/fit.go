package chat

import "github.com/throng-chat/throng/server/fanout"

// What is kept must not hold more memory than is counted: a slice of seven bytes may keep an array of 64 KiB.

// MaxSpare is how many bytes an array may have beyond the bytes that are kept of it: an eighth, as allocations are rounded up, and a few.
func MaxSpare(n int) int { return n/8 + 32 }

// Fitted is b, or a copy of it where b has much more capacity than it needs.
func Fitted(b []byte) []byte {
	if cap(b)-len(b) <= MaxSpare(len(b)) {
		return b
	}
	return fanout.Cloned(b)
}

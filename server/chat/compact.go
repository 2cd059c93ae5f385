package chat

import "github.com/throng-chat/throng/server/fanout"

// MaxSlack returns how many unused bytes the array of a stored slice of n bytes may have: n/8 for the size classes of the allocator, and 32.
func MaxSlack(n int) int { return n/8 + 32 }

// Compact returns b, or a copy without spare capacity if b has more than MaxSlack. Store its result: a slice of seven bytes may hold an
// array of 64 KiB, which no budget counts.
func Compact(b []byte) []byte {
	if cap(b)-len(b) <= MaxSlack(len(b)) {
		return b
	}
	return fanout.ExactClone(b)
}

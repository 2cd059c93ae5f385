package bench

import "math/bits"

// pacer is the open-loop schedule: message n is meant to leave at start + n/rate, whatever became of the messages before.
// It is told the time and keeps none itself.
type pacer struct {
	start int64  // nanoseconds of the clock
	rate  uint64 // messages a second
	total uint64
	next  uint64 // the first message not yet given out
}

// intended is the moment at which message n is to leave.
func (p *pacer) intended(n uint64) int64 {
	return p.start + int64(n/p.rate)*1e9 + int64(n%p.rate*1e9/p.rate)
}

// due gives out the messages [from, to) whose moment has come, each once and in order. After a late call it gives out all
// that were missed: the schedule is caught up with, never cut.
func (p *pacer) due(now int64) (from, to uint64) {
	from = p.next
	if now >= p.start {
		// The number of n with n·1e9/rate < elapsed+1.
		hi, lo := bits.Mul64(uint64(now-p.start)+1, p.rate)
		lo, carry := bits.Add64(lo, 1e9-1, 0)
		count, _ := bits.Div64(hi+carry, lo, 1e9)
		p.next = max(p.next, min(count, p.total))
	}
	return from, p.next
}

// done says whether every message was given out.
func (p *pacer) done() bool { return p.next >= p.total }

package agent

// Span has the times at which one sampled message reached the members of its room: of one agent, or merged from several.
type Span struct {
	Publisher uint32 `json:"p"`
	Seq       uint32 `json:"s"`
	Intended  int64  `json:"i"`
	First     int64  `json:"f"` // first receipt
	Last      int64  `json:"l"`
}

// spanTable records the sampled messages of one poller's members.
type spanTable struct {
	slots [spanSlots]Span
	used  [spanSlots]bool
	done  []Span
}

const (
	spanSlots     = 256
	spansASecond  = 50 // sampled messages a second, approximately
	maxSpansATick = 1024
)

// spanMask returns the mask that selects the sampled messages: those for which (publisher+seq)&mask is 0.
func spanMask(rate float64) uint32 {
	mask := uint32(1)
	for rate/float64(mask) > spansASecond && mask < 1<<24 {
		mask <<= 1
	}
	return mask - 1
}

// record records one delivery of e.
func (tb *spanTable) record(e *entry, at int64) {
	i := (e.publisher*31 + e.seq) % spanSlots
	s := &tb.slots[i]
	if !tb.used[i] || s.Publisher != e.publisher || s.Seq != e.seq {
		if tb.used[i] && len(tb.done) < maxSpansATick {
			tb.done = append(tb.done, *s)
		}
		tb.used[i] = true
		*s = Span{Publisher: e.publisher, Seq: e.seq, Intended: e.intended, First: at}
	}
	s.Last = max(s.Last, at)
}

// take returns the spans and empties the table.
func (tb *spanTable) take() []Span {
	out := tb.done
	for i, used := range tb.used {
		if used {
			out = append(out, tb.slots[i])
		}
	}
	tb.done, tb.used = nil, [spanSlots]bool{}
	return out
}

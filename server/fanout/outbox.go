package fanout

import (
	"unsafe"

	"github.com/throng-chat/throng/server/wheel"
)

// Outbox is what a full socket refused. What a room published waits as slices that all slow members share (retained), so that a
// stopped reader costs pointers and no copies. Frames that belong to this connection alone are counted as its own. The garbage
// collector frees both. Owned by the shard.
type Outbox struct {
	Slices  []slice
	Bytes   int      // of all slices, and pending: how far behind the reader is
	Own     int      // bytes that this connection costs alone: its own frames, the slices themselves, and pending
	pending int      // bytes that the transport has taken and not sent
	behind  []behind // shared bytes, by topic
}

// slice is bytes to send. It ends where a frame ends.
type slice struct {
	B    []byte
	Of   *retained // nil for a frame of the connection's own
	debt *Debt     // not nil where it is of a long reply, which is counted as owed; that has a slice more where the next has the same debt
}

// behind is how many shared bytes of a topic wait.
type behind struct {
	of    *share
	bytes int
}

// SliceCost is how many bytes a slice costs whoever it points to.
const SliceCost = int(unsafe.Sizeof(slice{}))

// Push puts b behind what waits. of is whose bytes b are, nil for a frame of the connection's own.
func (o *Outbox) Push(b []byte, of *retained) { o.insert(len(o.Slices), slice{B: b, Of: of}) }

// PushReply puts bytes of a long reply behind what waits.
func (o *Outbox) PushReply(b []byte, d *Debt) { o.insert(len(o.Slices), slice{B: b, debt: d}) }

// PushUrgent puts a frame of the connection's own in front of what waits, but behind the slice that may have been sent in part.
// Where that is the head of a long reply, it is behind the reply.
func (o *Outbox) PushUrgent(b []byte) {
	at := min(1, len(o.Slices))
	for at > 0 && o.goesOn(at-1) {
		at++
	}
	o.insert(at, slice{B: b})
}

// goesOn says whether the frame that the i-th slice is of goes on in the next slice.
func (o *Outbox) goesOn(i int) bool {
	return o.Slices[i].debt != nil && i+1 < len(o.Slices) && o.Slices[i+1].debt == o.Slices[i].debt
}

func (o *Outbox) insert(at int, s slice) {
	o.Slices = append(o.Slices, slice{})
	copy(o.Slices[at+1:], o.Slices[at:])
	o.Slices[at] = s
	o.Bytes += len(s.B)
	o.Own += SliceCost
	if s.Of != nil {
		s.Of.hold()
	}
	o.count(&s, len(s.B))
}

// count adds n bytes to whom those of a slice belong.
func (o *Outbox) count(s *slice, n int) {
	of := s.Of
	if s.debt != nil {
		return // counted where it was made
	}
	if of == nil {
		o.Own += n
		return
	}
	for i := range o.behind {
		if b := &o.behind[i]; b.of == of.of {
			if b.bytes += n; b.bytes == 0 {
				last := len(o.behind) - 1
				*b, o.behind[last] = o.behind[last], behind{}
				o.behind = o.behind[:last]
			}
			return
		}
	}
	o.behind = append(o.behind, behind{of.of, n})
}

// behindIn is how many shared bytes of a topic wait.
func (o *Outbox) behindIn(sh *share) int {
	for _, b := range o.behind {
		if b.of == sh {
			return b.bytes
		}
	}
	return 0
}

// Alone is how many bytes the connection costs alone, without the slice that is being sent.
func (o *Outbox) Alone() int {
	if len(o.Slices) == 0 {
		return o.Own
	}
	n := o.Own - SliceCost
	if head := &o.Slices[0]; head.Of == nil && head.debt == nil {
		n -= len(head.B)
	}
	return n
}

// Head is what to send next: one big slice as it is, or several small ones gathered in scratch. It is not taken out.
// It is empty if only pending bytes wait.
func (o *Outbox) Head(scratch []byte) []byte {
	if len(o.Slices) == 0 {
		return nil
	}
	if first := o.Slices[0].B; len(first) >= cap(scratch)/2 || len(o.Slices) == 1 {
		return first
	}
	scratch = scratch[:0]
	for i := range o.Slices {
		b := o.Slices[i].B
		if len(scratch)+len(b) > cap(scratch) {
			break
		}
		scratch = append(scratch, b...)
	}
	return scratch
}

// Advance takes n sent bytes out.
func (o *Outbox) Advance(n int) {
	o.Bytes -= n
	for n > 0 {
		head := &o.Slices[0]
		sent := min(n, len(head.B))
		o.count(head, -sent)
		head.B = head.B[sent:]
		if n -= sent; len(head.B) == 0 {
			o.Own -= SliceCost
			if head.Of != nil {
				head.Of.release()
			}
			if head.debt != nil && !o.goesOn(0) {
				head.debt.pay()
			}
			*head = slice{}
			o.Slices = o.Slices[1:]
		}
	}
}

// setPending records how many bytes the transport has taken and not sent.
func (o *Outbox) setPending(n int) {
	o.Bytes += n - o.pending
	o.Own += n - o.pending
	o.pending = n
}

// endsWith says whether the last that waits is of a long reply.
func (o *Outbox) endsWith(d *Debt) bool {
	return len(o.Slices) > 0 && o.Slices[len(o.Slices)-1].debt == d
}

// Unread is how many bytes wait of long replies that were queued before a moment.
func (o *Outbox) Unread(before wheel.Tick) (n int) {
	for i := range o.Slices {
		if d := o.Slices[i].debt; d != nil && d.Since <= before {
			n += len(o.Slices[i].B)
		}
	}
	return n
}

// release lets go of all shared bytes.
func (o *Outbox) release() {
	for i := range o.Slices {
		if d := o.Slices[i].debt; d != nil {
			d.pay()
		}
		if of := o.Slices[i].Of; of != nil {
			of.release()
		}
	}
}

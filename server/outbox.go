package server

import (
	"unsafe"

	"github.com/throng-chat/throng/server/wheel"
)

// outbox is what a full socket refused. What a room published waits as slices that all slow members share (retained), so that a
// stopped reader costs pointers and no copies. Frames that belong to this connection alone are counted as its own. The garbage
// collector frees both. Owned by the shard.
type outbox struct {
	slices []slice
	bytes  int      // of all slices: how far behind the reader is
	own    int      // bytes that this connection costs alone: its own frames, and the slices themselves
	behind []behind // shared bytes, by topic
}

// slice is bytes to send. It ends where a frame ends.
type slice struct {
	b    []byte
	of   *retained // nil for a frame of the connection's own
	debt *debt     // not nil where it is of a long reply, which is counted as owed; that has a slice more where the next has the same debt
}

// behind is how many shared bytes of a topic wait.
type behind struct {
	topic *topic
	bytes int
}

// sliceCost is how many bytes a slice costs whoever it points to.
const sliceCost = int(unsafe.Sizeof(slice{}))

// push puts b behind what waits. of is whose bytes b are, nil for a frame of the connection's own.
func (o *outbox) push(b []byte, of *retained) { o.insert(len(o.slices), slice{b: b, of: of}) }

// pushReply puts bytes of a long reply behind what waits.
func (o *outbox) pushReply(b []byte, d *debt) { o.insert(len(o.slices), slice{b: b, debt: d}) }

// pushUrgent puts a frame of the connection's own in front of what waits, but behind the slice that may have been sent in part.
// Where that is the head of a long reply, it is behind the reply.
func (o *outbox) pushUrgent(b []byte) {
	at := min(1, len(o.slices))
	for at > 0 && o.goesOn(at-1) {
		at++
	}
	o.insert(at, slice{b: b})
}

// goesOn says whether the frame that the i-th slice is of goes on in the next slice.
func (o *outbox) goesOn(i int) bool {
	return o.slices[i].debt != nil && i+1 < len(o.slices) && o.slices[i+1].debt == o.slices[i].debt
}

func (o *outbox) insert(at int, s slice) {
	o.slices = append(o.slices, slice{})
	copy(o.slices[at+1:], o.slices[at:])
	o.slices[at] = s
	o.bytes += len(s.b)
	o.own += sliceCost
	if s.of != nil {
		s.of.hold()
	}
	o.count(&s, len(s.b))
}

// count adds n bytes to whom those of a slice belong.
func (o *outbox) count(s *slice, n int) {
	of := s.of
	if s.debt != nil {
		return // counted where it was made
	}
	if of == nil {
		o.own += n
		return
	}
	for i := range o.behind {
		if b := &o.behind[i]; b.topic == of.topic {
			if b.bytes += n; b.bytes == 0 {
				last := len(o.behind) - 1
				*b, o.behind[last] = o.behind[last], behind{}
				o.behind = o.behind[:last]
			}
			return
		}
	}
	o.behind = append(o.behind, behind{of.topic, n})
}

// behindIn is how many shared bytes of a topic wait.
func (o *outbox) behindIn(t *topic) int {
	for _, b := range o.behind {
		if b.topic == t {
			return b.bytes
		}
	}
	return 0
}

// alone is how many bytes the connection costs alone, without the slice that is being sent.
func (o *outbox) alone() int {
	n := o.own - sliceCost
	if head := &o.slices[0]; head.of == nil && head.debt == nil {
		n -= len(head.b)
	}
	return n
}

// head is what to send next: one big slice as it is, or several small ones gathered in scratch. It is not taken out.
func (o *outbox) head(scratch []byte) []byte {
	if first := o.slices[0].b; len(first) >= cap(scratch)/2 || len(o.slices) == 1 {
		return first
	}
	scratch = scratch[:0]
	for i := range o.slices {
		b := o.slices[i].b
		if len(scratch)+len(b) > cap(scratch) {
			break
		}
		scratch = append(scratch, b...)
	}
	return scratch
}

// advance takes n sent bytes out.
func (o *outbox) advance(n int) {
	o.bytes -= n
	for n > 0 {
		head := &o.slices[0]
		sent := min(n, len(head.b))
		o.count(head, -sent)
		head.b = head.b[sent:]
		if n -= sent; len(head.b) == 0 {
			o.own -= sliceCost
			if head.of != nil {
				head.of.release()
			}
			if head.debt != nil && !o.goesOn(0) {
				head.debt.pay()
			}
			*head = slice{}
			o.slices = o.slices[1:]
		}
	}
}

// endsWith says whether the last that waits is of a long reply.
func (o *outbox) endsWith(d *debt) bool {
	return len(o.slices) > 0 && o.slices[len(o.slices)-1].debt == d
}

// unread is how many bytes wait of long replies that were queued before a moment.
func (o *outbox) unread(before wheel.Tick) (n int) {
	for i := range o.slices {
		if d := o.slices[i].debt; d != nil && d.since <= before {
			n += len(o.slices[i].b)
		}
	}
	return n
}

// release lets go of all shared bytes.
func (o *outbox) release() {
	for i := range o.slices {
		if d := o.slices[i].debt; d != nil {
			d.pay()
		}
		if of := o.slices[i].of; of != nil {
			of.release()
		}
	}
}

package server

import "unsafe"

// outbox is what a full socket refused. What a room published waits as slices that all slow members share (retained), so that a
// stopped reader costs pointers and no copies. Frames that belong to this connection alone are counted as its own. The garbage
// collector frees both. Owned by the shard.
type outbox struct {
	slices []slice
	bytes  int      // of all slices: how far behind the reader is
	own    int      // bytes that this connection costs alone: its own frames, and the slices themselves
	behind []behind // shared bytes, by part
	asked  int      // bytes of a long answer among its own, which the client asked for
}

// slice is bytes to send. It ends where a frame ends.
type slice struct {
	b  []byte
	of *retained // nil for a frame of the connection's own
}

// behind is how many shared bytes of a part wait.
type behind struct {
	part  *part
	bytes int
}

// sliceCost is how many bytes a slice costs whoever it points to.
const sliceCost = int(unsafe.Sizeof(slice{}))

// push puts b behind what waits. of is whose bytes b are, nil for a frame of the connection's own.
func (o *outbox) push(b []byte, of *retained) { o.insert(len(o.slices), b, of) }

// pushUrgent puts a frame of the connection's own in front of what waits, but behind the slice that may have been sent in part.
func (o *outbox) pushUrgent(b []byte) { o.insert(min(1, len(o.slices)), b, nil) }

func (o *outbox) insert(at int, b []byte, of *retained) {
	o.slices = append(o.slices, slice{})
	copy(o.slices[at+1:], o.slices[at:])
	o.slices[at] = slice{b, of}
	o.bytes += len(b)
	o.own += sliceCost
	if of != nil {
		of.hold()
	}
	o.count(of, len(b))
}

// count adds n bytes to whom they belong.
func (o *outbox) count(of *retained, n int) {
	if of == nil {
		o.own += n
		return
	}
	for i := range o.behind {
		if b := &o.behind[i]; b.part == of.part {
			if b.bytes += n; b.bytes == 0 {
				last := len(o.behind) - 1
				*b, o.behind[last] = o.behind[last], behind{}
				o.behind = o.behind[:last]
			}
			return
		}
	}
	o.behind = append(o.behind, behind{of.part, n})
}

// behindIn is how many shared bytes of a part wait.
func (o *outbox) behindIn(p *part) int {
	for _, b := range o.behind {
		if b.part == p {
			return b.bytes
		}
	}
	return 0
}

// alone is how many bytes the connection costs alone, without the slice that is being sent.
func (o *outbox) alone() int {
	n := o.own - sliceCost
	if head := &o.slices[0]; head.of == nil {
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
		o.count(head.of, -sent)
		head.b = head.b[sent:]
		if n -= sent; len(head.b) == 0 {
			o.own -= sliceCost
			if head.of != nil {
				head.of.release()
			}
			*head = slice{}
			o.slices = o.slices[1:]
		}
	}
}

// release lets go of all shared bytes.
func (o *outbox) release() {
	for i := range o.slices {
		if of := o.slices[i].of; of != nil {
			of.release()
		}
	}
}

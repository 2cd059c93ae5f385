package fanout

import (
	"unsafe"

	"github.com/throng-chat/throng/server/wheel"
)

// Outbox is the unsent bytes of a slow consumer. Published bytes are slices that all slow members of a topic share (retained), so that a
// consumer that stops reading costs pointers and no copies. Frames of this connection alone count as its own. Owned by the shard.
type Outbox struct {
	Slices  []slice
	Bytes   int   // unsent: of all slices, and pending
	Own     int   // bytes that this connection costs alone: its own frames, the slices themselves, and pending
	pending int   // bytes that the transport has taken and not sent
	lags    []lag // shared bytes, by topic
}

// slice is bytes to send. It ends at the end of a frame, or of a part of a bulk reply.
type slice struct {
	B     []byte
	Of    *retained         // nil for a frame of the connection's own
	reply *OutstandingReply // not nil for bytes of a bulk reply, which do not count here; a reply may have two slices, one after the other
}

// lag is the number of unsent shared bytes of a topic.
type lag struct {
	of    *topicRetained
	bytes int
}

// SliceCost is the number of bytes that a slice costs its outbox, without the bytes that it points to.
const SliceCost = int(unsafe.Sizeof(slice{}))

// Push appends b. of is the retained bytes that b is a part of, nil for a frame of the connection's own.
func (o *Outbox) Push(b []byte, of *retained) { o.insert(len(o.Slices), slice{B: b, Of: of}) }

// PushReply appends bytes of a bulk reply.
func (o *Outbox) PushReply(b []byte, d *OutstandingReply) {
	o.insert(len(o.Slices), slice{B: b, reply: d})
}

// pushUrgent inserts a frame of the connection's own before all slices except the first, of which a part may be sent. If that is a part of
// a bulk reply, the frame is inserted after the reply.
func (o *Outbox) pushUrgent(b []byte) {
	at := min(1, len(o.Slices))
	for at > 0 && o.continues(at-1) {
		at++
	}
	o.insert(at, slice{B: b})
}

// continues reports whether the frame of slice i continues in the next slice.
func (o *Outbox) continues(i int) bool {
	return o.Slices[i].reply != nil && i+1 < len(o.Slices) && o.Slices[i+1].reply == o.Slices[i].reply
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

// count adds n bytes, which may be negative, to the connection's own bytes or to the shared bytes of a topic.
func (o *Outbox) count(s *slice, n int) {
	of := s.Of
	if s.reply != nil {
		return // a bulk reply counts where it was made
	}
	if of == nil {
		o.Own += n
		return
	}
	for i := range o.lags {
		if b := &o.lags[i]; b.of == of.of {
			if b.bytes += n; b.bytes == 0 {
				last := len(o.lags) - 1
				*b, o.lags[last] = o.lags[last], lag{}
				o.lags = o.lags[:last]
			}
			return
		}
	}
	o.lags = append(o.lags, lag{of.of, n})
}

// lagIn returns the number of unsent shared bytes of a topic.
func (o *Outbox) lagIn(sh *topicRetained) int {
	for _, b := range o.lags {
		if b.of == sh {
			return b.bytes
		}
	}
	return 0
}

// ownWaiting returns how many bytes the connection costs alone, without the slice that is being sent. MaxUnsent limits it.
func (o *Outbox) ownWaiting() int {
	if len(o.Slices) == 0 {
		return o.Own
	}
	n := o.Own - SliceCost
	if head := &o.Slices[0]; head.Of == nil && head.reply == nil {
		n -= len(head.B)
	}
	return n
}

// Head returns the bytes to send next: one large slice as it is, or several small ones copied to scratch. They stay in the outbox. It is
// empty if only pending bytes are unsent.
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

// Advance removes the first n bytes.
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
			if head.reply != nil && !o.continues(0) {
				head.reply.complete()
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

// endsWith reports whether the last slice is a part of a bulk reply.
func (o *Outbox) endsWith(d *OutstandingReply) bool {
	return len(o.Slices) > 0 && o.Slices[len(o.Slices)-1].reply == d
}

// unread returns the number of unsent bytes of bulk replies that were queued at a tick or before it.
func (o *Outbox) unread(before wheel.Tick) (n int) {
	for i := range o.Slices {
		if d := o.Slices[i].reply; d != nil && d.Since <= before {
			n += len(o.Slices[i].B)
		}
	}
	return n
}

// release releases all shared bytes, and completes the bulk replies.
func (o *Outbox) release() {
	for i := range o.Slices {
		if d := o.Slices[i].reply; d != nil {
			d.complete()
		}
		if of := o.Slices[i].Of; of != nil {
			of.release()
		}
	}
}

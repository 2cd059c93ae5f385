package chat

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Notices have their own bound in a history: for any redactions, the newest messages that were not redacted are kept, and no offset between
// them is missing.
func TestNoticesEvictNoMessages(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 2, 3, 7, 50} {
		h := &History{}
		var messages []uint64 // offsets
		for n := range 20_000 {
			if p := h.Find(h.LastOffset - rand.Uint64N(uint64(4*most))); p != nil && !p.notice && string(p.Data) != string(Redacted) && rand.IntN(8) > 0 {
				h.redact(p)
				h.add(&Publication{Data: []byte("notice"), notice: true}, most)
			} else {
				p := &Publication{Data: fmt.Append(nil, n)}
				h.add(p, most)
				messages = append(messages, p.Offset)
			}
			for i := range h.Count {
				if got, want := h.At(i).Offset, h.LastOffset-uint64(h.Count-1-i); got != want {
					t.Fatalf("most %d: got offset %d in the place of %d", most, got, want)
				}
			}
			// Each of the newest messages is kept, unless it was redacted.
			kept := 0
			for _, offset := range messages[max(0, len(messages)-most):] {
				if p := h.Find(offset); p != nil {
					kept++
				} else if kept > 0 {
					t.Fatalf("most %d: the message of offset %d was dropped before an older one", most, offset)
				}
			}
			if h.kinds[1] > noticesPerMessage*most || h.kinds[0] > most || len(h.ring) > (1+noticesPerMessage+changesPerMessage)*most {
				t.Fatalf("most %d: got %d notices and %d messages in %d places", most, h.kinds[1], h.kinds[0], len(h.ring))
			}
		}
		h.clearTo(h.LastOffset)
		if h.kinds != [3]int{} || h.Bytes != 0 {
			t.Errorf("most %d: got %v publications of %d bytes counted after all was cleared", most, h.kinds, h.Bytes)
		}
	}
}

// Only newer messages evict a message, for any number of redactions of other messages.
func TestRedactionsDropNoMessage(t *testing.T) {
	t.Parallel()
	const most = 10
	h := &History{}
	redactBefore := func(offset uint64) {
		for o := offset - min(offset-1, 3*most); o < offset; o++ {
			if p := h.Find(o); p != nil && !p.notice && string(p.Data) != string(Redacted) {
				h.redact(p)
				h.add(&Publication{Data: []byte("notice"), notice: true}, most)
			}
		}
	}
	add := func() uint64 {
		p := &Publication{Data: []byte("1")}
		h.add(p, most)
		return p.Offset
	}
	for range 1000 {
		for range most {
			redactBefore(h.LastOffset + 1)
			add()
		}
		kept := add()
		for i := range most - 1 {
			// All other messages are redacted, earlier and later ones.
			redactBefore(kept)
			newer := add()
			h.redact(h.Find(newer))
			h.add(&Publication{Data: []byte("notice"), notice: true}, most)
			if p := h.Find(kept); p == nil || string(p.Data) != "1" {
				t.Fatalf("the message was evicted after %d newer ones of %d", i+1, most)
			}
		}
		add()
		if h.Find(kept) != nil {
			t.Fatalf("more than %d messages stay", most)
		}
	}
}

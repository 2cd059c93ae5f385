package chat

import (
	"errors"

	"github.com/throng-chat/throng/server/home"
)

// Values are carried forward: before the log loses its oldest records, the values in them are proposed again.

// maxCarried is the number of bytes of values that are proposed again at a time, so that publications wait for one such part at most.
const maxCarried = 256 << 10

// Kept returns the bytes of the values and of the snapshots in the log.
func (co committer) Kept() int64 { return co.log.values.bytes.Load() + co.log.snapshots.bytes.Load() }

// Carry proposes again the values that are in records up to seq, a part at a time. A value that an open proposal replaces is left out: it is
// in a newer record when the part is committed.
func (co committer) Carry(seq uint64) (more bool, err error) {
	h := co.hub
	defer co.log.Kick()
	left := int64(maxCarried)
	for i := range h.Rooms.stripes {
		err := co.carryStripe(&h.Rooms.stripes[i], seq, &left)
		if errors.Is(err, home.ErrBusy) {
			return true, nil
		}
		if err != nil || left <= 0 {
			return left <= 0, err
		}
	}
	return false, nil
}

// carryStripe proposes values of the rooms of a stripe again, and messages of chat rooms, until left bytes are used.
func (co committer) carryStripe(in *Stripe, seq uint64, left *int64) error {
	h := co.hub
	in.Mu.Lock()
	defer in.Mu.Unlock()
	for _, rv := range in.values {
		if rv.budget != co.log.values {
			continue
		}
		p := &valueProposal{stripe: in, log: co.log, values: rv, changes: rv.upTo(seq, left)}
		if len(p.changes) == 0 {
			continue
		}
		for _, v := range p.changes {
			rv.budget.bytes.Add(v.size(rv.room)) // the commit releases the same
		}
		if err := h.addValuesLocked(p); err != nil {
			return err
		}
		if *left <= 0 {
			return nil
		}
	}
	return co.carryTalks(in, seq, left)
}

// upTo returns values that are in records up to seq, until left bytes are used.
func (rv *roomValues) upTo(seq uint64, left *int64) (values []Value) {
	rv.each(func(v Value, at valueAt) bool {
		if at.upTo(seq) && !rv.isProposed(v.Key) {
			values = append(values, v)
			*left -= v.size(rv.room)
		}
		return *left > 0
	})
	return values
}

package chat

import (
	"strings"
	"time"

	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/record"
)

// valueProposal is a change of values in the open record, that is not committed.
type valueProposal struct {
	stripe  *Stripe
	log     *Durable // nil for values without a log
	values  *roomValues
	changes []Value
	origin  link.Origin // of a request of another node
	done    Done        // nil for none
}

// finish calls Done.
func (vp *valueProposal) finish(e *Rejection) {
	if vp.done != nil {
		vp.done(StreamPosition{}, e)
	}
}

// valuesOf returns the values of a room, and creates them if necessary: end with dropValues. The lock of in is held.
func (in *Stripe) valuesOf(room string, b *valueBudget) *roomValues {
	rv := in.values[room]
	if rv == nil {
		room = strings.Clone(room)
		rv = &roomValues{
			room: room, budget: b,
			members: rosterFamily{room: room, index: in.Hub.members}, numbers: markerFamily{prefix: markerPrefix(room)},
		}
		in.values[room] = rv
	}
	return rv
}

// dropValues ends the values of a room that has none. The lock of in is held.
func (in *Stripe) dropValues(rv *roomValues) {
	if rv.count == 0 && len(rv.proposed) == 0 {
		delete(in.values, rv.room)
	}
}

// addValuesLocked adds changes, whose bytes are counted, to the open record. On error they are not counted. The room's lock is held.
func (h *Hub) addValuesLocked(p *valueProposal) error {
	entries := make([]record.Entry, len(p.changes))
	now := time.Now().UnixMilli()
	for i, v := range p.changes {
		entries[i] = record.Entry{
			Kind: record.Value, Room: p.values.room, UnixMilli: now, Key: v.Key, Data: v.Data, Edge: p.origin.Edge, EdgeNumber: p.origin.Number,
		}
	}
	p.values.propose(p.changes)
	if err := p.log.Add(p, entries); err != nil {
		p.discardLocked()
		return err
	}
	return nil
}

// commitLocked applies committed changes, from the record at. The room's lock is held.
func (vp *valueProposal) commitLocked(at valueAt) {
	vp.values.settle(vp.changes)
	vp.applyLocked(at)
}

// applyLocked applies changes, from the record at. The room's lock is held.
func (vp *valueProposal) applyLocked(at valueAt) {
	for _, v := range vp.changes {
		vp.stripe.noteMarkerLocked(vp.values, v)
		vp.values.set(v, at)
	}
	vp.stripe.dropValues(vp.values)
}

// discardLocked ends changes that are not committed, or whose outcome is unknown. The room's lock is held.
func (vp *valueProposal) discardLocked() {
	for _, v := range vp.changes {
		vp.values.budget.bytes.Add(-v.size(vp.values.room))
	}
	vp.values.settle(vp.changes)
	vp.stripe.dropValues(vp.values)
}

package chat

import (
	"github.com/throng-chat/throng/server/roster"
)

// Direct rooms: chat rooms whose name lists two users.

// joinDirectLocked makes the users of a direct room members of its roster before its first message. A user that is a member of
// roster.MaxUserRooms rooms stays out, and is counted: it receives the message all the same. The room's lock is held. In a durable room the
// caller appends the open record.
func (h *Hub) joinDirectLocked(r *Room) {
	a, b, ok := r.Options().from.Names.direct(r.Name)
	if !ok {
		return
	}
	now := ValueReader{r.Stripe.values[r.Name]}
	var changes []Value
	for _, user := range [...]string{a, b} {
		switch {
		case now.role(user) != roster.None:
		case len(user) > roster.MaxUser || h.members.Count(user) >= roster.MaxUserRooms:
			h.Metrics.DirectUnlisted.Inc()
		default:
			changes = append(changes, Value{memberPrefix + user, dataOf(roster.Member)})
		}
	}
	if len(changes) > 0 && h.changeLocked(r, changes) != nil {
		h.Metrics.DirectUnlisted.Add(float64(len(changes)))
	}
}

// changeLocked changes values of a room without a Done. The room's lock is held.
func (h *Hub) changeLocked(r *Room, changes []Value) *Rejection {
	var log *Durable
	if r.durable != nil {
		log = r.durable.log
	}
	b := h.valueBudget(log)
	if e := b.admit(r.Stripe.values[r.Name], r.Name, changes); e != nil {
		return e
	}
	p := &valueProposal{stripe: r.Stripe, log: log, values: r.Stripe.valuesOf(r.Name, b), changes: changes}
	if r.durable == nil {
		p.applyLocked(0)
		return nil
	}
	return h.addedOrRejected(h.addValuesLocked(p))
}

package chat

import (
	"github.com/throng-chat/throng/server/roster"
)

// Direct rooms: chat rooms whose name lists two users.

// joinDirectLocked makes the users of a direct room members of its roster before its first message. It returns how many stay out: a user that is
// a member of roster.MaxUserRooms rooms, or both if the values have no space. They receive the message all the same. The caller counts them if the
// message is accepted. The room's lock is held. In a durable room the caller appends the open record.
func (h *Hub) joinDirectLocked(r *Room) (unlisted int) {
	a, b, ok := r.Options().from.Names.direct(r.Name)
	if !ok {
		return 0
	}
	now := ValueReader{r.Stripe.values[r.Name]}
	var changes []Value
	for _, user := range [...]string{a, b} {
		switch {
		case now.role(user) != roster.None:
		case len(user) > roster.MaxUser || h.members.Count(user) >= roster.MaxUserRooms:
			unlisted++
		default:
			changes = append(changes, Value{memberPrefix + user, dataOf(roster.Member)})
		}
	}
	if len(changes) > 0 && !h.changeLocked(r, changes) {
		unlisted += len(changes)
	}
	return unlisted
}

// changeLocked changes values of a room without a Done. It returns false if they have no space, or the log does not accept them. The room's lock is
// held.
func (h *Hub) changeLocked(r *Room, changes []Value) bool {
	var log *Durable
	if r.durable != nil {
		log = r.durable.log
	}
	b := h.valueBudget(log)
	if b.admit(r.Stripe.values[r.Name], r.Name, changes) != nil {
		return false
	}
	p := &valueProposal{stripe: r.Stripe, log: log, values: r.Stripe.valuesOf(r.Name, b), changes: changes}
	if r.durable == nil {
		p.applyLocked(0)
		return true
	}
	return h.addValuesLocked(p) == nil
}

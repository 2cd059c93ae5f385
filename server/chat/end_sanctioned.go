package chat

// endSanctioned ends the connections or subscriptions on this node that a sanction denies. A node that was cut off when a sanction was imposed does so when
// it is back: the call that has imposed it did not wait for it. It does not block.
func (h *Hub) endSanctioned(s Sanction) {
	switch {
	case s.Kind == SanctionBan && s.Room == "":
		h.TellHere(s.User, "", Disconnect{Cause: EndedByBan})
	case s.Kind == SanctionBan:
		h.TellHere(s.User, "", Unsubscribe{Room: s.Room, Cause: EndedByBan})
	case s.Kind == SanctionRevoke:
		h.TellHere(s.User, "", EndRevoked{})
	}
}

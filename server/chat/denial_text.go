package chat

import "time"

// denialText returns the active sanction of a user that denies an action in a room, with its end and its reason, as text; "" for none. An entry for
// all rooms comes first. Pages read the text: the reason, which may have any words, is last.
func (m *Moderation) denialText(user string, action Action, room string) string {
	if user == "" || !m.anySanction.Load() {
		return ""
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	text := func(sanctions map[SanctionKey]Term, what, where string, key SanctionKey) string {
		t, is := sanctions[key]
		if !is || !isActive(t.Until, now) {
			return ""
		}
		said := what + where
		if !t.Until.IsZero() {
			said += " until " + t.Until.UTC().Format(time.RFC3339)
		}
		return withReason(said, t.Reason)
	}
	everywhere, here := SanctionKey{user, ""}, SanctionKey{user, room}
	reasons := []string{text(m.Bans, "banned", "", everywhere), text(m.Bans, "banned", " from this room", here)}
	if action == ToPublish {
		reasons = append(reasons, text(m.mutes, "muted", "", everywhere), text(m.mutes, "muted", " in this room", here))
	}
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}

// BanText returns the text of the end of a connection by a ban of a user from all rooms, or of a subscription by one from a room.
func (m *Moderation) BanText(user, room string) string {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return withReason("banned", m.Bans[SanctionKey{user, room}].Reason)
}

// withReason returns the text of a sanction with its reason, if there is one.
func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

package chat

import "time"

// denialText returns the active sanction of a user that denies an action in a room, with its end, as text; "" for none. An entry for all rooms
// comes first.
func (m *Moderation) denialText(user string, action Action, room string) string {
	if user == "" || !m.anySanction.Load() {
		return ""
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	text := func(sanctions map[SanctionKey]time.Time, what, where string, key SanctionKey) string {
		until, is := sanctions[key]
		switch {
		case !is || !isActive(until, now):
			return ""
		case until.IsZero():
			return what + where
		}
		return what + where + " until " + until.UTC().Format(time.RFC3339)
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

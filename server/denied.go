package server

import "time"

// why says what stands against a user in a room, or in all of them, and until when; empty for nothing.
func (m *moderation) why(user string, d deed, room string) string {
	if user == "" || !m.any.Load() {
		return ""
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.now()
	told := func(sanctions map[sanctioned]time.Time, what, where string, who sanctioned) string {
		until, is := sanctions[who]
		switch {
		case !is || !stands(until, now):
			return ""
		case until.IsZero():
			return what + where
		}
		return what + where + " until " + until.UTC().Format(time.RFC3339)
	}
	everywhere, here := sanctioned{user, ""}, sanctioned{user, room}
	reasons := []string{told(m.bans, "banned", "", everywhere), told(m.bans, "banned", " from this room", here)}
	if d == toPublish {
		reasons = append(reasons, told(m.mutes, "muted", "", everywhere), told(m.mutes, "muted", " in this room", here))
	}
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}

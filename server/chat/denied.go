package chat

import "time"

// why says what stands against a user in a room, or in all of them, and until when; empty for nothing.
func (m *Moderation) why(user string, d Action, room string) string {
	if user == "" || !m.Any.Load() {
		return ""
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	told := func(sanctions map[Sanctioned]time.Time, what, where string, who Sanctioned) string {
		until, is := sanctions[who]
		switch {
		case !is || !stands(until, now):
			return ""
		case until.IsZero():
			return what + where
		}
		return what + where + " until " + until.UTC().Format(time.RFC3339)
	}
	everywhere, here := Sanctioned{user, ""}, Sanctioned{user, room}
	reasons := []string{told(m.Bans, "banned", "", everywhere), told(m.Bans, "banned", " from this room", here)}
	if d == ToPublish {
		reasons = append(reasons, told(m.mutes, "muted", "", everywhere), told(m.mutes, "muted", " in this room", here))
	}
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}

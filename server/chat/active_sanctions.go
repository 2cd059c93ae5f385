package chat

import "time"

// activeSanctions has the active sanctions, as the server API returns them.
type activeSanctions struct {
	Bans        []ActiveSanction   `json:"bans"`
	Mutes       []ActiveSanction   `json:"mutes"`
	SlowMode    map[string]int64   `json:"slow_mode"` // seconds by channel
	Revocations []ActiveRevocation `json:"revocations"`
}

// ActiveSanction is an active ban or mute.
type ActiveSanction struct {
	User    string `json:"user"`
	Channel string `json:"channel,omitempty"` // empty: all rooms
	Until   int64  `json:"until,omitempty"`   // Unix seconds; 0: no end
	Reason  string `json:"reason,omitempty"`
}

// ActiveRevocation is an active revocation. Times are Unix seconds; 0: none.
type ActiveRevocation struct {
	User         string `json:"user"`
	ID           string `json:"jti,omitempty"` // empty: all tokens issued before IssuedBefore
	IssuedBefore int64  `json:"issued_before,omitempty"`
	ExpireAt     int64  `json:"expire_at,omitempty"`
}

// ActiveSanctions returns the active sanctions, in no order. A user or a room that is not empty selects sanctions of that user, or of that room and
// of all rooms.
func (m *Moderation) ActiveSanctions(user, room string) activeSanctions {
	s := activeSanctions{
		Bans:        []ActiveSanction{},
		Mutes:       []ActiveSanction{},
		SlowMode:    map[string]int64{},
		Revocations: []ActiveRevocation{},
	}
	seconds := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	selected := func(u, r string) bool { return (user == "" || u == user) && (room == "" || r == room || r == "") }
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	list := func(to *[]ActiveSanction, from map[SanctionKey]Term) {
		for key, t := range from {
			if isActive(t.Until, now) && selected(key.User, key.Room) {
				*to = append(*to, ActiveSanction{key.User, key.Room, seconds(t.Until), t.Reason})
			}
		}
	}
	list(&s.Bans, m.Bans)
	list(&s.Mutes, m.mutes)
	for r, pause := range m.slow {
		if room == "" || r == room {
			s.SlowMode[r] = int64(pause / time.Second)
		}
	}
	for token, r := range m.revocations {
		if isActive(r.Until, now) && selected(token.user, "") {
			s.Revocations = append(s.Revocations, ActiveRevocation{token.user, token.id, seconds(r.IssuedBefore), seconds(r.Until)})
		}
	}
	return s
}

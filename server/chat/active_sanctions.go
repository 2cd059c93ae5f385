package chat

import "time"

// standing has the active sanctions, as the server API returns them.
type standing struct {
	Bans        []StandingSanction   `json:"bans"`
	Mutes       []StandingSanction   `json:"mutes"`
	SlowMode    map[string]int64     `json:"slow_mode"` // seconds by channel
	Revocations []StandingRevocation `json:"revocations"`
}

// StandingSanction is an active ban or mute.
type StandingSanction struct {
	User    string `json:"user"`
	Channel string `json:"channel,omitempty"` // empty: all rooms
	Until   int64  `json:"until,omitempty"`   // Unix seconds; 0: no end
}

// StandingRevocation is an active revocation. Times are Unix seconds; 0: none.
type StandingRevocation struct {
	User         string `json:"user"`
	ID           string `json:"jti,omitempty"` // empty: all tokens issued before IssuedBefore
	IssuedBefore int64  `json:"issued_before,omitempty"`
	ExpireAt     int64  `json:"expire_at,omitempty"`
}

// Standing returns the active sanctions, in no order. A user or a room that is not empty selects sanctions of that user, or of that room and
// of all rooms.
func (m *Moderation) Standing(user, room string) standing {
	s := standing{
		Bans:        []StandingSanction{},
		Mutes:       []StandingSanction{},
		SlowMode:    map[string]int64{},
		Revocations: []StandingRevocation{},
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
	list := func(to *[]StandingSanction, from map[Sanctioned]time.Time) {
		for key, until := range from {
			if stands(until, now) && selected(key.User, key.Room) {
				*to = append(*to, StandingSanction{key.User, key.Room, seconds(until)})
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
		if stands(r.Until, now) && selected(token.user, "") {
			s.Revocations = append(s.Revocations, StandingRevocation{token.user, token.id, seconds(r.IssuedBefore), seconds(r.Until)})
		}
	}
	return s
}

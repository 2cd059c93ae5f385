package server

import "time"

// standing is what the application has forbidden, as the server API tells it.
type standing struct {
	Bans        []standingSanction   `json:"bans"`
	Mutes       []standingSanction   `json:"mutes"`
	SlowMode    map[string]int64     `json:"slow_mode"` // seconds by channel
	Revocations []standingRevocation `json:"revocations"`
}

type standingSanction struct {
	User    string `json:"user"`
	Channel string `json:"channel,omitempty"`
	Until   int64  `json:"until,omitempty"`
}

type standingRevocation struct {
	User         string `json:"user"`
	ID           string `json:"jti,omitempty"`
	IssuedBefore int64  `json:"issued_before,omitempty"`
	ExpireAt     int64  `json:"expire_at,omitempty"`
}

// standing is what stands now, in no order: for a user, in a room; for all, in all where they are empty.
func (m *moderation) standing(user, room string) standing {
	s := standing{
		Bans:        []standingSanction{},
		Mutes:       []standingSanction{},
		SlowMode:    map[string]int64{},
		Revocations: []standingRevocation{},
	}
	seconds := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	asked := func(u, r string) bool { return (user == "" || u == user) && (room == "" || r == room || r == "") }
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.now()
	list := func(to *[]standingSanction, from map[sanctioned]time.Time) {
		for who, until := range from {
			if stands(until, now) && asked(who.user, who.room) {
				*to = append(*to, standingSanction{who.user, who.room, seconds(until)})
			}
		}
	}
	list(&s.Bans, m.bans)
	list(&s.Mutes, m.mutes)
	for r, pause := range m.slow {
		if room == "" || r == room {
			s.SlowMode[r] = int64(pause / time.Second)
		}
	}
	for token, r := range m.revocations {
		if stands(r.until, now) && asked(token.user, "") {
			s.Revocations = append(s.Revocations, standingRevocation{token.user, token.id, seconds(r.issuedBefore), seconds(r.until)})
		}
	}
	return s
}

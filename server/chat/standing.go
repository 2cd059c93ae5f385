package chat

import "time"

// standing is what the application has forbidden, as the server API tells it.
type standing struct {
	Bans        []StandingSanction   `json:"bans"`
	Mutes       []StandingSanction   `json:"mutes"`
	SlowMode    map[string]int64     `json:"slow_mode"` // seconds by channel
	Revocations []StandingRevocation `json:"revocations"`
}

type StandingSanction struct {
	User    string `json:"user"`
	Channel string `json:"channel,omitempty"`
	Until   int64  `json:"until,omitempty"`
}

type StandingRevocation struct {
	User         string `json:"user"`
	ID           string `json:"jti,omitempty"`
	IssuedBefore int64  `json:"issued_before,omitempty"`
	ExpireAt     int64  `json:"expire_at,omitempty"`
}

// Standing is what stands now, in no order: for a user, in a room; for all, in all where they are empty.
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
	asked := func(u, r string) bool { return (user == "" || u == user) && (room == "" || r == room || r == "") }
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	list := func(to *[]StandingSanction, from map[Sanctioned]time.Time) {
		for who, until := range from {
			if stands(until, now) && asked(who.User, who.Room) {
				*to = append(*to, StandingSanction{who.User, who.Room, seconds(until)})
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
		if stands(r.Until, now) && asked(token.user, "") {
			s.Revocations = append(s.Revocations, StandingRevocation{token.user, token.id, seconds(r.IssuedBefore), seconds(r.Until)})
		}
	}
	return s
}

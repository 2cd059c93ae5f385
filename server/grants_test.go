package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// linesTo returns the lines up to the reply with an ID.
func (c *sdk) linesTo(id int) (all []string) {
	c.t.Helper()
	for {
		all = append(all, c.line())
		if strings.HasPrefix(all[len(all)-1], fmt.Sprintf(`{"id":%d,`, id)) {
			return all
		}
	}
}

// roomsOf returns the rooms of the only connection of a user, in the order of joining.
func roomsOf(t *testing.T, s *Server, user string) (names []string) {
	t.Helper()
	session, done := sessionOf(t, s, user), make(chan struct{})
	session.Conn.Poller().Post(func() {
		defer close(done)
		for _, sub := range session.Subs {
			names = append(names, sub.Room.Name)
		}
	})
	<-done
	return names
}

// A refreshed connection token removes the rooms that only the old token named, and adds those that it names.
func TestARefreshedTokenChangesTheRooms(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	later := time.Now().Add(time.Hour).Unix()
	text := func(v int, channels ...string) string {
		return signed(map[string]any{"sub": "ann", "exp": later, "channels": channels, "subs": map[string]any{"c": map[string]any{"info": map[string]int{"v": v}}}})
	}
	c := connectSDK(t, s, text(1, "a", "b", "both"))
	c.enter("own")
	wantCall(t, s, "subscribe", `{"user":"ann","channel":"put"}`, `{"result":{}}`)
	c.line()
	c.sendLine(`{"id":5,"refresh":{"token":%q}}`, text(2, "d", "b", "own"))
	told := c.linesTo(5)
	slices.Sort(told[:len(told)-1])
	if want := []string{
		`{"push":{"channel":"a","unsubscribe":{"code":2000,"reason":"no longer in the token"}}}`,
		`{"push":{"channel":"both","unsubscribe":{"code":2000,"reason":"no longer in the token"}}}`,
	}; len(told) != 3 || !slices.Equal(told[:2], want) || !strings.Contains(told[2], `"refresh":{`) {
		t.Fatalf("got %q, want %q and the reply", told, want)
	}
	c.expectLine(`{"push":{"channel":"d","subscribe":{}}}`)
	if got := roomsOf(t, s, "ann"); !slices.Equal(got, []string{"b", "c", "own", "put", "d"}) {
		t.Errorf("got %q", got)
	}
	if got := call(t, s, "presence", `{"channel":"c"}`); !strings.Contains(got, `"chan_info":{"v":2}`) {
		t.Errorf("got %s, want the info of the new token", got)
	}
	call(t, s, "publish", `{"channel":"a","data":1}`)
	call(t, s, "publish", `{"channel":"d","data":2}`)
	c.expectLine(`{"push":{"channel":"d","pub":{"data":2}}}`)
	// The second refresh removes the rooms of the first one. Without info for the room, none is shown.
	c.sendLine(`{"id":6,"refresh":{"token":%q}}`, signed(map[string]any{"sub": "ann", "exp": later, "channels": []string{"c"}}))
	if told := c.linesTo(6); len(told) != 3 {
		t.Errorf("got %q, want b and d to be removed", told)
	}
	if got := roomsOf(t, s, "ann"); !slices.Equal(got, []string{"c", "own", "put"}) {
		t.Errorf("got %q", got)
	}
	if got := call(t, s, "presence", `{"channel":"c"}`); strings.Contains(got, "chan_info") {
		t.Errorf("got %s, want no info of the room", got)
	}
}

// A refreshed token removes neither the personal room nor the rooms that the application added.
func TestARefreshedTokenKeepsOtherSubscriptions(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"channels":["hooked","both"],"subs":{"sub":{}}}}`)})
	s := startHooked(t, a, func(c *Config) { c.PersonalRooms = true })
	later := time.Now().Add(time.Hour).Unix()
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann", "exp": later, "channels": []string{"both", "mine", "#ann"}}))
	c.sendLine(`{"id":5,"refresh":{"token":%q}}`, signed(map[string]any{"sub": "ann", "exp": later}))
	if told := c.linesTo(5); len(told) != 2 || !strings.Contains(told[0], `"channel":"mine","unsubscribe"`) {
		t.Errorf("got %q, want only mine to be removed", told)
	}
	if got := roomsOf(t, s, "ann"); !slices.Equal(got, []string{"#ann", "both", "hooked", "sub"}) {
		t.Errorf("got %q", got)
	}
}

func TestARefreshedSubscriptionTokenChangesTheInfo(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	c := connectSDK(t, s, tokenOf("ann"))
	text := func(more map[string]any) string {
		claims := map[string]any{"sub": "ann", "channel": "tea", "exp": time.Now().Add(time.Hour).Unix()}
		for k, v := range more {
			claims[k] = v
		}
		return signed(claims)
	}
	c.answerTo(fmt.Sprintf(`"subscribe":{"channel":"tea","token":%q}`, text(map[string]any{"info": "guest"})))
	for _, step := range []struct {
		more map[string]any
		want string
	}{
		{map[string]any{"info": "host"}, `"chan_info":"host"`},
		{nil, `"chan_info":"host"`}, // as with the token of the connection
	} {
		if got := c.answerTo(fmt.Sprintf(`"sub_refresh":{"channel":"tea","token":%q}`, text(step.more))); !strings.Contains(got, `"sub_refresh":{`) {
			t.Fatal(got)
		}
		if got := call(t, s, "presence", `{"channel":"tea"}`); !strings.Contains(got, step.want) {
			t.Errorf("%v: got %s, want %s", step.more, got, step.want)
		}
	}
	c.sendLine(`{"id":8,"publish":{"channel":"tea","data":1}}`)
	if got := c.line(); !strings.Contains(got, `"chan_info":"host"`) {
		t.Errorf("got %s, want the info in the publication", got)
	}
}

// A subscription token is bound to its user, its room and, if it names one, its connection. A token for another one closes the connection.
func TestASubscriptionTokenIsBoundToItsUser(t *testing.T) {
	s := startBackend(t)
	for _, tt := range []struct {
		name   string
		claims map[string]any
		good   bool
	}{
		{"right", map[string]any{"sub": "ann", "channel": "tea"}, true},
		{"of another user", map[string]any{"sub": "bob", "channel": "tea"}, false},
		{"of no user", map[string]any{"channel": "tea"}, false},
		{"for another room", map[string]any{"sub": "ann", "channel": "coffee"}, false},
		{"for this connection", map[string]any{"sub": "ann", "channel": "tea", "client": "this"}, true},
		{"for another connection", map[string]any{"sub": "ann", "channel": "tea", "client": "another"}, false},
	} {
		for _, refresh := range []bool{false, true} {
			c := connectSDK(t, s, userToken("ann"))
			if tt.claims["client"] == "this" {
				tt.claims["client"] = sessionOf(t, s, "ann").ClientID()
			}
			command := `{"id":2,"subscribe":{"channel":"tea","token":%q}}`
			if refresh {
				c.sendLine(command, signed(map[string]any{"sub": "ann", "channel": "tea", "exp": time.Now().Add(time.Hour).Unix()}))
				c.line()
				command = `{"id":2,"sub_refresh":{"channel":"tea","token":%q}}`
			}
			c.sendLine(command, signed(tt.claims))
			if !tt.good {
				c.expectCloseCode(3500)
			} else if line := c.line(); strings.Contains(line, "error") || !strings.HasPrefix(line, `{"id":2,`) {
				t.Errorf("%s, refresh %v: got %s", tt.name, refresh, line)
			}
			c.conn.Close()
			eventually(t, "the connection to be removed", func() bool { return s.sessions.Live.Load() == 0 })
			if tt.claims["client"] != nil && tt.good {
				tt.claims["client"] = "this"
			}
		}
	}
}

// A token with more rooms than a connection may join is an error, and none is joined. Otherwise they are joined in the order of the token.
func TestATokenWithTooManyRoomsIsAnError(t *testing.T) {
	t.Parallel()
	const most = 20
	var channels []string
	for i := range most - 1 {
		channels = append(channels, fmt.Sprintf("room %d", i*7%most))
	}
	claims := func(channels ...string) map[string]any {
		return map[string]any{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "channels": channels}
	}
	s := startLimited(t, func(c *Config) { c.MaxRooms, c.PersonalRooms = most, true })
	limit := `"error":{"code":106,"message":"limit exceeded"}}`
	for range 5 { // a map would have another order each time
		c := connectSDK(t, s, signed(claims(append(slices.Clone(channels), channels[0], "bad\x00")...)))
		if got := roomsOf(t, s, "ann"); !slices.Equal(got, append([]string{"#ann"}, channels...)) {
			t.Errorf("got %q, want the personal room and %q", got, channels)
		}
		// The limit also applies to a refresh, which then changes nothing.
		c.sendLine(`{"id":3,"refresh":{"token":%q}}`, signed(claims(append(slices.Clone(channels), "more")...)))
		c.expectLine(`{"id":3,` + limit)
		if got := len(roomsOf(t, s, "ann")); got != most {
			t.Errorf("got %d rooms after a rejected refresh, want %d", got, most)
		}
		c.conn.Close()
		eventually(t, "the connection to be removed", func() bool { return s.sessions.Live.Load() == 0 })
	}
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, signed(claims(append(slices.Clone(channels), "more")...)))
	c.expectLine(`{"id":1,` + limit)
	if got := s.sessions.Rooms.Count(); got != 0 || len(sessionsOf(s, "ann")) != 0 {
		t.Errorf("got %d rooms, want none", got)
	}

	// The limit also applies to the reply of the application.
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"channels":["b","a"],"subs":{"d":{},"c":{}}}}`)})
	hooked := startHooked(t, a, func(c *Config) { c.MaxRooms = 5 })
	connectSDK(t, hooked, signed(claims("z")))
	if got := roomsOf(t, hooked, "ann"); !slices.Equal(got, []string{"z", "b", "a", "c", "d"}) {
		t.Errorf("got %q", got)
	}
	c = dialSDK(t, hooked, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, signed(claims("z", "y")))
	c.expectLine(`{"id":1,` + limit)
}

// Every user whose name is valid in a room name has a personal room. Connections without one are counted.
func TestPersonalRoomsOfLongNames(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Token.HMACSecret, c.PersonalRooms = testSecret, true })
	missing := 0.0
	for _, tt := range []struct {
		user string
		has  bool
	}{
		{strings.Repeat("n", chat.MaxRoomName-1), true},
		{strings.Repeat("n", chat.MaxRoomName), false},
		{"ann,bob", false}, // the name of a room of Ann and Bob
		{"a#bob", false},
		{"ann", true},
	} {
		c := connectSDK(t, s, userToken(tt.user))
		want := []string(nil)
		if tt.has {
			want = []string{"#" + tt.user}
		} else {
			missing++
		}
		if got := roomsOf(t, s, tt.user); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", tt.user, got, want)
		}
		if got := value(t, s, "throng_personal_rooms_missing_total", ""); got != missing {
			t.Errorf("%s: got %v without one, want %v", tt.user, got, missing)
		}
		c.conn.Close()
	}
}

// A room of a token or of a webhook reply that the client does not join is counted, by who granted it and the reason.
func TestIgnoredRoomsAreCounted(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"channels":["hooked","bad\u0000"],"subs":{"also bad\u0000":{}}}}`)})
	s := startHooked(t, a, func(c *Config) { c.PersonalRooms = true })
	for _, room := range []string{"hooked", "mine", "later", "#ann"} {
		s.sessions.Moderation.Ban("ann", room, chat.Term{})
	}
	later := time.Now().Add(time.Hour).Unix()
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann", "exp": later, "channels": []string{"mine", "good", "bad\x00"}}))
	if got := roomsOf(t, s, "ann"); !slices.Equal(got, []string{"good"}) {
		t.Errorf("got %q, want only the room that is valid and without a ban", got)
	}
	c.sendLine(`{"id":5,"refresh":{"token":%q}}`, signed(map[string]any{"sub": "ann", "exp": later, "channels": []string{"good", "later", "worse\x00"}}))
	c.linesTo(5)
	for _, want := range []string{
		`{reason="name",source="token"} 2`, `{reason="name",source="webhook"} 2`,
		`{reason="rejected",source="token"} 2`, `{reason="rejected",source="webhook"} 1`, `{reason="rejected",source="user"} 1`,
	} {
		eventually(t, want, func() bool { return strings.Contains(scrape(t, s), "throng_rooms_ignored_total"+want+"\n") })
	}
}

// An API call that waits for a connect request and fails then is counted: its caller has received success.
func TestACommandThatFailsAfterConnectIsCounted(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string {
		close(asked)
		<-answer
		return `{"result":{}}`
	}})
	s := startHooked(t, a, nil)
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, userToken("ann"))
	<-asked
	s.sessions.Moderation.Ban("ann", "tea", chat.Term{})
	e := s.sessions.Execute(t.Context(), chat.TargetedCommand{User: "ann", Command: chat.Subscribe{Room: "tea"}})
	close(answer)
	if e != nil {
		t.Fatalf("got %v, want success", e)
	}
	c.line()
	eventually(t, "the failed command to be counted", func() bool { return strings.Contains(scrape(t, s), "throng_pending_commands_failed_total 1\n") })
}

package server

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
)

// namedRoomOptions allow everything, so that only the names of the rooms restrict access.
func namedRoomOptions() (rooms []chat.RoomOptions) {
	for _, pattern := range []string{"loose:*", "$*"} {
		o := roomWithHistory(pattern)
		o.Publish, o.SeePresence, o.ReadHistory, o.Recovery = chat.Anyone, chat.Anyone, chat.Anyone, false
		rooms = append(rooms, o)
	}
	return rooms
}

// namedRooms checks the rooms whose names restrict access.
func (m *matrix) namedRooms(s *Server) {
	rooms := []struct {
		name    string
		users   []string // nil for all
		private bool
	}{
		{name: "loose:x"},
		{name: "loose:pair#ann,tess", users: []string{"ann", "tess"}},
		{name: "loose:three#ban,mute,bart", users: []string{"ban", "mute", "bart"}},
		{name: "loose:nobody#", users: []string{}},
		{name: "loose:empty#,", users: []string{}},
		{name: "loose:last#tess#ann", users: []string{"ann"}},
		{name: "loose:part#an,anna, ann", users: []string{"an", "anna", " ann"}},
		{name: "$news", private: true},
		{name: "$pair#tess,mutt", users: []string{"tess", "mutt"}, private: true},
		{name: "loose:$news"},
	}
	for _, r := range rooms {
		call(m.t, s, "publish", fmt.Sprintf(`{"channel":%q,"data":"seed"}`, r.name))
		for _, k := range kinds {
			if k.banned {
				call(m.t, s, "ban", fmt.Sprintf(`{"user":%q,"channel":%q}`, k.user, r.name))
			}
		}
		m.cell(m.plainEnters(s, r.name), r.users == nil && !r.private, "plain client enters %s", r.name)
	}
	for _, k := range append(kinds, kind{name: "user in no list", user: "bob"}) {
		text := ""
		if k.user != "" {
			text = tokenOf(k.user)
		}
		c := connectSDK(m.t, s, text)
		for _, r := range rooms {
			listed := r.users == nil
			for _, u := range r.users {
				listed = listed || u == k.user
			}
			allowed := func(d chat.Action, inside, token bool) bool {
				return !k.banned && !(k.muted && d == chat.ToPublish) && (inside || listed) && (!r.private || token)
			}
			deeds := func(inside, token bool, how string) {
				for d := chat.ToPublish; d < chat.ActionCount; d++ {
					for _, command := range asks(d, r.name) {
						m.cell(c.may(command), allowed(d, inside, token), "%s %s %s: %s", k.name, how, r.name, command)
					}
				}
			}
			deeds(false, false, "outside of")
			entered := func(token string) bool {
				return strings.HasPrefix(c.answerTo(fmt.Sprintf(`"subscribe":{"channel":%q,"token":%q}`, r.name, token)), `{"id":77,"subscribe":`)
			}
			in := entered("")
			m.cell(in, allowed(chat.ToSubscribe, false, false), "%s enters %s", k.name, r.name)
			if !in && k.token {
				claims := map[string]any{"channel": r.name}
				if k.user != "" {
					claims["sub"] = k.user
				}
				in = entered(signed(claims))
				m.cell(in, allowed(chat.ToSubscribe, false, true), "%s enters %s by the token", k.name, r.name)
			}
			if in {
				deeds(true, true, "in")
				c.answerTo(fmt.Sprintf(`"unsubscribe":{"channel":%q}`, r.name))
				deeds(false, false, "back outside of")
			}
			if k.user != "" && !k.banned { // the application may subscribe any user
				wantCall(m.t, s, "subscribe", fmt.Sprintf(`{"user":%q,"channel":%q}`, k.user, r.name), `{"result":{}}`)
				deeds(true, true, "put into")
				wantCall(m.t, s, "unsubscribe", fmt.Sprintf(`{"user":%q,"channel":%q}`, k.user, r.name), `{"result":{}}`)
			}
		}
	}
}

func (m *matrix) plainEnters(s *Server, room string) bool {
	resp, _ := ask(m.t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws?room="+url.QueryEscape(room)))
	if resp.StatusCode != 101 && resp.StatusCode != 403 {
		m.t.Fatalf("plain client in %s: got %s", room, resp.Status)
	}
	return resp.StatusCode == 101
}

// A user that is not in the list of a room, and was subscribed by the application, cannot redact its publications there later.
func TestAUserOutsideTheListRedactsNothing(t *testing.T) {
	t.Parallel()
	s := startAPI(t, namedRoomOptions()...)
	bob, ann := connectSDK(t, s, tokenOf("bob")), connectSDK(t, s, tokenOf("ann"))
	for _, room := range []string{"loose:pair#ann,tess", "$news"} {
		wantCall(t, s, "subscribe", fmt.Sprintf(`{"user":"bob","channel":%q}`, room), `{"result":{}}`)
		if !bob.may(fmt.Sprintf(`"publish":{"channel":%q,"data":1}`, room)) {
			t.Fatal("a user that the application subscribed may not publish")
		}
		wantCall(t, s, "unsubscribe", fmt.Sprintf(`{"user":"bob","channel":%q}`, room), `{"result":{}}`)
		if bob.may(fmt.Sprintf(`"rpc":{"method":"redact","data":{"channel":%q,"offset":1}}`, room)) {
			t.Errorf("%s: bob redacted his publication", room)
		}
	}
	if !ann.may(`"publish":{"channel":"loose:pair#ann,tess","data":1}`) ||
		!ann.may(`"rpc":{"method":"redact","data":{"channel":"loose:pair#ann,tess","offset":2}}`) {
		t.Error("ann may not redact her publication in her room")
	}
}

// Both characters are settings. Without them, names do not restrict access.
func TestTheCharactersOfRoomNamesAreSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ users, private, mine, notMine, wantsToken, free string }{
		{users: "#", private: "$", mine: "d#ann,bob", notMine: "d#bob", wantsToken: "$x", free: "d@bob"},
		{users: "@", private: "!", mine: "d@ann", notMine: "@bob", wantsToken: "!x", free: "$x"},
		{users: "@", private: "!", mine: "@ann", notMine: "@", wantsToken: "!@ann", free: "d#bob"},
		{mine: "d#ann", free: "d#bob"},
		{mine: "#ann", free: "$x"},
	} {
		s := startServer(t, func(c *Config) {
			c.Token.HMACSecret, c.UserRooms, c.PrivateRooms = testSecret, tt.users, tt.private
		})
		c := connectSDK(t, s, userToken("ann"))
		for room, want := range map[string]bool{tt.mine: true, tt.free: true, tt.notMine: false, tt.wantsToken: false} {
			if room == "" {
				continue
			}
			if got := c.may(fmt.Sprintf(`"subscribe":{"channel":%q}`, room)); got != want {
				t.Errorf("users %q, private %q: ann joins %s: got %v, want %v", tt.users, tt.private, room, got, want)
			}
		}
		if tt.wantsToken != "" && !c.may(fmt.Sprintf(`"subscribe":{"channel":%q,"token":%q}`, tt.wantsToken, signed(map[string]any{"sub": "ann", "channel": tt.wantsToken}))) {
			t.Errorf("ann cannot join %s with a token", tt.wantsToken)
		}
	}
}

// With a key for tokens, rooms that match no pattern are for clients with a user; without a key they are open. A pattern sets the access of
// its rooms independently.
func TestAccessToRoomsWithoutAPattern(t *testing.T) {
	t.Parallel()
	const ok, denied, unknown = "ok", "103", "102"
	people := []string{"plain", "nobody", "guest", "user"}
	for _, tt := range []struct {
		name, mode string
		key        bool
		is         string
		tea        map[string]string // the results in a room that matches no pattern
	}{
		{name: "a demo", mode: chat.RoomsAuto, is: chat.RoomsOpen, tea: map[string]string{"plain": ok, "nobody": ok, "guest": ok}},
		{name: "a backend", mode: chat.RoomsAuto, key: true, is: chat.RoomsSignedIn, tea: map[string]string{"plain": denied, "nobody": denied, "guest": ok, "user": ok}},
		{name: "opened", mode: chat.RoomsOpen, key: true, is: chat.RoomsOpen, tea: map[string]string{"plain": ok, "nobody": ok, "guest": ok, "user": ok}},
		{name: "signed in", mode: chat.RoomsSignedIn, is: chat.RoomsSignedIn, tea: map[string]string{"plain": denied, "nobody": denied, "guest": ok}},
		{name: "closed", mode: chat.RoomsClosed, key: true, is: chat.RoomsClosed, tea: map[string]string{"plain": denied, "nobody": unknown, "guest": unknown, "user": unknown}},
	} {
		s := startServer(t, func(c *Config) {
			c.OtherRooms, c.Guests = tt.mode, "on"
			c.API.Key = strings.ReplaceAll(testKey, " ", "-")
			if tt.key {
				c.Token.HMACSecret = testSecret
			}
			open := chat.DefaultRoom()
			open.Pattern = "open:*"
			c.Rooms = []chat.RoomOptions{open}
		})
		if got := s.OtherRooms(); got != tt.is {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.is)
		}
		for _, who := range people {
			want, is := tt.tea[who]
			if !is {
				continue
			}
			if who == "plain" {
				m := &matrix{t: t}
				m.cell(m.plainEnters(s, "open:x"), true, "%s: plain client in a room of a pattern", tt.name)
				m.cell(m.plainEnters(s, "tea"), want == ok, "%s: plain client in another", tt.name)
				continue
			}
			token := map[string]string{"nobody": "", "user": userToken("ann")}[who]
			if who == "guest" {
				answer, _, err := s.edge.IssueGuestToken(edge.GuestRequest{Name: "Gus"}, s.sessions.Moderation.Now())
				if err != nil {
					t.Fatal(err)
				}
				token = answer.Token
			}
			c := connectSDK(t, s, token)
			got := func(command string) string {
				line := c.answerTo(command)
				switch {
				case strings.Contains(line, `"error":{"code":102,"message":"unknown channel"}`):
					return unknown
				case strings.Contains(line, `"error":{"code":103,`):
					return denied
				case strings.Contains(line, `"error"`):
					return line
				}
				return ok
			}
			if got := got(`"subscribe":{"channel":"open:x"}`); got != ok {
				t.Errorf("%s: %s in a room of a pattern: got %s", tt.name, who, got)
			}
			if want == unknown {
				for _, command := range []string{
					`"publish":{"channel":"tea","data":1}`, `"presence":{"channel":"tea"}`, `"presence_stats":{"channel":"tea"}`, `"history":{"channel":"tea"}`,
					`"rpc":{"method":"redact","data":{"channel":"tea","offset":1}}`, `"subscribe":{"channel":"tea#ann"}`, `"subscribe":{"channel":"$tea"}`,
				} {
					if got := got(command); got != unknown {
						t.Errorf("%s: %s: %s: got %s, want error 102", tt.name, who, command, got)
					}
				}
			}
			if who == "user" {
				opened := want
				if opened == denied {
					opened = ok
				}
				if got := got(fmt.Sprintf(`"subscribe":{"channel":"tea2","token":%q}`, signed(map[string]any{"sub": "ann", "channel": "tea2"}))); got != opened {
					t.Errorf("%s: %s with a token for the room: got %s, want %s", tt.name, who, got, opened)
				}
				if got := got(`"subscribe":{"channel":"#ann"}`); got != ok {
					t.Errorf("%s: the room of ann herself: got %s", tt.name, got)
				}
				wantCall(t, s, "subscribe", `{"user":"ann","channel":"put"}`, `{"result":{}}`)
				if got := got(`"publish":{"channel":"put","data":1}`); got != ok {
					t.Errorf("%s: room to which the application subscribed ann: got %s", tt.name, got)
				}
			}
			if got := got(`"subscribe":{"channel":"tea"}`); got != want {
				t.Errorf("%s: %s in another room: got %s, want %s", tt.name, who, got, want)
			}
		}
	}
}

// A rejected plain client gets the reason. The advice is useful: it names --guests only if guests are off and the room allows guests.
func TestARejectedPlainClientGetsTheReason(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode, guests, room, says string
	}{
		{chat.RoomsClosed, "on", "tea", "--rooms closed"},
		{chat.RoomsSignedIn, "on", "tea", "signed-in users (--rooms)"},
		{chat.RoomsOpen, "on", "d#42,43", "user-rooms"},
		{chat.RoomsOpen, "on", "$x", "private-rooms"},
		{chat.RoomsOpen, "off", "tea", "--guests on"},
		{chat.RoomsOpen, "on", "shut", "(subscribe)"},
		{chat.RoomsOpen, "on", "nobody", "the application subscribes (subscribe)"},
		{chat.RoomsClosed, "off", "tea", "--rooms closed"},
		{chat.RoomsSignedIn, "off", "tea", "signed-in users (--rooms)"},
		{chat.RoomsOpen, "off", "d#42,43", "user-rooms"},
		{chat.RoomsOpen, "off", "shut", "(subscribe)"},
		{chat.RoomsOpen, "off", "nobody", "the application subscribes (subscribe)"},
	} {
		s := startServer(t, func(c *Config) {
			c.OtherRooms, c.Guests = tt.mode, tt.guests
			shut, nobody := chat.DefaultRoom(), chat.DefaultRoom()
			shut.Pattern, shut.Subscribe = "shut", chat.WithToken
			nobody.Pattern, nobody.Subscribe = "nobody", chat.Nobody
			c.Rooms = []chat.RoomOptions{shut, nobody}
		})
		resp, body := ask(t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws?room="+url.QueryEscape(tt.room)))
		if resp.StatusCode != 403 || !strings.Contains(body, tt.says) {
			t.Errorf("%s, guests %s, %s: got %s %q, want 403 and %q", tt.mode, tt.guests, tt.room, resp.Status, body, tt.says)
		}
		if tt.says != "--guests on" && strings.Contains(body, "guests") {
			t.Errorf("%s, guests %s, %s: got %q, want no advice about guests", tt.mode, tt.guests, tt.room, body)
		}
		if tt.room == "nobody" && strings.Contains(body, chat.SessionPath) {
			t.Errorf("%s, guests %s, %s: got %q, want no advice to connect to %s", tt.mode, tt.guests, tt.room, body, chat.SessionPath)
		}
	}
}

func TestRoomAccessIsChecked(t *testing.T) {
	for _, tt := range []struct {
		change func(*Config)
		says   string
	}{
		{func(c *Config) { c.UserRooms = "##" }, `user-rooms = "##": must be one ASCII punctuation character`},
		{func(c *Config) { c.UserRooms = "," }, `user-rooms = ",": must be one ASCII punctuation character`},
		{func(c *Config) { c.PrivateRooms = "a" }, `private-rooms = "a": must be one ASCII punctuation character`},
		{func(c *Config) { c.PrivateRooms = "*" }, `private-rooms = "*": must be one ASCII punctuation character`},
		{func(c *Config) { c.PrivateRooms = "#" }, `private-rooms = "#": must differ from user-rooms`},
		{func(c *Config) { c.UserRooms, c.PersonalRooms = "", true }, `personal-rooms = true: needs a character in user-rooms, such as "#"`},
		{func(c *Config) { c.OtherRooms = "shut" }, `rooms = "shut": must be one of open, signed-in, closed, auto`},
		{func(c *Config) { c.UserRooms, c.PrivateRooms = "", "" }, ""},
	} {
		c := DefaultConfig()
		tt.change(&c)
		err := c.Validate()
		if got := fmt.Sprint(err); err == nil && tt.says != "" || !strings.HasPrefix(got, tt.says) && tt.says != "" || err != nil && tt.says == "" {
			t.Errorf("got %v, want %q", err, tt.says)
		}
	}
}

package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/notify"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/webpush"
	"github.com/throng-chat/throng/server/webpush/pushtest"
)

// notifying configures chat rooms whose members may publish, and Web Push to a push service of a test.
func notifying(t testing.TB, service *pushtest.Service) func(*Config) {
	keys, err := webpush.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) {
		o := rosterRooms("team:*")
		o.Kind = chat.ChatRoom
		c.Rooms = []chat.RoomOptions{o}
		c.API.Key = strings.ReplaceAll(testKey, " ", "-")
		if service != nil {
			c.WebPush = WebPushConfig{Subject: "mailto:ops@chat.example", PrivateKey: keys.Private(), Services: []string{service.Host()}, Private: true,
				TTL: time.Hour, Roots: service.Roots()}
		}
	}
}

// belongs adds users to the roster of a room.
func belongs(t testing.TB, s *Server, room string, users ...string) {
	t.Helper()
	done := make(chan *chat.Rejection, 1)
	s.sessions.ChangeMembers(chat.MemberChange{Room: room, Role: 1, Add: true, Users: users}, func(_ chat.StreamPosition, e *chat.Rejection) { done <- e })
	if e := <-done; e != nil {
		t.Fatal(e)
	}
}

// noticed is the data of the event notify.
type noticed struct {
	Channels map[string]struct {
		Unread, Mentions int
		Last             struct{ ID, User, Text string }
	}
	More int
}

func noticeOf(t testing.TB, data []byte) (n noticed) {
	t.Helper()
	if err := json.Unmarshal(data, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOfflineMembersAreNotifiedByTheWebhook(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnNotify: always("{}")})
	s := startHooked(t, a, notifying(t, nil))
	belongs(t, s, "team:tea", "ann", "bob", "cat", "dan")
	belongs(t, s, "team:news", "ann", "bob")
	belongs(t, s, "team:other", "cat")
	ann, cat := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("cat"))
	if got := cat.rpc("mute", `{"channel":"team:other"}`); got != `{"mutes":{"team:other":0},"dnd":{},"browsers":0}` {
		t.Errorf("mute: got %s", got)
	}
	dan := connectSDK(t, s, tokenOf("dan"))
	if got := dan.rpc("mute", `{"channel":"team:tea"}`); !strings.Contains(got, `"team:tea":0`) {
		t.Errorf("mute: got %s", got)
	}
	dan.conn.Close()
	eventually(t, "the end of the connection", func() bool { return s.sessions.UserCount() == 2 })
	for _, command := range []string{
		`{"channel":"team:tea","data":{"id":"1","text":"good day","mentions":["bob"]}}`, `{"channel":"team:tea","data":{"id":"2","text":"tea?"}}`,
		`{"channel":"team:news","data":{"id":"3","text":"kettle"}}`, `{"channel":"team:tea","data":{"type":"reaction","of":"1","emoji":"x","on":true}}`,
	} {
		if !ann.may(`"publish":` + command) {
			t.Fatalf("rejected: %s", command)
		}
	}
	eventually(t, "the notification", func() bool { return len(a.of(session.OnNotify)) > 0 })
	q := a.of(session.OnNotify)[0]
	got := noticeOf(t, q.Data)
	tea := got.Channels["team:tea"]
	if q.User != "bob" || tea.Unread != 2 || tea.Mentions != 1 || tea.Last.ID != "2" || tea.Last.Text != "tea?" || tea.Last.User != "ann" ||
		got.Channels["team:news"].Unread != 1 || len(got.Channels) != 2 {
		t.Errorf("got %s of %s", q.Data, q.User)
	}
	s.sessions.Notices.Flush()
	if all := a.of(session.OnNotify); len(all) != 1 {
		t.Errorf("got %d notifications, want one: ann has written, cat is connected, dan has muted the room", len(all))
	}
}

// A graceful stop sends what waits, and does not notify the users whose connections it closes.
func TestAStopSendsNotificationsThatWait(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnNotify: always("{}")})
	outer := t // its connections are open during the stop
	t.Run("", func(t *testing.T) {
		s := startHooked(t, a, notifying(t, nil))
		belongs(t, s, "team:tea", "ann", "bob", "cat")
		ann, cat := connectSDK(outer, s, tokenOf("ann")), connectSDK(outer, s, tokenOf("cat"))
		if !ann.may(`"publish":{"channel":"team:tea","data":{"id":"1","text":"good day"}}`) || !cat.may(`"rpc":{"method":"notifications"}`) {
			t.Fatal("rejected")
		}
	})
	var users []string
	for _, q := range a.of(session.OnNotify) {
		users = append(users, q.User)
	}
	if !slices.Equal(users, []string{"bob"}) {
		t.Errorf("got %q notified, want bob, who was not connected before the stop", users)
	}
}

func TestBrowsersOfOfflineMembersGetWebPush(t *testing.T) {
	t.Parallel()
	service := pushtest.Start(t)
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		notifying(t, service)(c)
	})
	belongs(t, s, "team:tea", "ann", "bob")
	ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	var key struct{ Key string }
	if err := json.Unmarshal([]byte(bob.rpc("push_key", `{}`)), &key); err != nil || len(key.Key) != 87 {
		t.Fatalf("got the key %q, %v", key.Key, err)
	}
	for i, browser := range []string{"phone", "desk"} {
		if got, want := bob.rpc("push_subscribe", service.Subscribe(browser)), fmt.Sprintf(`{"mutes":{},"dnd":{},"browsers":%d}`, i+1); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	bob.conn.Close()
	eventually(t, "the end of the connection", func() bool { return s.sessions.UserCount() == 1 })
	say := func(id string) {
		t.Helper()
		if !ann.may(fmt.Sprintf(`"publish":{"channel":"team:tea","data":{"id":%q,"text":"good day","mentions":["bob"]}}`, id)) {
			t.Fatal("rejected")
		}
	}
	say("1")
	eventually(t, "both messages", func() bool { return len(service.Pushes()) == 2 })
	for _, p := range service.Pushes() {
		got := noticeOf(t, []byte(p.Payload))
		if p.Key != key.Key || p.Urgency != "high" || p.TTL != "3600" || got.Channels["team:tea"].Mentions != 1 || got.Channels["team:tea"].Last.Text != "good day" {
			t.Errorf("got %+v", p)
		}
	}
	// One of the browsers has unsubscribed.
	service.Respond(func(path string) int {
		if path == "/push/phone" {
			return 410
		}
		return 201
	})
	say("2")
	eventually(t, "the end of a subscription", func() bool {
		return len(service.Pushes()) == 3 && strings.Count(string(s.sessions.Value("", notify.PreferencesKey("bob"))), "endpoint") == 1
	})
	bob = connectSDK(t, s, tokenOf("bob"))
	if got := bob.rpc("notifications", `{}`); got != `{"mutes":{},"dnd":{},"browsers":1}` {
		t.Errorf("got %s, want one browser", got)
	}
	if got := bob.rpc("push_unsubscribe", `{}`); got != `{"mutes":{},"dnd":{},"browsers":0}` {
		t.Errorf("got %s, want no browser", got)
	}
}

func TestCallsAboutNotificationsAreChecked(t *testing.T) {
	t.Parallel()
	service := pushtest.Start(t)
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret, c.Guests = testSecret, "on"
		notifying(t, service)(c)
		c.WebPush.Services, c.WebPush.Private = []string{"*"}, false
	})
	long := strings.Repeat("x", 2000)
	valid := service.Subscribe("ann")
	at := func(endpoint string) string { return strings.Replace(valid, service.URL(), endpoint, 1) }
	for _, c := range []struct{ method, params, want string }{
		{"mute", `{}`, `"code":107`},
		{"mute", `[]`, `"code":107`},
		{"mute", `{"channel":"a","until":1}`, `bad request: until: must be a time to come, in Unix seconds`},
		{"mute", `{"channel":"` + long + `"}`, `"code":107`},
		{"unmute", `{}`, `"code":107`},
		{"dnd", `{"from":"25:00","to":"07:00"}`, `bad request: from, to:`},
		{"dnd", `{"from":"22:00","to":"07:00","offset":120}`, `"dnd":{"from":"22:00","to":"07:00","offset":120}`},
		{"dnd", `"on"`, `"code":107`},
		{"push_subscribe", `{}`, `bad request: endpoint: must be an https:// URL`},
		{"push_subscribe", at("http://1.1.1.1"), `bad request: endpoint: must be an https:// URL`},
		{"push_subscribe", at("https://127.0.0.1"), `bad request: endpoint: must not have a private address`},
		{"push_subscribe", at("https://[::1]"), `bad request: endpoint: must not have a private address`},
		{"push_subscribe", at("https://169.254.169.254"), `bad request: endpoint: must not have a private address`},
		{"push_subscribe", at("https://push.example:22"), `bad request: endpoint: must have port 443`},
		{"push_subscribe", at("https://push.example/" + long), `bad request: endpoint: `},
		{"push_subscribe", strings.Replace(at("https://push.example"), `"auth":"`, `"auth":"AAAA`, 1), `bad request: keys.auth: `},
		{"push_unsubscribe", `{"endpoint":"https://unknown.example/"}`, `"browsers":0`},
	} {
		ann := connectSDK(t, s, tokenOf("ann")) // each connection has its own rate
		if got := ann.rpc(c.method, c.params); !strings.Contains(got, c.want) {
			t.Errorf("%s %.80s: got %s, want %s", c.method, c.params, got, c.want)
		}
		ann.conn.Close()
	}
	guest := connectSDK(t, s, "")
	for _, method := range []string{"mute", "dnd", "notifications", "push_subscribe"} {
		params := map[string]string{"mute": `{"channel":"a"}`, "push_subscribe": at("https://push.example")}[method]
		if params == "" {
			params = `{}`
		}
		if got := guest.rpc(method, params); got != `"code":103,"message":"permission denied: notifications need a user"` && !strings.Contains(got, "notifications need a user") {
			t.Errorf("%s without a user: got %s", method, got)
		}
	}
	bob := connectSDK(t, s, tokenOf("bob"))
	rejected := 0
	for range 20 {
		if got := bob.rpc("dnd", `{"on":true}`); strings.Contains(got, `"code":111`) {
			rejected++
		}
	}
	if rejected < 10 {
		t.Errorf("got %d of 20 quick changes rejected, want most", rejected)
	}
}

// A user mutes the rooms that may notify it, and no others.
func TestWhoMayMuteARoom(t *testing.T) {
	t.Parallel()
	service := pushtest.Start(t)
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		notifying(t, service)(c)
		token := chatRoom("token:*")
		token.Subscribe = chat.WithToken
		c.Rooms = append(c.Rooms, token, chatRoom("open:*"))
	})
	belongs(t, s, "team:tea", "ann")
	belongs(t, s, "token:tea", "ann")
	const denied = `"code":103,"message":"permission denied"`
	for _, c := range []struct{ user, room, want string }{
		{"ann", "team:tea", `"team:tea":0`},
		{"ann", "token:tea", `"token:tea":0`}, // its messages notify her, although she has no token for it
		{"ann", "dialog#ann,bob", `"dialog#ann,bob":0`},
		{"eve", "open:a", `"open:a":0`},
		{"eve", "team:tea", denied},
		{"eve", "token:tea", denied},
		{"eve", "dialog#ann,bob", denied},
		{"eve", "$priv", denied},
	} {
		by := connectSDK(t, s, tokenOf(c.user)) // each connection has its own rate
		if got := by.rpc("mute", fmt.Sprintf(`{"channel":%q}`, c.room)); !strings.Contains(got, c.want) {
			t.Errorf("%s mutes %s: got %s, want %s", c.user, c.room, got, c.want)
		}
		by.conn.Close()
	}
	eve := connectSDK(t, s, tokenOf("eve"))
	if got := eve.rpc("notifications", `{}`); !strings.Contains(got, `"mutes":{"open:a":0}`) {
		t.Errorf("got %s, want the room that she may join", got)
	}
	if got := eve.rpc("unmute", `{"channel":"team:tea"}`); !strings.Contains(got, `"mutes"`) {
		t.Errorf("unmute: got %s, want the settings", got)
	}
}

// Without the event and without Web Push, the methods belong to the application.
func TestMethodsOfNotificationsBelongToTheApplicationWithoutThem(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnRPC: always(`{"result":{"data":{"mine":true}}}`)})
	s := startHooked(t, a, nil)
	ann := connectSDK(t, s, tokenOf("ann"))
	for method := range map[string]bool{"mute": true, "dnd": true, "push_subscribe": true} {
		if got := ann.rpc(method, `{}`); got != `{"mine":true}` {
			t.Errorf("%s: got %s, want the reply of the application", method, got)
		}
	}
}

// With a data directory, what users have set survives a restart, and so does the key of Web Push.
func TestPreferencesSurviveARestart(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	service := pushtest.Start(t)
	var key string
	for run, node := range []string{"a", "b"} {
		t.Run(node, func(t *testing.T) {
			s := startServer(t, func(c *Config) {
				c.Token.HMACSecret = testSecret
				notifying(t, service)(c)
				c.WebPush.PrivateKey = ""
				c.Engine = fake.Start("a")
			})
			ann := connectSDK(t, s, tokenOf("ann"))
			got := ann.rpc("push_key", `{}`)
			if run == 0 {
				key = got
				belongs(t, s, "team:tea", "ann") // only members may mute the room
				ann.rpc("mute", `{"channel":"team:tea"}`)
				ann.rpc("dnd", `{"from":"22:00","to":"07:00"}`)
				ann.rpc("push_subscribe", service.Subscribe("ann"))
				return
			}
			if got != key || !strings.HasPrefix(key, `{"key":"B`) {
				t.Errorf("got the key %s, want that of before, %s", got, key)
			}
			if got, want := ann.rpc("notifications", `{}`), `{"mutes":{"team:tea":0},"dnd":{"from":"22:00","to":"07:00"},"browsers":1}`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// reloadable is a server whose tests change its settings.
type reloadable struct {
	*Server
	mu   sync.Mutex
	next Config
	err  error
}

// startReloadable is startServer with settings that change changes.
func startReloadable(t testing.TB, begin func(*Config)) *reloadable {
	t.Helper()
	re := &reloadable{}
	re.Server = startPrepared(t, func(c *Config) {
		if begin != nil {
			begin(c)
		}
		re.next = c.clone()
	}, func(s *Server) {
		s.SetLoader(Loader{Load: func() (Config, error) {
			re.mu.Lock()
			defer re.mu.Unlock()
			return re.next, re.err
		}})
	})
	if overTLS != "" {
		re.next = re.Server.reloads.config.clone() // with the port that prepareTLS has added
	}
	return re
}

// change reloads changed settings.
func (re *reloadable) change(how func(*Config)) admin.Reload {
	re.mu.Lock()
	how(&re.next)
	re.mu.Unlock()
	return re.Reload(audit.Actor{Name: "the test"})
}

// mustChange reloads changed settings, which must be applied.
func (re *reloadable) mustChange(t testing.TB, how func(*Config)) {
	t.Helper()
	if got := re.change(how); got.Result != metrics.ReloadApplied {
		t.Fatalf("got %+v, want the settings applied", got)
	}
}

func TestAReloadWithoutAChangeChangesNothing(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, nil)
	if got := s.Reload(audit.Actor{Name: "the test"}); got.Result != metrics.ReloadApplied || len(got.Applied)+len(got.NeedsRestart)+len(got.Errors) > 0 {
		t.Errorf("got %+v, want no change", got)
	}
	if got := value(t, s.Server, "throng_reloads_total", metrics.ReloadApplied); got != 1 {
		t.Errorf("got %v reloads counted, want 1", got)
	}
}

// Invalid settings change nothing, also those that are valid by themselves.
func TestAnInvalidReloadChangesNothing(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, nil)
	began := value(t, s.Server, "throng_reload_success_timestamp", "")
	for what, tt := range map[string]struct {
		how  func(*Config)
		want string
	}{
		"a value":       {func(c *Config) { c.Rate, c.MaxRooms = 7, 0 }, "max-rooms = 0: must be 1 to 4096"},
		"a token key":   {func(c *Config) { c.Rate, c.Token.HMACSecret = 7, "short" }, "token: hmac-secret"},
		"an origin":     {func(c *Config) { c.Rate, c.Origins = 7, []string{"ws://x"} }, "origin"},
		"a room":        {func(c *Config) { c.Rate, c.Rooms = 7, []chat.RoomOptions{{Pattern: "*x*"}} }, "room"},
		"the open-file": {func(c *Config) { c.Rate, c.MaxConnections = 7, 1<<30 }, "max-connections = 1073741824 needs"},
	} {
		before := s.next
		got := s.change(tt.how)
		s.next = before
		if got.Result != metrics.ReloadInvalid || !strings.Contains(strings.Join(got.Errors, "\n"), tt.want) || len(got.Applied) > 0 {
			t.Errorf("%s: got %+v, want the error %q", what, got, tt.want)
		}
		if s.sessions.Settings().MessageRate.Every != 0 {
			t.Fatalf("%s: the rate has changed", what)
		}
		if got := value(t, s.Server, "throng_reload_failed", ""); got != 1 {
			t.Errorf("%s: got throng_reload_failed %v, want 1", what, got)
		}
	}
	s.err = errors.New("first mistake\nsecond mistake")
	if got := s.Reload(audit.Actor{Name: "the test"}); !slices.Equal(got.Errors, []string{"first mistake", "second mistake"}) {
		t.Errorf("got %+v, want both mistakes", got)
	}
	s.err = nil
	s.mustChange(t, func(c *Config) { c.Rate = 7 })
	if got := value(t, s.Server, "throng_reload_failed", ""); got != 0 {
		t.Errorf("got throng_reload_failed %v after a valid reload, want 0", got)
	}
	if got := value(t, s.Server, "throng_reload_success_timestamp", ""); got < began {
		t.Errorf("got %v, want the time of the reload, after %v", got, began)
	}
}

// Settings that need a restart keep their values, and the others are applied.
func TestAReloadKeepsWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, nil)
	got := s.change(func(c *Config) {
		c.PingInterval, c.Compression, c.Rate, c.TLS.MinVersion = time.Hour/2, "off", 7, "1.3"
	})
	if got.Result != metrics.ReloadPartial || !slices.Equal(got.Applied, []string{"rate"}) || !slices.Equal(got.NeedsRestart, []string{"ping-interval", "compression", "tls.min-version"}) {
		t.Errorf("got %+v", got)
	}
	if now := s.reloads.config; now.PingInterval != time.Hour || now.Compression != "on" || now.Rate != 7 {
		t.Errorf("got ping-interval %v, compression %s, rate %d in effect", now.PingInterval, now.Compression, now.Rate)
	}
	if got := s.Reload(audit.Actor{Name: "the test"}); !slices.Equal(got.NeedsRestart, []string{"ping-interval", "compression", "tls.min-version"}) || len(got.Applied) > 0 {
		t.Errorf("got %+v the second time, want the same settings", got)
	}
	// trusted-proxy stays empty, so guests = auto is on with a host that is not loopback only after a restart.
	if got := s.change(func(c *Config) { c.TrustedProxies = []string{"10.0.0.1"} }); !s.GuestsAllowed() || !slices.Contains(got.NeedsRestart, "trusted-proxy") {
		t.Errorf("got %+v and guests %t", got, s.GuestsAllowed())
	}
}

// The tables of rooms stay as they were if other rooms would be durable.
func TestAReloadKeepsTheDurableRooms(t *testing.T) {
	t.Parallel()
	durable, memory := roomWithHistory("d:*"), roomWithHistory("m:*")
	durable.Durable = true
	s := startReloadable(t, func(c *Config) { c.Data, c.Rooms = t.TempDir(), []chat.RoomOptions{durable, memory} })
	other, talk := durable, chatRoom("t:*")
	other.Durable, other.Rate, other.HistoryTTL = false, 5, durable.HistoryTTL
	for rate, c := range []struct {
		rooms []chat.RoomOptions
		want  []string // all changes of rooms, also those that could be applied alone
	}{
		{[]chat.RoomOptions{memory, durable}, []string{"room: order"}},
		{[]chat.RoomOptions{other, memory}, []string{`room "d:*": durable`, `room "d:*": rate`}},
		{[]chat.RoomOptions{durable, talk}, []string{`room "t:*": kind`, `room "t:*": added`, `room "m:*": removed`}},
	} {
		got := s.change(func(cfg *Config) { cfg.Rate, cfg.Rooms = 7+rate, c.rooms })
		if got.Result != metrics.ReloadPartial || !slices.Equal(got.Applied, []string{"rate"}) || !slices.Equal(got.NeedsRestart, c.want) {
			t.Errorf("got %+v, want %q", got, c.want)
		}
	}
	larger := durable
	larger.HistorySize = 200
	s.mustChange(t, func(c *Config) { c.Rooms = []chat.RoomOptions{larger} })
	if got := s.sessions.OptionsOf("d:1"); !got.Durable || got.HistorySize != 200 || s.sessions.OptionsOf("m:1").HistorySize != 0 {
		t.Errorf("got %+v", got)
	}
}

// Settings that are valid only with one that needs a restart are rejected.
func TestAReloadIsValidWithWhatItKeeps(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.API.Key = "127.0.0.1:0", "off", "0123456789abcdef"
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.closeAcceptors(); err != nil {
			t.Error(err)
		}
	})
	cfg.Admin, cfg.API.On = "127.0.0.1:0", "admin"
	s.SetLoader(Loader{Load: func() (Config, error) { return cfg, nil }})
	got := s.Reload(audit.Actor{Name: "the test"})
	if text := strings.Join(got.Errors, "\n"); got.Result != metrics.ReloadInvalid || !strings.Contains(text, "api.on") || !strings.Contains(text, "need a restart together with: admin") {
		t.Errorf("got %+v", got)
	}
	if !s.api.Serves("listen") {
		t.Error("the API has moved")
	}
}

func TestPostReload(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, nil)
	s.next.Rate, s.next.Drain, s.next.PingTimeout = 9, 3*time.Second, time.Minute
	ask := func(method string, header ...string) (int, string) {
		req, err := http.NewRequest(method, "http://"+s.AdminAddr().String()+"/-/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://evil.example"}} {
		if status, _ := ask("POST", header...); status != http.StatusForbidden {
			t.Errorf("%v: got %d, want 403", header, status)
		}
	}
	if status, _ := ask("GET"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d, want 405", status)
	}
	if s.sessions.Settings().MessageRate.Every != 0 {
		t.Fatal("a rejected request has reloaded the settings")
	}
	const want = `{"result":"partial","applied":["rate","drain"],"needs_restart":["ping-timeout"],"errors":[]}` + "\n"
	if status, body := ask("POST"); status != http.StatusOK || body != want {
		t.Errorf("got %d %s, want 200 %s", status, body, want)
	}
	s.err = errors.New("throng.toml:3:1: rate = -1: must be 1 to 1000000")
	status, body := ask("POST")
	var got admin.Reload
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusUnprocessableEntity || got.Errors[0] != s.err.Error() {
		t.Errorf("got %d %s, %v; want 422 with the error", status, body, err)
	}
}

// A reload changes what a connection may do at its next act, and closes none.
func TestAReloadCutsNoClient(t *testing.T) {
	t.Parallel()
	room := chat.DefaultRoom()
	room.Pattern, room.Publish = "x", chat.SignedIn
	s := startReloadable(t, func(c *Config) { c.Token.HMACSecret, c.Guests, c.Rooms = testSecret, "on", []chat.RoomOptions{room} })
	a := connectSDK(t, s.Server, tokenOf("ann"))
	a.enter("x")
	plain := dial(t, s.Server, "x")
	s.mustChange(t, func(c *Config) {
		room.Publish = chat.Nobody
		c.Rooms, c.Guests = []chat.RoomOptions{room}, "off"
		c.Token.HMACSecret = "another secret of the tests, long enough to be one"
		c.MaxConnections, c.MaxRooms, c.MaxMessage, c.MaxUnsent, c.MaxRetained = 1, 1, 1<<10, 1<<10, 4<<10
	})
	a.sendLine(`{"id":7,"publish":{"channel":"x","data":1}}`)
	a.expectLine(`{"id":7,"error":{"code":103,"message":"permission denied"}}`)
	s.mustChange(t, func(c *Config) { room.Publish = chat.SignedIn; c.Rooms = []chat.RoomOptions{room} })
	a.sendLine(`{"id":8,"publish":{"channel":"x","data":2}}`)
	plain.expect(ws.OpText, "2")
	if got := s.sessions.Live.Load(); got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
}

// Presence that is turned on lists the members that are there; turned off, it lists none.
func TestPresenceIsTurnedOnForMembers(t *testing.T) {
	t.Parallel()
	without := chat.DefaultRoom()
	without.Pattern, without.Presence = "x", false
	s := startReloadable(t, func(c *Config) {
		c.Token.HMACSecret, c.Rooms = testSecret, []chat.RoomOptions{without}
		c.API.Key = strings.ReplaceAll(testKey, " ", "-")
	})
	for _, user := range []string{"ann", "ben", "cid"} {
		connectSDK(t, s.Server, tokenOf(user)).enter("x")
	}
	left := connectSDK(t, s.Server, tokenOf("dan"))
	left.enter("x")
	with := without
	with.Presence = true
	for range 3 { // on and off again
		s.mustChange(t, func(c *Config) { c.Rooms = []chat.RoomOptions{with} })
		eventually(t, "four members to be listed", func() bool { return len(s.sessions.Presence("x")) == 4 })
		s.mustChange(t, func(c *Config) { c.Rooms = []chat.RoomOptions{without} })
		if got := len(s.sessions.Presence("x")); got != 0 {
			t.Errorf("got %d members listed without presence", got)
		}
	}
	s.mustChange(t, func(c *Config) { c.Rooms = []chat.RoomOptions{with} })
	eventually(t, "four members to be listed", func() bool { return len(s.sessions.Presence("x")) == 4 })
	left.sendLine(`{"id":9,"unsubscribe":{"channel":"x"}}`)
	eventually(t, "three members to be listed", func() bool { return len(s.sessions.Presence("x")) == 3 })
}

// Ten reloads at once, beside publications, joins and leaves: each is applied or finds it applied, and the last settings hold.
func TestReloadsRaceWithClients(t *testing.T) {
	t.Parallel()
	o := roomWithHistory("x:*")
	s := startReloadable(t, func(c *Config) { c.Token.HMACSecret, c.Rooms = testSecret, []chat.RoomOptions{o} })
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for n := range 3 {
		c := connectSDK(t, s.Server, tokenOf(fmt.Sprint("user", n)))
		clients.Go(func() {
			room := fmt.Sprint("x:", n)
			for id := 10; ; id += 3 {
				select {
				case <-stop:
					return
				default:
				}
				c.sendLine(`{"id":%d,"subscribe":{"channel":%q}}`, id, room)
				c.sendLine(`{"id":%d,"publish":{"channel":%q,"data":1}}`, id+1, room)
				c.sendLine(`{"id":%d,"unsubscribe":{"channel":%q}}`, id+2, room)
				for !strings.Contains(c.line(), fmt.Sprintf(`{"id":%d,`, id+2)) {
				}
			}
		})
	}
	var reloads sync.WaitGroup
	for n := range 10 {
		reloads.Go(func() {
			for i := range 10 {
				got := s.change(func(c *Config) {
					o := o
					o.HistorySize, o.Presence, o.Delta, o.JoinLeave = 1+(n+i)%9, i%2 == 0, i%3 == 0, false
					c.Rooms, c.Rate, c.MaxRooms = []chat.RoomOptions{o}, 0, 10+i
				})
				if got.Result != metrics.ReloadApplied {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	reloads.Wait()
	close(stop)
	clients.Wait()
	s.mustChange(t, func(c *Config) { o.HistorySize = 2; c.Rooms = []chat.RoomOptions{o} })
	for n := range 3 {
		if r := roomOf(s.Server, fmt.Sprint("x:", n)); r != nil && (r.History.Count > 2 || r.Options().HistorySize != 2) {
			t.Errorf("got %d publications with a history-size of %d, want 2", r.History.Count, r.Options().HistorySize)
		}
	}
	if got := value(t, s.Server, "throng_reloads_total", metrics.ReloadApplied); got != 101 {
		t.Errorf("got %v reloads counted, want 101", got)
	}
}

// Reloads that would wait without a bound are rejected.
func TestReloadsAreBounded(t *testing.T) {
	t.Parallel()
	hold, held := make(chan struct{}), make(chan struct{}, maxReloads)
	s := startPrepared(t, nil, func(s *Server) {
		s.SetLoader(Loader{Load: func() (Config, error) { held <- struct{}{}; <-hold; return s.reloads.config.clone(), nil }})
	})
	results := make(chan admin.Reload, 2*maxReloads)
	for range maxReloads {
		go func() { results <- s.Reload(audit.Actor{Name: "the test"}) }()
	}
	<-held
	eventually(t, "the places to be taken", func() bool { return len(s.reloads.places) == maxReloads })
	if got := s.Reload(audit.Actor{Name: "the test"}); got.Result != metrics.ReloadRejected || !strings.Contains(got.Errors[0], "16 reloads are in progress") {
		t.Errorf("got %+v, want it rejected", got)
	}
	close(hold)
	for range maxReloads {
		if got := <-results; got.Result != metrics.ReloadApplied {
			t.Errorf("got %+v", got)
		}
	}
}

func TestAReloadWhileTheServerStopsIsRejected(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, nil)
	s.sessions.Draining.Store(true)
	if got := s.change(func(c *Config) { c.Rate = 7 }); got.Result != metrics.ReloadRejected || s.sessions.Settings().MessageRate.Every != 0 {
		t.Errorf("got %+v, want it rejected", got)
	}
}

// The webhook is turned on, moved and turned off while clients are connected.
func TestTheWebhookIsReplaced(t *testing.T) {
	t.Parallel()
	reply := func(question) string { return `{"result":{"user":"ann"}}` }
	first := startApplication(t, map[string]func(question) string{session.OnConnect: reply})
	second := startApplication(t, map[string]func(question) string{session.OnConnect: reply, session.OnRPC: func(question) string { return `{"result":{"data":7}}` }})
	s := startReloadable(t, func(c *Config) { c.Guests = "on" })
	connect := func() *sdk {
		c := dialSDK(t, s.Server, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		if got := c.line(); !strings.Contains(got, `"connect":{"client":`) {
			t.Fatalf("got %s, want a connect reply", got)
		}
		return c
	}
	connect()
	to := func(a *application, events ...string) func(*Config) {
		return func(c *Config) {
			c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Events, c.Webhooks.Timeout = a.URL, hookSecret, events, 20*time.Second
		}
	}
	s.mustChange(t, to(first, session.OnConnect))
	connect()
	if got := len(first.of(session.OnConnect)); got != 1 {
		t.Errorf("got %d requests after the webhook was turned on, want 1", got)
	}
	s.mustChange(t, to(second, session.OnConnect, session.OnRPC))
	c := connect()
	c.sendLine(`{"id":2,"rpc":{"method":"x","data":1}}`)
	c.expectLine(`{"id":2,"rpc":{"data":7}}`)
	if got, other := len(second.of(session.OnConnect)), len(first.of(session.OnConnect)); got != 1 || other != 1 {
		t.Errorf("got %d requests at the new URL and %d at the one before, want 1 and 1", got, other)
	}
	s.mustChange(t, func(c *Config) { c.Webhooks = DefaultConfig().Webhooks })
	connect()
	if got := len(second.of(session.OnConnect)); got != 1 {
		t.Errorf("got %d requests after the webhook was turned off, want 1", got)
	}
	s.mustChange(t, to(first, session.OnConnect))
	connect()
	if got := len(first.of(session.OnConnect)); got != 2 {
		t.Errorf("got %d requests after the webhook was turned on again, want 2", got)
	}
}

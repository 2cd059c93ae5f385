package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/settings"
)

// effect is a change of a setting, and whether a running server shows it.
type effect struct {
	how   func(*Config)
	shows func(*testing.T, *Server) bool
}

// TestEachReloadableSettingTakesEffect reloads each setting that may change, and finds its effect on the running server, which it does not
// find before. docs/config.md lists the same settings (cmd/throng).
func TestEachReloadableSettingTakesEffect(t *testing.T) {
	t.Parallel()
	effects := map[string]effect{}
	for _, group := range []map[string]effect{limitEffects(), accessEffects(), tokenEffects(t), apiEffects(), webhookEffects(t), roomEffects(t), pageEffects()} {
		for key, e := range group {
			effects[key] = e
		}
	}
	for _, key := range reloadableKeys() {
		e, ok := effects[key]
		if !ok {
			t.Errorf("%s: no test of its effect", key)
			continue
		}
		delete(effects, key)
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			s := startReloadable(t, func(c *Config) {
				c.Token.HMACSecret, c.OtherRooms, c.Guests, c.LogLevel = testSecret, "open", "on", "info"
				c.API.Key = strings.ReplaceAll(testKey, " ", "-")
				c.Tracing = TracingConfig{Endpoint: "http://127.0.0.1:1", OneIn: never}
				c.APIKeys = []APIKey{{Name: "a", Role: "all", Key: keyOf("a")}}
				c.Rooms = []chat.RoomOptions{chatRoom("talk:*"), roomWithHistory("kept:*")}
			})
			pub, _ := session.PublicationOf([]byte(`"kept"`))
			s.sessions.PublishTalk(s.sessions.RoomRef("talk:1"), pub, chat.PublishOptions{})
			s.sessions.Publish(s.sessions.RoomRef("kept:1"), pub, chat.PublishOptions{}) // creates the room
			if e.shows(t, s.Server) {
				t.Fatal("the server shows the effect before the reload")
			}
			s.mustChange(t, e.how)
			if !e.shows(t, s.Server) {
				t.Error("the server does not show the effect")
			}
		})
	}
	for key := range effects {
		t.Errorf("%s: not a reloadable setting", key)
	}
}

// reloadableKeys are the settings with the tag reload, as docs/config.md names them.
func reloadableKeys() (keys []string) {
	add := func(prefix string, v any) {
		for _, s := range settings.Of(v) {
			if s.Reloadable {
				keys = append(keys, prefix+s.Name)
			}
		}
	}
	add("", &Config{})
	for _, table := range settings.Tables(&Config{}) {
		add(table.Name+".", reflect.New(table.Row).Interface())
	}
	return keys
}

func limitEffects() map[string]effect {
	from := netip.MustParseAddr("10.1.2.3")
	const later = time.Hour // when all limiters are unused
	rejects := func(most int, allowed func() bool) bool {
		for range most {
			if !allowed() {
				return true
			}
		}
		return false
	}
	return map[string]effect{
		"tracing.one-in": {func(c *Config) { c.Tracing.OneIn = 1 }, func(_ *testing.T, s *Server) bool {
			return s.sessions.Tracer.Publication(context.Background(), "x", 1) != nil
		}},
		"rate": {func(c *Config) { c.Rate = 7 }, func(_ *testing.T, s *Server) bool { return s.sessions.Settings().MessageRate.Every == time.Second/7 }},
		"rate-bytes": {func(c *Config) { c.RateBytes = 7 << 10 }, func(_ *testing.T, s *Server) bool {
			return strings.Contains(fmt.Sprintf("%+v", s.sessions.Limits()), "byteRate:7168")
		}},
		"max-message":     {func(c *Config) { c.MaxMessage = 32 << 10 }, func(_ *testing.T, s *Server) bool { return s.sessions.Limits().Rules.MaxMessage == 32<<10 }},
		"max-unsent":      {func(c *Config) { c.MaxUnsent = 300 << 10 }, func(_ *testing.T, s *Server) bool { return s.sessions.Limits().MaxUnsent == 300<<10 }},
		"max-retained":    {func(c *Config) { c.MaxRetained = 99 << 20 }, func(_ *testing.T, s *Server) bool { return s.sessions.Limits().MaxRetained == 99<<20 }},
		"max-connections": {func(c *Config) { c.MaxConnections = 50 }, func(_ *testing.T, s *Server) bool { return s.MaxConnections() == 50 }},
		"drain":           {func(c *Config) { c.Drain = time.Second }, func(_ *testing.T, s *Server) bool { return s.drain.Load() == int64(time.Second) }},
		"log-level":       {func(c *Config) { c.LogLevel = "error" }, func(t *testing.T, s *Server) bool { return !s.log.Enabled(t.Context(), slog.LevelWarn) }},
		"max-rooms": {func(c *Config) { c.MaxRooms = 1 }, func(t *testing.T, s *Server) bool {
			c := connectSDK(t, s, tokenOf("ann"))
			c.enter("a")
			c.sendLine(`{"id":9,"subscribe":{"channel":"b"}}`)
			return strings.Contains(c.line(), `"code":106`)
		}},
		"max-connections-user": {func(c *Config) { c.MaxConnectionsUser = 1 }, func(_ *testing.T, s *Server) bool {
			return rejects(2, func() bool { _, _, e := s.sessions.AddUser(nil, "ann", nil); return e == nil })
		}},
		"max-connections-address": {func(c *Config) { c.MaxConnectionsAddress = 1 }, func(_ *testing.T, s *Server) bool {
			return rejects(2, func() bool { _, ok := s.sessions.ReserveAddress(from); return ok })
		}},
		"rate-user": {func(c *Config) { c.RateUser = 1 }, func(_ *testing.T, s *Server) bool {
			u := new(chat.User)
			return rejects(3, func() bool { return s.sessions.AllowPublish(u, later) })
		}},
		"rate-address": {func(c *Config) { c.RateAddress = 1 }, func(_ *testing.T, s *Server) bool {
			a := new(chat.Address)
			return rejects(3, func() bool { return s.sessions.AllowCommand(a, later) })
		}},
		"rate-connections-address": {func(c *Config) { c.RateConnectionsAddress = 1 }, func(_ *testing.T, s *Server) bool {
			return rejects(11, func() bool { return s.edge.ConnectRate.Allow(from, later) })
		}},
		"history-bytes": {func(c *Config) { c.HistoryBytes = 64 << 10 }, func(_ *testing.T, s *Server) bool {
			for range 40 {
				s.sessions.Publish(s.sessions.RoomRef("kept:1"), chat.Publication{Data: make([]byte, 4<<10), Form: chat.FormBytes}, chat.PublishOptions{})
			}
			_, bytes, _ := s.sessions.HistoryBudget.Counts()
			return bytes <= 64<<10
		}},
	}
}

func accessEffects() map[string]effect {
	// admits reports whether a handshake with a header is accepted.
	admits := func(s *Server, host, origin string) bool {
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		r.Host = host
		for name, v := range map[string]string{
			"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin,
		} {
			r.Header.Set(name, v)
		}
		_, no := s.edge.AuthorizeRequest(r)
		return no == nil
	}
	joins := func(s *Server, room string) bool {
		return s.sessions.Authorize(chat.Actor{User: "ann"}, chat.ToSubscribe, s.sessions.RoomRef(room))
	}
	return map[string]effect{
		"origin":        {func(c *Config) { c.Origins = []string{"https://app.example"} }, func(_ *testing.T, s *Server) bool { return admits(s, "localhost", "https://app.example") }},
		"host":          {func(c *Config) { c.Hosts = []string{"chat.example"} }, func(_ *testing.T, s *Server) bool { return admits(s, "chat.example", "http://chat.example") }},
		"guests":        {func(c *Config) { c.Guests = "off" }, func(_ *testing.T, s *Server) bool { return !admits(s, "localhost", "http://localhost") }},
		"user-rooms":    {func(c *Config) { c.UserRooms = "@" }, func(_ *testing.T, s *Server) bool { return !joins(s, "x@ben") && joins(s, "x#ben") }},
		"private-rooms": {func(c *Config) { c.PrivateRooms = "!" }, func(_ *testing.T, s *Server) bool { return !joins(s, "!x") && joins(s, "$x") }},
		"rooms":         {func(c *Config) { c.OtherRooms = "closed" }, func(_ *testing.T, s *Server) bool { return !joins(s, "any") }},
		"personal-rooms": {func(c *Config) { c.PersonalRooms = true }, func(t *testing.T, s *Server) bool {
			c := dialSDK(t, s, "")
			c.sendLine(`{"id":1,"connect":{"token":%q}}`, tokenOf("ann"))
			return strings.Contains(c.line(), `"#ann"`)
		}},
	}
}

func tokenEffects(t *testing.T) map[string]effect {
	t.Helper()
	const other = "another secret of the tests, long enough to be one"
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	var fetches atomic.Int64
	set := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fetches.Add(1); w.WriteHeader(http.StatusNotFound) }))
	t.Cleanup(set.Close)
	accepts := func(t *testing.T, s *Server, method jwt.SigningMethod, key any, claims jwt.MapClaims) bool {
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.sessions.Tokens.Connect(text, time.Now())
		return err == nil
	}
	hmac := func(t *testing.T, s *Server, secret string, claims jwt.MapClaims) bool {
		return accepts(t, s, jwt.SigningMethodHS256, []byte(secret), claims)
	}
	return map[string]effect{
		"token.hmac-secret": {func(c *Config) { c.Token.HMACSecret = other }, func(t *testing.T, s *Server) bool {
			return hmac(t, s, other, jwt.MapClaims{}) && !hmac(t, s, testSecret, jwt.MapClaims{})
		}},
		"token.hmac-secret-previous": {func(c *Config) { c.Token.HMACSecretPrevious = other }, func(t *testing.T, s *Server) bool {
			return hmac(t, s, other, jwt.MapClaims{}) && hmac(t, s, testSecret, jwt.MapClaims{})
		}},
		"token.public-keys": {func(c *Config) { c.Token.PublicKeys = []string{public} }, func(t *testing.T, s *Server) bool {
			return accepts(t, s, jwt.SigningMethodES256, private, jwt.MapClaims{})
		}},
		"token.jwks-url": {func(c *Config) { c.Token.JWKSURL = set.URL }, func(t *testing.T, s *Server) bool {
			if s.reloads.config.Token.JWKSURL != "" {
				eventually(t, "the set to be fetched", func() bool { return fetches.Load() > 0 })
			}
			return fetches.Load() > 0
		}},
		"token.issuer": {func(c *Config) { c.Token.Issuer = "a" }, func(t *testing.T, s *Server) bool {
			return hmac(t, s, testSecret, jwt.MapClaims{"iss": "a"}) && !hmac(t, s, testSecret, jwt.MapClaims{"iss": "b"})
		}},
		"token.audience": {func(c *Config) { c.Token.Audience = "a" }, func(t *testing.T, s *Server) bool {
			return hmac(t, s, testSecret, jwt.MapClaims{"aud": "a"}) && !hmac(t, s, testSecret, jwt.MapClaims{"aud": "b"})
		}},
		"token.require-exp": {func(c *Config) { c.Token.RequireExp = true }, func(t *testing.T, s *Server) bool { return !hmac(t, s, testSecret, jwt.MapClaims{}) }},
	}
}

func apiEffects() map[string]effect {
	is := func(key, name, role string) func(*testing.T, *Server) bool {
		return func(_ *testing.T, s *Server) bool {
			c := s.api.Caller(key)
			return c != nil && c.Name == name && string(c.Role) == role
		}
	}
	return map[string]effect{
		"api.key": {func(c *Config) { c.API.Key = keyOf("new") }, is(keyOf("new"), "default", "all")},
		"api.on":  {func(c *Config) { c.API.On = "admin" }, func(_ *testing.T, s *Server) bool { return s.api.Serves(api.OnAdmin) && !s.api.Serves(api.OnListen) }},
		"live.password": {func(c *Config) { c.Live.Password = operatorPassword }, func(t *testing.T, s *Server) bool {
			status, _ := adminRequest(t, s, "GET", "/live?once", "")
			return status == http.StatusUnauthorized
		}},
		"api.keys.name":        {func(c *Config) { c.APIKeys = []APIKey{{Name: "b", Role: "all", Key: keyOf("a")}} }, is(keyOf("a"), "b", "all")},
		"api.keys.role":        {func(c *Config) { c.APIKeys = []APIKey{{Name: "a", Role: "read-only", Key: keyOf("a")}} }, is(keyOf("a"), "a", "read-only")},
		"api.keys.key":         {func(c *Config) { c.APIKeys = []APIKey{{Name: "a", Role: "all", Key: keyOf("b")}} }, is(keyOf("b"), "a", "all")},
		"api.keys.environment": {func(c *Config) { c.APIKeys = []APIKey{{Name: "a", Role: "all", Environment: "X", Secret: keyOf("x")}} }, is(keyOf("x"), "a", "all")},
		"api.keys.file":        {func(c *Config) { c.APIKeys = []APIKey{{Name: "a", Role: "all", File: "f", Secret: keyOf("f")}} }, is(keyOf("f"), "a", "all")},
	}
}

// The secret and the timeout of the webhook have their tests at their owners.
func webhookEffects(t *testing.T) map[string]effect {
	t.Helper()
	to := func(a *application, events ...string) func(*Config) {
		return func(c *Config) {
			c.Webhooks = session.HooksConfig{URL: a.URL, Secret: hookSecret, Events: events, Timeout: 20 * time.Second}
		}
	}
	ok := func(question) string { return `{"result":{"user":"ann"}}` }
	effectOf := func(a *application, event string, how func(*Config)) effect {
		return effect{how, func(t *testing.T, s *Server) bool {
			c := dialSDK(t, s, "")
			c.sendLine(`{"id":1,"connect":{}}`)
			c.line()
			c.sendLine(`{"id":2,"rpc":{"method":"x","data":1}}`)
			c.line()
			return len(a.of(event)) > 0
		}}
	}
	app := func() *application {
		return startApplication(t, map[string]func(question) string{session.OnConnect: ok, session.OnRPC: ok})
	}
	url, secret, events, timeout := app(), app(), app(), app()
	return map[string]effect{
		"webhooks.url":     effectOf(url, session.OnConnect, to(url, session.OnConnect)),
		"webhooks.secret":  effectOf(secret, session.OnConnect, to(secret, session.OnConnect)),
		"webhooks.events":  effectOf(events, session.OnRPC, to(events, session.OnRPC)),
		"webhooks.timeout": effectOf(timeout, session.OnRPC, to(timeout, session.OnRPC)),
	}
}

// roomEffects change one option each. The options of the room that exists show it.
func roomEffects(t *testing.T) map[string]effect {
	changes := map[string]func(*chat.RoomOptions){
		"subscribe": func(o *chat.RoomOptions) { o.Subscribe = chat.SignedIn }, "publish": func(o *chat.RoomOptions) { o.Publish = chat.Nobody },
		"see-presence": func(o *chat.RoomOptions) { o.SeePresence = chat.Nobody }, "read-history": func(o *chat.RoomOptions) { o.ReadHistory = chat.Anyone },
		"presence": func(o *chat.RoomOptions) { o.Presence = false }, "join-leave": func(o *chat.RoomOptions) { o.JoinLeave = true },
		"history-size": func(o *chat.RoomOptions) { o.HistorySize = 5 }, "history-ttl": func(o *chat.RoomOptions) { o.HistoryTTL = time.Minute },
		"recovery": func(o *chat.RoomOptions) { o.Recovery = false }, "positioning": func(o *chat.RoomOptions) { o.Positioning = true },
		"rewind": func(o *chat.RoomOptions) { o.Rewind = 7 },
		"delta":  func(o *chat.RoomOptions) { o.Delta = true }, "max-message": func(o *chat.RoomOptions) { o.MaxMessage = 100 },
		"rate": func(o *chat.RoomOptions) { o.Rate = 3 }, "max-members": func(o *chat.RoomOptions) { o.MaxMembers = 3 },
		"compression-context": func(o *chat.RoomOptions) { o.CompressionContext = false },
		"publish-proxy":       func(o *chat.RoomOptions) { o.PublishProxy = true },
		"join":                func(o *chat.RoomOptions) { o.Join = chat.SignedIn },
		"invite":              func(o *chat.RoomOptions) { o.Invite = chat.Members },
		"create":              func(o *chat.RoomOptions) { o.Create = chat.SignedIn },
		"mention-here":        func(o *chat.RoomOptions) { o.MentionHere = chat.Members },
		"notify":              func(o *chat.RoomOptions) { o.Notify = chat.NotifyOff },
		"notify-unread":       func(o *chat.RoomOptions) { o.NotifyUnread = time.Minute },
		"word-list":           func(o *chat.RoomOptions) { o.WordList, o.Words = "words.txt", listed(t, "darn") },
		"word-action":         func(o *chat.RoomOptions) { o.WordAction = chat.MaskWords },
		"links-after":         func(o *chat.RoomOptions) { o.LinksAfter = 3 },
		"repeat-limit":        func(o *chat.RoomOptions) { o.RepeatLimit = 3 },
		"repeat-window":       func(o *chat.RoomOptions) { o.RepeatWindow = time.Hour },
		"pattern":             func(o *chat.RoomOptions) { o.Pattern = "kept*" },
	}
	effects := map[string]effect{}
	for _, setting := range settings.Of(&chat.RoomOptions{}) {
		how := changes[setting.Name]
		if how == nil {
			continue
		}
		want, room := roomWithHistory("kept:*"), "kept:1"
		if slices.Contains([]string{"word-list", "word-action", "links-after", "repeat-limit", "repeat-window"}, setting.Name) {
			want, room = chatRoom("talk:*"), "talk:1"
		}
		how(&want)
		effects["room."+setting.Name] = effect{func(c *Config) {
			if c.Rooms = []chat.RoomOptions{chatRoom("talk:*"), want}; room == "talk:1" {
				c.Rooms = []chat.RoomOptions{want}
			}
			if want.PublishProxy {
				c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Events = "http://127.0.0.1:9/", hookSecret, []string{session.OnPublish}
			}
		}, func(_ *testing.T, s *Server) bool {
			r := roomOf(s, room)
			return r != nil && reflect.DeepEqual(r.Options().RoomOptions, want)
		}}
	}
	effects["room.receipts"] = effect{
		func(c *Config) { c.Rooms[0].Receipts = true },
		func(_ *testing.T, s *Server) bool { return s.sessions.OptionsOf("talk:1").Receipts },
	}
	return effects
}

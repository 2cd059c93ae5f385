package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// goodConfig returns a valid config that uses every setting of the chat backend.
func goodConfig() Config {
	c := DefaultConfig()
	chats, all := chat.DefaultRoom(), chat.DefaultRoom()
	chats.Pattern, chats.HistorySize, chats.HistoryTTL, chats.Recovery, chats.PublishProxy = "chat:*", 100, 5*time.Minute, true, true
	c.Rooms = []chat.RoomOptions{chats, all}
	c.API.Key = "0123456789abcdef"
	c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Events = "https://app.example/hooks", "fedcba9876543210", []string{"connect", "publish"}
	return c
}

func TestAValidConfigHasNoErrors(t *testing.T) {
	for _, c := range []Config{DefaultConfig(), goodConfig()} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{"http://localhost:8000/", "http://127.0.0.1/x", "http://[::1]:1/x", "https://a.example", "https://a.example/{event}"} {
		c := goodConfig()
		c.Webhooks.URL = url
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestAConfigErrorHasTheKeyAndTheAllowedValues(t *testing.T) {
	for _, tt := range []struct {
		key   string
		index int
		spoil func(*Config)
		says  string
	}{
		{key: "listen", spoil: func(c *Config) { c.Listen = "here" }, says: `listen = "here": must be host:port`},
		{key: "admin", spoil: func(c *Config) { c.Admin = "" }, says: `admin = "": must be host:port or unix:/PATH, or off`},
		{key: "data", spoil: func(c *Config) { c.Data = "" }, says: `data = "": must be a directory, off, or auto`},
		{key: "nats", spoil: func(c *Config) { c.NATS = []string{"10.0.0.4:4222"} }, says: `must be nats://host:port or tls://host:port`},
		{key: "nats", spoil: func(c *Config) { c.NATS = []string{"nats://u:hush@10.0.0.4"} }, says: `nats = "nats://10.0.0.4": must have no user`},
		{key: "nats-creds", spoil: func(c *Config) { c.NATSCreds = "x.creds" }, says: `nats-creds = "x.creds": needs nats`},
		{key: "nats-ca", spoil: func(c *Config) { c.NATSCA = "x.pem" }, says: `nats-ca = "x.pem": needs nats`},
		{key: "nats-replicas", spoil: func(c *Config) { c.NATS, c.NATSReplicas = []string{"nats://10.0.0.4"}, 2 }, says: `nats-replicas = "2": must be 1, 3 or 5`},
		{key: "data", spoil: func(c *Config) { c.NATS, c.Data = []string{"nats://10.0.0.4"}, "dir" }, says: `data = "dir": must be off or auto with nats`},
		{key: "node", spoil: func(c *Config) { c.NATS, c.Node = []string{"nats://10.0.0.4"}, "a" }, says: `node = "a": needs cluster`},
		{key: "node", spoil: func(c *Config) { c.NATS, c.Cluster, c.Node = []string{"nats://10.0.0.4"}, "x", "a.b" }, says: `node = "a.b": must be 1 to 64 of`},
		{key: "cluster", spoil: func(c *Config) { c.NATS, c.Cluster = []string{"nats://10.0.0.4"}, "a.b" }, says: `cluster = "a.b": must be 1 to 64 of`},
		{key: "peers", spoil: func(c *Config) { c.NATS, c.Peers = []string{"nats://10.0.0.4"}, []string{"a:1"} }, says: `peers = "a:1": is only for nodes without nats`},
		{key: "origin", spoil: func(c *Config) { c.Origins = []string{"a.example"} }, says: `origin = "a.example": must be scheme://host`},
		{key: "host", spoil: func(c *Config) { c.Hosts = []string{"https://a.example"} }, says: `host = "https://a.example": must be a name without scheme and port`},
		{key: "host", spoil: func(c *Config) { c.Hosts = []string{"a.example:80"} }, says: `host = "a.example:80": must be a name without scheme and port`},
		{key: "trusted-proxy", spoil: func(c *Config) { c.TrustedProxies = []string{"nginx"} }, says: `trusted-proxy = "nginx": must be an IP address or a network`},
		{key: "proxy-protocol", spoil: func(c *Config) { c.ProxyProtocol = "on" }, says: `proxy-protocol = "on": needs the addresses of the proxies in trusted-proxy`},
		{
			key: "proxy-protocol", says: `proxy-protocol = "tls-listen": needs the port: tls-listen is off`,
			spoil: func(c *Config) { c.ProxyProtocol, c.TrustedProxies = "tls-listen", []string{"127.0.0.1"} },
		},
		{key: "proxy-protocol", spoil: func(c *Config) { c.ProxyProtocol = "v2" }, says: `proxy-protocol = "v2": must be one of off, on (both ports), listen, tls-listen`},
		{key: "live.password", spoil: func(c *Config) { c.Live.Password = "short" }, says: "live.password: must have at least 16 ASCII characters"},
		{key: "live.password", spoil: func(c *Config) { c.Live.Password = "a password with spaces" }, says: "live.password: must have at least 16 ASCII characters"},
		{key: "ping-interval", spoil: func(c *Config) { c.PingInterval = 1 }, says: "ping-interval = 1ns: must be 1s to 24h"},
		{key: "ping-timeout", spoil: func(c *Config) { c.PingTimeout = 1 }, says: "ping-timeout = 1ns: must be 1s to 24h"},
		{key: "rate", spoil: func(c *Config) { c.Rate = -1 }, says: "rate = -1: must be 1 to 1000000 messages a second, or 0 for no limit"},
		{key: "max-message", spoil: func(c *Config) { c.MaxMessage = 1 }, says: "max-message = 1: must be 125 bytes to 16 MiB"},
		{key: "max-unsent", spoil: func(c *Config) { c.MaxUnsent = 1 }, says: "max-unsent = 1: must be at least max-message (65536)"},
		{key: "rate-bytes", spoil: func(c *Config) { c.RateBytes = 1 }, says: "rate-bytes = 1: must be 1024 to 1073741824 bytes a second, or 0 for no limit"},
		{key: "max-retained", spoil: func(c *Config) { c.MaxRetained = 1 }, says: "max-retained = 1: must be 262144 (the larger of max-unsent and four times max-message) to 1 TiB"},
		{key: "max-connections", spoil: func(c *Config) { c.MaxConnections = -1 }, says: "max-connections = -1: must be 1 or more, or 0"},
		{key: "drain", spoil: func(c *Config) { c.Drain = -1 }, says: "drain = -1ns: must be 0 or more"},
		{key: "guests", spoil: func(c *Config) { c.Guests = "yes" }, says: `guests = "yes": must be on, off, or auto`},
		{key: "max-rooms", spoil: func(c *Config) { c.MaxRooms = 0 }, says: "max-rooms = 0: must be 1 to 4096"},
		{key: "max-connections-user", spoil: func(c *Config) { c.MaxConnectionsUser = -1 }, says: "max-connections-user = -1: must be 1 or more, or 0"},
		{key: "max-connections-address", spoil: func(c *Config) { c.MaxConnectionsAddress = -1 }, says: "must be 1 or more, or 0"},
		{key: "rate-user", spoil: func(c *Config) { c.RateUser = 1e7 }, says: "rate-user = 10000000: must be 1 to 1000000 publications a second, or 0"},
		{key: "rate-address", spoil: func(c *Config) { c.RateAddress = -1 }, says: "rate-address = -1: must be 1 to 1000000 commands a second, or 0"},
		{key: "rate-connections-address", spoil: func(c *Config) { c.RateConnectionsAddress = -1 }, says: "rate-connections-address = -1: must be 1 to 1000000 new connections a second, or 0"},
		{key: "history-bytes", spoil: func(c *Config) { c.HistoryBytes = 0 }, says: "history-bytes = 0: must be max-message (65536) to 1 TiB"},
		{key: "room.pattern", spoil: func(c *Config) { c.Rooms[0].Pattern = "" }, says: `room "": pattern = "": must be a room name`},
		{key: "room.pattern", spoil: func(c *Config) { c.Rooms[0].Pattern = "a*b" }, says: `room "a*b": pattern = "a*b": must be a room name`},
		{key: "room.pattern", index: 1, spoil: func(c *Config) { c.Rooms[1].Pattern = "chat:*" }, says: `is never used: the earlier room "chat:*" matches the same names`},
		{key: "room.pattern", index: 1, spoil: func(c *Config) { c.Rooms[1].Pattern = "chat:tea" }, says: `is never used: the earlier room "chat:*" matches the same names`},
		{
			key: "room.pattern", index: maxPatterns, says: "room: pattern: 1001 patterns: at most 1000 are allowed",
			spoil: func(c *Config) { c.Rooms = make([]chat.RoomOptions, maxPatterns+1) },
		},
		{key: "room.subscribe", spoil: func(c *Config) { c.Rooms[0].Subscribe = chat.Subscribers }, says: `subscribe = "subscribers": must be one of anyone, signed-in, members, moderators, token, nobody`},
		{key: "room.publish", spoil: func(c *Config) { c.Rooms[0].Publish = "me" }, says: `publish = "me": must be one of anyone, signed-in, subscribers, members, moderators, token, nobody`},
		{key: "room.see-presence", spoil: func(c *Config) { c.Rooms[0].SeePresence = "" }, says: `see-presence = "": must be one of anyone`},
		{key: "room.read-history", spoil: func(c *Config) { c.Rooms[0].ReadHistory = "all" }, says: `read-history = "all": must be one of anyone`},
		{key: "room.join-leave", spoil: func(c *Config) { c.Rooms[0].JoinLeave, c.Rooms[0].Presence = true, false }, says: "join-leave = true: needs presence = true"},
		{key: "room.history-size", spoil: func(c *Config) { c.Rooms[0].HistorySize = -1 }, says: "history-size = -1: must be 1 to 100000 publications, or 0 for none"},
		{key: "room.history-size", spoil: func(c *Config) { c.Rooms[0].HistoryTTL = 0 }, says: `needs history-ttl, the time to keep a publication: 1s to 87600h0m0s, such as history-ttl = "24h"`},
		{key: "room.history-ttl", spoil: func(c *Config) { c.Rooms[0].HistoryTTL = time.Millisecond }, says: `room "chat:*": history-ttl = 1ms: must be 1s to 87600h`},
		{key: "webhooks.secret", spoil: func(c *Config) { c.Webhooks.URL, c.Webhooks.Events, c.Rooms[0].PublishProxy = "", nil, false }, says: "webhooks.secret: needs webhooks.url"},
		{key: "room.history-ttl", index: 1, spoil: func(c *Config) { c.Rooms[1].HistoryTTL = time.Hour }, says: "history-ttl = 1h0m0s: needs history-size above 0"},
		{key: "room.recovery", index: 1, spoil: func(c *Config) { c.Rooms[1].Recovery = true }, says: "recovery = true: needs history-size above 0"},
		{key: "room.positioning", index: 1, spoil: func(c *Config) { c.Rooms[1].Positioning = true }, says: "positioning = true: needs history-size above 0"},
		{key: "room.word-list", spoil: func(c *Config) { c.Rooms[0].WordList = "x" }, says: `word-list = "x": needs kind = "chat"`},
		{key: "room.word-list", spoil: func(c *Config) { c.Rooms[0].Kind, c.Rooms[0].WordList = chat.ChatRoom, "x" }, says: `word-list = "x": was not read`},
		{key: "room.word-action", spoil: func(c *Config) { c.Rooms[0].WordAction = "drop" }, says: `word-action = "drop": must be one of reject, mask`},
		{key: "room.links-after", spoil: func(c *Config) { c.Rooms[0].LinksAfter = 1 }, says: `links-after = 1: needs kind = "chat"`},
		{key: "room.links-after", spoil: func(c *Config) { c.Rooms[0].Kind, c.Rooms[0].LinksAfter = chat.ChatRoom, 1001 }, says: "links-after = 1001: must be 1 to 1000 messages, or 0 for no rule"},
		{key: "room.repeat-limit", spoil: func(c *Config) { c.Rooms[0].RepeatLimit = 1 }, says: `repeat-limit = 1: needs kind = "chat"`},
		{key: "room.repeat-window", spoil: func(c *Config) { c.Rooms[0].RepeatWindow = 0 }, says: "repeat-window = 0s: must be 1s to 24h0m0s"},
		{key: "room.rewind", spoil: func(c *Config) { c.Rooms[0].Rewind = 1001 }, says: "rewind = 1001: must be 1 to 1000 publications, or 0 for none"},
		{key: "room.rewind", index: 1, spoil: func(c *Config) { c.Rooms[1].Rewind = 5 }, says: "rewind = 5: needs history-size above 0"},
		{key: "room.max-message", spoil: func(c *Config) { c.Rooms[0].MaxMessage = -1 }, says: "max-message = -1: must be 1 to 16777216 bytes, or 0"},
		{key: "room.max-message", spoil: func(c *Config) { c.Rooms[0].MaxMessage = 1 << 20 }, says: "max-message = 1048576: must be at most the max-message of the server (65536)"},
		{key: "room.rate", spoil: func(c *Config) { c.Rooms[0].Rate = -1 }, says: "rate = -1: must be 1 to 1000000 publications a second, or 0"},
		{key: "room.max-members", spoil: func(c *Config) { c.Rooms[0].MaxMembers = -1 }, says: "max-members = -1: must be 1 or more, or 0"},
		{key: "room.receipts", spoil: func(c *Config) { c.Rooms[0].Receipts = true }, says: `receipts = true: needs kind = "chat"`},
		{key: "room.publish-proxy", spoil: func(c *Config) { c.Webhooks.Events = []string{"rpc"} }, says: `publish-proxy = true: needs webhooks.url, and "publish"`},
		{key: "api.key", spoil: func(c *Config) { c.API.Key = "HUSHHUSH" }, says: "api.key: must have at least 16 ASCII characters"},
		{key: "api.key", spoil: func(c *Config) { c.API.Key = "HUSH HUSH HUSH HUSH" }, says: "api.key: must have at least 16 ASCII characters, without spaces"},
		{key: "api.on", spoil: func(c *Config) { c.API.On = "both" }, says: `api.on = "both": must be listen or admin`},
		{key: "api.on", spoil: func(c *Config) { c.API.On, c.Admin = "admin", "off" }, says: `api.on = "admin": must be listen, because admin is off`},
		{key: "webhooks.url", spoil: func(c *Config) { c.Webhooks.URL = "http://app.example/?HUSH" }, says: `webhooks.url = "http://app.example": must be https://`},
		{key: "webhooks.url", spoil: func(c *Config) { c.Webhooks.URL = "https://HUSH@app.example/" }, says: `webhooks.url = "https://app.example": must be https://host/path without a user`},
		{key: "webhooks.url", spoil: func(c *Config) { c.Webhooks.URL = "/hooks" }, says: `webhooks.url = "://": must be https://`},
		{key: "webhooks.url", spoil: func(c *Config) { c.Webhooks.URL = "https://HUSH:HUSH\x00" }, says: `webhooks.url: must be https://`},
		{
			key: "webhooks.url", says: `webhooks.url = "": must be the address for the events`,
			spoil: func(c *Config) { c.Webhooks.URL, c.Rooms[0].PublishProxy = "", false },
		},
		{key: "webhooks.secret", spoil: func(c *Config) { c.Webhooks.Secret = "HUSH" }, says: "webhooks.secret: must have at least 16 ASCII characters"},
		{key: "webhooks.secret", spoil: func(c *Config) { c.Webhooks.Secret = "whsec_HUSH:HUSH:HUSH:HUSH" }, says: `or be "whsec_" and as many bytes in base64`},
		{key: "webhooks.secret", spoil: func(c *Config) { c.Webhooks.Secret = "whsec_HUSHHUSHHUSHHUSH" }, says: "webhooks.secret: must have at least 16 ASCII characters"},
		{key: "webhooks.events", spoil: func(c *Config) { c.Webhooks.Events = append(c.Webhooks.Events, "join") }, says: `events = "join": must be one of connect, subscribe, publish, rpc, disconnect`},
		{key: "webhooks.events", spoil: func(c *Config) { c.Webhooks.Events = append(c.Webhooks.Events, "connect") }, says: `events = "connect": is listed twice`},
		{
			key: "webhooks.events", says: "webhooks.events = []: must have one or more of connect",
			spoil: func(c *Config) { c.Webhooks.Events, c.Rooms[0].PublishProxy = nil, false },
		},
		{key: "webhooks.timeout", spoil: func(c *Config) { c.Webhooks.Timeout = time.Hour }, says: "webhooks.timeout = 1h0m0s: must be 100ms to 30s"},
	} {
		t.Run(tt.says, func(t *testing.T) {
			c := goodConfig()
			tt.spoil(&c)
			err := c.Validate()
			all, ok := err.(interface{ Unwrap() []error })
			if !ok || len(all.Unwrap()) != 1 {
				t.Fatalf("got %v, want one error", err)
			}
			mistake := (*ConfigError)(nil)
			if !errors.As(all.Unwrap()[0], &mistake) {
				t.Fatalf("got %T, want a ConfigError", all.Unwrap()[0])
			}
			if mistake.Key != tt.key || mistake.Index != tt.index || !strings.Contains(mistake.Text, tt.says) {
				t.Errorf("got %+v, want key %s and index %d", *mistake, tt.key, tt.index)
			}
			if strings.Contains(mistake.Text, "HUSH") {
				t.Errorf("got %q, want no secret in it", mistake.Text)
			}
		})
	}
}

// An origin that no browser sends is an invalid setting, and the error has the reason.
func TestOriginsThatCanNeverMatch(t *testing.T) {
	for text, reason := range map[string]string{
		"":                          "scheme://host",
		"example.com":               "scheme://host",
		"*.example.com":             "scheme://host",
		"https://":                  "scheme://host",
		"https://example.com/":      "without user, path and query",
		"https://example.com/chat":  "without user, path and query",
		"https://example.com?x":     "without user, path and query",
		"https://me@example.com":    "without user, path and query",
		"wss://example.com":         "begins with http:// or https://",
		"ws://example.com":          "begins with http:// or https://",
		"https://*":                 "a star as the whole first label",
		"https://a.*.example.com":   "a star as the whole first label",
		"https://a*.example.com":    "a star as the whole first label",
		"https://*.*.example.com":   "a star as the whole first label",
		"http://localhost:*":        "a star as the whole first label",
		"chrome-extension://*":      "a star as the whole first label",
		"https://*.127.0.0.1":       "a domain name after the star",
		"https://*.":                "scheme://host",
		"https://example.com:":      "1 to 65535",
		"https://example.com:0":     "1 to 65535",
		"https://example.com:65536": "1 to 65535",
		"https://example.com:https": "1 to 65535",
		"https://127.1":             "scheme://host",
		"https://[::1":              "scheme://host",
		"https://[fe80::1%25eth0]":  "scheme://host",
		"https://a b":               "scheme://host",
		"https://bü cher.example":   "a domain name: ",
		"https://\u202Ea.example":   "a domain name: ",
		"1a://localhost":            "scheme://host",
		"file:///home/ann":          "without a path",
	} {
		cfg := DefaultConfig()
		cfg.Origins = []string{"https://fine.example", text}
		err := cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("origin = %q: must be ", text)) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %v, want an error that says %q", text, err, reason)
		}
	}
}

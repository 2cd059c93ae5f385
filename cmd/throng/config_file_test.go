package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/consumer/kafkasource"
	"github.com/throng-chat/throng/server/consumer/natssource"
	"github.com/throng-chat/throng/server/consumer/pgsource"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/wordlist"
)

// commandLine is created once, because that takes longer than these tests. The tests that use it are not parallel.
var commandLine = sync.OnceValues(func() (*kong.Kong, *commands) {
	var cli commands
	return newParser(&cli), &cli
})

// settled returns the Config that throng serve has with a config file.
func settled(t *testing.T, path string, flags ...string) (server.Config, error) {
	t.Helper()
	type outcome struct {
		cfg server.Config
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		parser, cli := commandLine()
		_, err := parser.Parse(append([]string{"serve", "--config", path}, flags...))
		if err != nil {
			done <- outcome{err: err}
			return
		}
		cfg, err := cli.Serve.config(slog.New(slog.DiscardHandler))
		done <- outcome{cfg, err}
	}()
	select {
	case o := <-done:
		return o.cfg, o.err
	case <-time.After(2 * time.Minute): // it takes 3 s under the race detector; other work may have the processors
		t.Fatal("the config file was not read in 2 min")
		return server.Config{}, nil
	}
}

// written writes a config file into a directory with the key of testdata.
func written(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	pem, err := os.ReadFile("testdata/ed25519.pem")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"throng.toml": text, "ed25519.pem": string(pem), "no.pem": "HUSH"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "throng.toml")
}

func TestWithoutAFileTheDefaultsApply(t *testing.T) {
	cfg, err := settled(t, written(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if want := server.DefaultConfig(); !reflect.DeepEqual(cfg, want) {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
}

func TestEveryKeyReachesTheServer(t *testing.T) {
	pem, err := os.ReadFile("testdata/ed25519.pem")
	if err != nil {
		t.Fatal(err)
	}
	quiet := chat.DefaultRoom()
	quiet.Pattern, quiet.Presence = "quiet", false
	beside := func(name string) string {
		path, err := filepath.Abs(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	words, err := wordlist.Load("testdata/words.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := server.Config{
		Listen: "127.0.0.1:4000", Admin: "127.0.0.1:4001", TLSListen: "127.0.0.1:4002", GRPCListen: "127.0.0.1:4003", Origins: []string{"https://a.example", "null"}, Hosts: []string{"chat.example", "*.chat.example"}, TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8"}, ProxyProtocol: "on",
		PingInterval: 20 * time.Second, PingTimeout: 5 * time.Second,
		Rate: 50, RateBytes: 2 << 20, MaxMessage: 32 << 10, Compression: "off", Fallback: "off", MaxUnsent: 512 << 10, MaxRetained: 32 << 20, MaxConnections: 1000, Drain: time.Minute, LogLevel: "warn", LogFormat: "text", AuditLog: "-",
		Guests: "off", PersonalRooms: true, UserRooms: "@", PrivateRooms: "!", OtherRooms: "closed", MaxRooms: 16, MaxConnectionsUser: 5, MaxConnectionsAddress: 20,
		RateUser: 10, RateAddress: 200, RateConnectionsAddress: 300, HistoryBytes: 64 << 20, Data: "/var/lib/data", DataBytes: 1 << 30,
		Cluster: "chat", Node: "a", ClusterListen: "10.0.0.1:3100", Peers: []string{"10.0.0.1:3100", "10.0.0.2:3100", "10.0.0.3:3100"},
		ClusterSecretFile: "/etc/throng/cluster-secret", ClusterLogs: 2,
		NATS: []string{}, NATSReplicas: 5,
		Rooms: []chat.RoomOptions{
			{
				Pattern: "chat:*", Subscribe: chat.WithToken, Publish: chat.SignedIn, SeePresence: chat.Nobody,
				ReadHistory: chat.Anyone, Presence: true, JoinLeave: true, HistorySize: 100, HistoryTTL: 5 * time.Minute,
				Kind: chat.ChatRoom, MentionHere: chat.Members, Join: chat.SignedIn, Invite: chat.Members, Create: chat.SignedIn, Recovery: true, Positioning: true, Rewind: 20, Delta: true, MaxMessage: 4 << 10, Rate: 2, MaxMembers: 500, PublishProxy: true, Durable: true,
				Notify: chat.NotifyMentions, NotifyUnread: time.Minute, Receipts: true,
				WordList: "words.txt", WordAction: chat.MaskWords, LinksAfter: 4, RepeatLimit: 2, RepeatWindow: 30 * time.Second, Words: words,
			},
			quiet,
		},
		Token: token.Config{
			HMACSecret: "0123456789abcdef0123456789abcdef", PublicKeys: []string{string(pem)},
			JWKSURL: "https://a.example/jwks.json", Issuer: "https://a.example", Audience: "throng",
			HMACSecretPrevious: "ffffffff89abcdef0123456789abcdef", RequireExp: true,
		},
		API: server.APIConfig{Key: "fedcba9876543210", On: "admin"},
		APIKeys: []server.APIKey{
			{Name: "in-file", Role: "read-only", File: "reports.key", Secret: "a-key-for-reports"},
			{Name: "here", Role: "publish-only", Key: "fedcba98765432101"},
			{Name: "variable", Role: "all", Environment: "TESTS_API_KEY", Secret: "a-key-of-a-variable"},
		},
		TLS: server.TLSConfig{
			Cert: []string{beside("a.crt"), "/etc/b.crt"}, Key: []string{beside("a.key"), "/etc/b.key"}, RedirectPort: 4443, Admin: true, GRPC: true, AdminClientCA: beside("ca.crt"),
			ACMEDomains: []string{"a.example", "b.example"}, ACMECache: beside("acme"), ACMEEmail: "a@a.example", ACMEDirectory: "https://ca.example/dir", ACMECA: "/etc/ca.pem",
			MinVersion: "1.3", Engine: "std",
		},
		Pairs: []server.CertificateFiles{{Cert: beside("c.crt"), Key: "/etc/c.key"}, {Cert: beside("d.crt"), Key: beside("d.key")}},
		Webhooks: session.HooksConfig{
			URL: "https://a.example/hooks", Secret: "abcdef9876543210", Events: []string{"publish", "disconnect"}, Timeout: time.Second,
		},
		Live:    server.LiveConfig{Password: "0123456789abcdefg"},
		Tracing: server.TracingConfig{Endpoint: "https://otel.a.example/v1/traces", OneIn: 7},
		WebPush: server.WebPushConfig{
			Subject: "mailto:ops@a.example", PrivateKey: "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", Services: []string{"push.a.example"},
			Private: true, TTL: time.Hour,
		},
		ConsumerNATS: natssource.Config{URL: "nats://nats.a.example:4222", Creds: beside("throng.creds"), Stream: "CHAT", Durables: []string{"a", "b"}, Role: "all"},
		ConsumerKafka: kafkasource.Config{
			Brokers: []string{"kafka.a.example:9092"}, Topics: []string{"chat"}, Group: "chat", TLS: true, SASL: "plain", User: "throng", Password: "kafka-password",
			Role: "read-only",
		},
		ConsumerPostgres: pgsource.Config{
			URL: "postgres://throng@db.a.example/app", Table: "app.outbox", Rejected: "app.outbox_rejected", Partitions: 4, Channel: "outbox",
			PollInterval: 2 * time.Second, Role: "all",
		},
		Page: server.PageConfig{TokenURL: "/token", SignInURL: "https://a.example/in", EmbedOrigins: []string{"https://a.example", "https://*.b.example"}},
	}
	t.Setenv("TESTS_API_KEY", "a-key-of-a-variable")
	cfg, err := settled(t, "testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got\n%+v, want\n%+v", cfg, want)
	}
	text, err := os.ReadFile("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := readTOML(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range allKeys() {
		if !slices.ContainsFunc(settings, func(s setting) bool { return s.key == key }) {
			t.Errorf("full.toml lacks %s", key)
		}
	}
}

// full.toml has a cluster without NATS.
func TestTheKeysOfNATSReachTheServer(t *testing.T) {
	cfg, err := settled(t, written(t, `cluster = "chat"
node = "a"
nats = ["nats://10.0.0.4:4222", "tls://10.0.0.5"]
nats-creds = "/etc/throng/nats.creds"
nats-ca = "/etc/throng/nats-ca.pem"
nats-replicas = 1
`))
	want := server.DefaultConfig()
	want.Cluster, want.Node, want.NATS = "chat", "a", []string{"nats://10.0.0.4:4222", "tls://10.0.0.5"}
	want.NATSCreds, want.NATSCA, want.NATSReplicas = "/etc/throng/nats.creds", "/etc/throng/nats-ca.pem", 1
	if err != nil || !reflect.DeepEqual(cfg, want) {
		t.Errorf("got %+v, %v; want %+v", cfg, err, want)
	}
}

// The example file has no effect as it is. With its lines uncommented, it is valid.
func TestTheExampleFileIsValid(t *testing.T) {
	text, err := os.ReadFile("throng.toml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := settled(t, written(t, string(text)))
	if err != nil || !reflect.DeepEqual(cfg, server.DefaultConfig()) {
		t.Errorf("as it stands: got %+v, %v; want the defaults", cfg, err)
	}
	all := regexp.MustCompile(`(?m)^#([a-z\[])`).ReplaceAllString(string(text), "$1")
	all = strings.Replace(all, "keys/app.pem", "ed25519.pem", 1)
	cfg, err = settled(t, written(t, all))
	if err != nil {
		t.Fatal(err)
	}
	last := cfg.Rooms[len(cfg.Rooms)-1]
	if want := chat.DefaultRoom(); !reflect.DeepEqual(last, want) {
		t.Errorf("its last room: got %+v, want the default, %+v", last, want)
	}
	want := server.DefaultConfig()
	want.Rooms, want.Token, want.API.Key = cfg.Rooms, cfg.Token, cfg.API.Key
	want.APIKeys = cfg.APIKeys
	want.Webhooks, want.WebPush, want.Page, want.Live = cfg.Webhooks, cfg.WebPush, cfg.Page, cfg.Live
	want.ConsumerNATS, want.ConsumerKafka, want.ConsumerPostgres = cfg.ConsumerNATS, cfg.ConsumerKafka, cfg.ConsumerPostgres
	want.WebPush.TTL, want.WebPush.Private = server.DefaultConfig().WebPush.TTL, false
	want.Webhooks.Timeout, want.Origins = server.DefaultConfig().Webhooks.Timeout, []string{"https://app.example"}
	want.TLSListen, want.TLS.Cert, want.TLS.Key, want.Pairs = ":3443", cfg.TLS.Cert, cfg.TLS.Key, cfg.Pairs
	want.TLS.ACMEDomains, want.TLS.ACMECache, want.TLS.ACMEEmail, want.TLS.ACMECA = cfg.TLS.ACMEDomains, cfg.TLS.ACMECache, cfg.TLS.ACMEEmail, cfg.TLS.ACMECA
	want.Cluster, want.Node, want.ClusterListen, want.Peers, want.ClusterSecretFile = cfg.Cluster, cfg.Node, cfg.ClusterListen, cfg.Peers, cfg.ClusterSecretFile
	want.Data, want.NATS, want.Tracing.Endpoint = cfg.Data, []string{}, cfg.Tracing.Endpoint
	want.TrustedProxies, want.Hosts = []string{"127.0.0.1"}, []string{"chat.example"}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("its settings: got %+v, want the defaults, %+v", cfg, want)
	}
	for _, key := range allKeys() {
		name := key[strings.LastIndexByte(key, '.')+1:]
		if !regexp.MustCompile(`(?m)^(#` + name + ` = |#\[+` + regexp.QuoteMeta(key) + `\])`).Match(text) {
			t.Errorf("it lacks %s", key)
		}
	}
}

func TestCertificatesMayBeWrittenInSeveralWays(t *testing.T) {
	want := []server.CertificateFiles{{Cert: "/a", Key: "/b"}, {Cert: "/c", Key: "/d"}}
	for _, text := range []string{
		"[[tls.certificate]]\ncert = '/a'\nkey = '/b'\n[[tls.certificate]]\nkey = '/d'\ncert = '/c'\n",
		"[tls]\nengine = 'llib'\n[[tls.certificate]]\ncert = '/a'\nkey = '/b'\n[[room]]\npattern = 'x'\n[[tls.certificate]]\nkey = '/d'\ncert = '/c'\n",
		"[tls]\ncertificate = [{cert = '/a', key = '/b'}, {cert = '/c', key = '/d'}]\n",
		"tls.certificate = [{cert = '/a', key = '/b'}, {cert = '/c', key = '/d'}]\n",
		"tls = {certificate = [{cert = '/a', key = '/b'}, {cert = '/c', key = '/d'}]}\n",
	} {
		cfg, err := settled(t, written(t, text), "--tls-listen=:3443")
		if err != nil || !slices.Equal(cfg.Pairs, want) {
			t.Errorf("%s: got %v, %v; want %v", text, cfg.Pairs, err, want)
		}
	}
	for text, want := range map[string]string{
		"[[tls.certificate]]\ncert = '/a'\nkey = '/b'\n[[tls.certificate]]\ncert = '/c'\n": `throng.toml:4:3: tls.certificate: key = "": must name the PEM file of the key of /c`,
		"[[tls.certificate]]\nkey = '/b'\n":                                                `throng.toml:1:3: tls.certificate: cert = "": must name a PEM file`,
		"[tls.certificate]\nkey = '/b'\n":                                                  `throng.toml:1:2: tls.certificate: must be [[tls.certificate]]`,
		"tls.certificate.key = '/b'\n":                                                     `throng.toml:1:1: tls.certificate.key: must be below a line [[tls.certificate]]`,
		"[[tls.certificate]]\nfile = '/b'\n":                                               `tls.certificate.file: no such key`,
	} {
		if _, err := settled(t, written(t, text), "--tls-listen=:3443"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestATableMayBeWrittenInSeveralWays(t *testing.T) {
	const want = "0123456789abcdef"
	for _, text := range []string{
		"[api]\nkey = '0123456789abcdef'\n",
		"api.key = \"0123456789abcdef\"\n",
		"api = {key = \"0123456789abcdef\"}\n",
		"[\"api\"]\n\"key\" = \"\"\"0123456789abcdef\"\"\"\n",
	} {
		cfg, err := settled(t, written(t, text))
		if err != nil || cfg.API.Key != want {
			t.Errorf("%s: got %q, %v", text, cfg.API.Key, err)
		}
	}
	cfg, err := settled(t, written(t, "room = [{pattern = 'a', rate = 0x10}, # one\n {pattern = 'b', max-members = 1_000}]\norigin = [ # two\n 'null', # three\n]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Rooms) != 2 || cfg.Rooms[0].Rate != 16 || cfg.Rooms[1].MaxMembers != 1000 || !slices.Equal(cfg.Origins, []string{"null"}) {
		t.Errorf("got %+v, %v", cfg.Rooms, cfg.Origins)
	}
}

func TestAnErrorInAConfigFileHasItsPlace(t *testing.T) {
	const hook = "[webhooks]\nurl = 'https://a.example'\nsecret = '0123456789abcdef'\n"
	for _, tt := range []struct {
		text string
		says []string // lines, after the file's name
	}{
		// What is no TOML.
		{"listen", []string{":1:"}},
		{"\nrate 5", []string{":2:6: not TOML: expected '=' after key: a line must be KEY = VALUE, with text in quotes"}},
		{"rate =\n", []string{":1:7: not TOML: the value is missing: a line must be KEY = VALUE"}},
		{"listen = 127.0.0.1:3000", []string{":1:15: not TOML: expected newline"}},
		{"guests = on", []string{":1:10: not TOML: "}},
		{"[[room]\n", []string{":1:7: not TOML: expected ']]' to close array table name: a line must be"}},
		{"rate = 5\nrate = 6\n", []string{":2:1: not TOML: key rate is already defined"}},
		{"[api]\n[api]\n", []string{":2:2: not TOML: "}},
		{"api.on = 'listen'\n[[api]]\n", []string{":2:3: not TOML: "}},
		{"[api]\nkey = \"HUSH\n", []string{":2:"}},
		{"[api]\nkey = HUSH\n", []string{":2:"}},
		{"[api]\nkey = \"HUSH\\q\"\n", []string{":2:"}},
		{"rate = 1 2", []string{":1:"}},
		{"rate = 0123", []string{":1:"}},
		{"listen = '\x00'", []string{":1:"}},
		{"listen = '\xff'", []string{":1:"}},
		{"x = " + strings.Repeat("[", 100_000), []string{":1:"}},
		{"x = " + strings.Repeat("{x = ", 20_000), []string{":1:"}},

		// What is no key.
		{"lisen = ':1'", []string{":1:1: lisen: no such key; nearest: listen"}},
		{"Rate = 5", []string{":1:1: Rate: no such key; nearest: rate"}},
		{"max_message = 5", []string{":1:1: max_message: no such key; nearest: max-message"}},
		{"\n  'rate ' = 5", []string{`:2:3: "rate ": no such key; nearest: rate`}},
		{"'room.pattern' = 'x'", []string{`:1:1: "room.pattern": no such key`}},
		{"config = 'x'\ncheck = true", []string{":1:1: config: no such key", ":2:1: check: no such key"}},
		{"[ping]\ninterval = '1s'\n", []string{":1:2: ping: no such key"}},
		{"[rooms]\npattern = 'x'\n", []string{":1:2: rooms: must be a value, not a table: the table is [[room]]"}},
		{"[[room]]\npattern = 'x'\nhistroy-size = 1\n", []string{":3:1: room.histroy-size: no such key; nearest: room.history-size"}},
		{"history-size = 1\n", []string{":1:1: history-size: no such key; nearest: room.history-size"}},
		{"[api]\nmax-unsent = 1\n", []string{":2:1: api.max-unsent: no such key; move max-unsent above all tables"}},
		{"[api.keyz]\n", []string{":1:2: api.keyz: no such key; nearest: api.key"}},
		{"[api.keys]\n", []string{":1:2: api.keys: must be [[api.keys]]"}},
		{"[[api.keys]]\nname = 'a'\nrole = 'all'\nkey = 'HUSH'\n", []string{`:4:1: api.keys "a": key: the key must have at least 16`}},
		{"[[api.keys]]\nname = 'a'\nrole = 'all'\nkey = 1234\n", []string{`:4:1: api.keys.key: must be text in quotes`}},
		{"[[api.keys]]\nname = 'a'\nrole = 'all'\nfile = 'none'\n", []string{`:4:1: api.keys "a": file = "none": open `}},
		{"[[api.keys]]\nname = 'a'\nrole = 'all'\n", []string{`:1:3: api.keys "a": key: one of key, environment and file must be set`}},
		{strings.Repeat("k", 1000) + " = 1", []string{":1:1: " + strings.Repeat("k", 60) + "...: no such key"}},
		{"log-color = 'x'\ncolour = 'x'\nport = 1\n", []string{":1:1: log-color: no such key; no similar name", ":2:1: colour: no such key; no similar name", ":3:1: port: no such key; no similar name"}},
		{"[[room]]\npattern = 'x'\nhistory_size = 1\n", []string{":3:1: room.history_size: no such key; nearest: room.history-size"}},
		{"history_size = 1\nMAX_ROOMS = 1\n", []string{":1:1: history_size: no such key; nearest: room.history-size", ":2:1: MAX_ROOMS: no such key; nearest: max-rooms"}},
		{strings.Repeat("k.", 60_000) + "k = 1", []string{":1:1: k.k.k."}},

		// Tables.
		{"[room]\npattern = 'x'\n", []string{":1:2: room: must be [[room]]"}},
		{"[[token]]\nissuer = 'x'\n", []string{":1:3: token: must be [token]"}},
		{"room.pattern = 'x'", []string{":1:1: room.pattern: must be below a line [[room]]"}},
		{"room = []", []string{":1:1: room: must be a table: [[room]]"}},
		{"room = [{pattern = 'a'}, 1]", []string{":1:1: room: must be a table: [[room]]"}},
		{"room = [{pattern = 'a', rate = 'x'}, {pattern = 'b', rate = -1}]", []string{":1:25: room.rate = 'x': must be a whole number", `:1:54: room "b": rate = -1: must be`}},
		{"rate = [{}, {}]", []string{":1:1: rate: must be a value, not a table"}},
		{"api = 'x'", []string{":1:1: api: must be a table: [api]"}},
		{"[rate]\n", []string{":1:2: rate: must be a value, not a table"}},
		{"[api]\non = {x = 1}\n", []string{":2:1: api.on = {...}: must be text in quotes"}},

		// Values of another kind.
		{"rate = 'many'", []string{`:1:1: rate = 'many': must be a whole number`}},
		{"rate = 1.5", []string{`:1:1: rate = 1.5: must be a whole number`}},
		{"rate = [1]", []string{`:1:1: rate = [...]: must be a whole number`}},
		{"listen = 3000", []string{`:1:1: listen = 3000: must be text in quotes`}},
		{"guests = true", []string{`:1:1: guests = true: must be text in quotes`}},
		{"personal-rooms = 'yes'", []string{`:1:1: personal-rooms = 'yes': must be true or false`}},
		{"ping-interval = 25", []string{`:1:1: ping-interval = 25: must be a duration, such as "30s"`}},
		{"drain = '10'", []string{`:1:1: drain = '10': must be a duration, such as "30s"`}},
		{"max-message = 'lots'", []string{`:1:1: max-message = 'lots': must be a number of bytes, or a size such as "64KiB"`}},
		{"max-message = -5", []string{`:1:1: max-message = -5: must be a number of bytes`}},
		{"origin = [1, 2]", []string{`:1:1: origin = [...]: must be a list of texts`}},
		{"max-rooms = 2024-01-01", []string{`:1:1: max-rooms = 2024-01-01: must be a whole number`}},
		{"listen = ['a',\n'b']", []string{`:1:1: listen = [...]: must be text in quotes`}},
		{"listen = \"\"\"a\nb\"\"\"", []string{`:1:1: listen = "a\nb": must be host:port`}},
		{"drain = \"\"\"a\nb\"\"\"", []string{`:1:1: drain = """a...: must be a duration`}},
		{"[[room]]\npattern = 'x'\n[[room]]\npattern = 'y'\nhistory-ttl = 5\n", []string{`:5:1: room.history-ttl = 5: must be a duration`}},
		{"[[room]]\npattern = 'x'\nmax-message = '4KB'\n", []string{`:3:1: room.max-message = '4KB': must be a number of bytes, or a size such as "64KiB"`}},
		{"[[room]]\npattern = 'x'\npresence = 1\n", []string{`:3:1: room.presence = 1: must be true or false`}},
		{"[api]\nkey = 1234567890\n", []string{`:2:1: api.key: must be text in quotes`}},
		{"[token]\nhmac-secret = ['HUSH']\n", []string{`:2:1: token.hmac-secret: must be text in quotes`}},
		{hook + "events = 'join'\n", []string{`:4:1: webhooks.events = "join": must be one of connect, subscribe`}},

		// Values that are not allowed.
		{"\nguests = 'maybe'", []string{`:2:1: guests = "maybe": must be on, off, or auto`}},
		{"rate = -1\nmax-rooms = 0", []string{":1:1: rate = -1: must be 1 to 1000000", ":2:1: max-rooms = 0: must be 1 to 4096"}},
		{"rate = 9223372036854775807", []string{":1:1: rate = 9223372036854775807: must be 1 to 1000000"}},
		{"origin = ['a.example', 'b.example']", []string{`:1:1: origin = "a.example": must be scheme`, `:1:1: origin = "b.example": must be scheme`}},
		{"origin = []\nlisten = ''", []string{`:2:1: listen = "": must be host:port`}},
		{"history-bytes = 1", []string{":1:1: history-bytes = 1: must be max-message (65536) to 1 TiB"}},
		{"\n[[room]]\n", []string{`:2:3: room "": pattern = "": must be a room name`}},
		{"[[room]]\npattern = 'a*b'\n", []string{`:2:1: room "a*b": pattern = "a*b": must be a room name`}},
		{"[[room]]\npattern = 'a'\n[[room]]\npattern = 'a'\n", []string{`:4:1: room "a": pattern = "a": is never used: the earlier room "a" matches`}},
		{"[[room]]\npattern = '*'\n[[room]]\npattern = 'chat:*'\n", []string{`:4:1: room "chat:*": pattern = "chat:*": is never used: the earlier room "*" matches`}},
		{"[[room]]\npattern = 'a'\nsubscribe = 'all'\n", []string{`:3:1: room "a": subscribe = "all": must be one of anyone, signed-in, members, moderators, token, nobody`}},
		{"[[room]]\npattern = 'a'\nhistory-size = 10\n", []string{`:3:1: room "a": history-size = 10: needs history-ttl, the time to keep a publication: 1s to 87600h0m0s, such as history-ttl = "24h"`}},
		{"[[room]]\npattern = 'a'\n\n[[room]]\npattern = 'b'\nhistory-size = 10\nhistory-ttl = '1ms'\n", []string{`:7:1: room "b": history-ttl = 1ms: must be 1s to 87600h`}},
		{"[[room]]\npattern = 'a'\nrecovery = true\n", []string{`:3:1: room "a": recovery = true: needs history-size above 0`}},
		{"[[room]]\npattern = 'a'\npublish-proxy = true\n", []string{`:3:1: room "a": publish-proxy = true: needs webhooks.url`}},
		{"[[room]]\npattern = 'a'\nmax-message = '1MiB'\n", []string{`:3:1: room "a": max-message = 1048576: must be at most the max-message of the server (65536)`}},
		{strings.Repeat("[[room]]\npattern = 'x'\n", 1001), []string{`:2002:1: room: pattern: 1001 patterns: at most 1000 are allowed`}},
		{"[api]\nkey = 'HUSH'\n", []string{":2:1: api.key: must have at least 16 ASCII characters"}},
		{"[api]\non = 'both'\n", []string{`:2:1: api.on = "both": must be listen or admin`}},
		{"api.on = 'both'\n", []string{`:1:1: api.on = "both": must be listen or admin`}},
		{"[webhooks]\nsecret = '0123456789HUSH6789'\nurl = 'http://a.example/HUSH'\nevents = ['rpc']\n", []string{`:3:1: webhooks.url = "http://a.example": must be https://`}},
		{"[webhooks]\nurl = 'https://a.example'\nevents = ['rpc']\n", []string{":1:2: webhooks.secret: must have at least 16 ASCII characters without spaces, or be \"whsec_\" and as many bytes in base64: it signs each request; or set the environment variable THRONG_WEBHOOK_SECRET"}},
		{hook, []string{":1:2: webhooks.events = []: must have one or more of connect"}},
		{hook + "events = ['join', 'leave']\n", []string{`:4:1: webhooks.events = "join": must be one of`, `:4:1: webhooks.events = "leave": must be one of`}},
		{hook + "events = ['rpc']\ntimeout = '1h'\n", []string{":5:1: webhooks.timeout = 1h0m0s: must be 100ms to 30s"}},

		// Tokens.
		{"[token]\npublic-keys = ['nowhere.pem']\n", []string{`:2:1: token.public-keys = "nowhere.pem": open `}},
		{"[token]\npublic-keys = ['/dev/zero']\n", []string{`:2:1: token.public-keys = "/dev/zero": /dev/zero: is too large: must have at most 64KiB`}},
		{"[token]\npublic-keys = ['ed25519.pem', 'no.pem']\n", []string{`:2:1: token.public-keys, number 2: want a PEM text`}},
		{"[token]\njwks-url = 'http://a.example/'\n", []string{`:2:1: token.jwks-url = "http://a.example/": want https`}},

		// All at once, in the file's order, and none twice.
		{
			"lisen = ':1'\nrate = -1\nguests = true\n[[room]]\npattern = 'a'\nhistory-size = 'many'\nrate = -1\n[token]\nissue = 'x'\njwks-url = 'x'\n[api]\nkey = 'HUSH'\n",
			[]string{
				":1:1: lisen: no such key", ":2:1: rate = -1", ":3:1: guests = true", ":6:1: room.history-size = 'many'",
				`:7:1: room "a": rate = -1`, ":9:1: token.issue: no such key; nearest: token.issuer", ":10:1: token.jwks-url",
				":12:1: api.key: must have at least 16",
			},
		},
	} {
		t.Run(tt.says[0], func(t *testing.T) {
			path := written(t, tt.text)
			_, err := settled(t, path)
			lines := strings.Split(fmt.Sprint(err), "\n")
			if len(lines) != len(tt.says) {
				t.Errorf("got %q, want %d lines", lines, len(tt.says))
			}
			for i, line := range lines {
				if i < len(tt.says) && !strings.HasPrefix(line, path+tt.says[i]) {
					t.Errorf("got %q, want it to begin %q", line, tt.says[i])
				}
				if strings.Contains(line, "HUSH") {
					t.Errorf("got %q, want no secret in it", line)
				}
				if len(line) > len(path)+300 {
					t.Errorf("got a line of %d bytes", len(line))
				}
			}
		})
	}
}

// An error about a value of a wrong type has the key, the line and the allowed type.
func TestNoKeyAcceptsAValueOfAnotherType(t *testing.T) {
	for _, key := range allKeys() {
		for _, value := range []string{"1.5", "2024-01-01T00:00:00Z", "[[1]]", "inf", "[{}, 1]"} {
			table, name, dotted := strings.Cut(key, ".")
			text := fmt.Sprintf("\n%s = %s\n", key, value)
			if dotted {
				text = fmt.Sprintf("%s\n%s = %s\n", brackets(table), name, value)
			}
			path := written(t, text)
			f := openConfig(path)
			if len(f.errs) != 1 {
				t.Errorf("%s: got %v, want one error", text, f.errs)
				continue
			}
			got, begin := f.errs[0].text, path+":2:1: "+key
			if !strings.HasPrefix(got, begin) || !strings.Contains(got, ": must be ") {
				t.Errorf("%s: got %q, want it to begin %s", text, got, begin)
			}
		}
	}
}

func TestATooLargeConfigFileIsRejected(t *testing.T) {
	for _, path := range []string{"/dev/zero", written(t, strings.Repeat("# "+strings.Repeat("x", 97)+"\n", 3000))} {
		if _, err := settled(t, path); err == nil || !strings.Contains(err.Error(), path+": is too large: must have at most 128KiB") {
			t.Errorf("got %v, want an error about the size", err)
		}
	}
}

// The number of reported errors is bounded, and so is the time to find them.
func TestErrorsOfAConfigFileAreBounded(t *testing.T) {
	var text strings.Builder
	for n := 0; text.Len() < maxConfigFile-20; n++ {
		fmt.Fprintf(&text, "k%d = 1\n", n)
	}
	path := written(t, text.String())
	_, err := settled(t, path)
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != maxErrors+1 {
		t.Fatalf("got %d lines, want %d", len(lines), maxErrors+1)
	}
	if got, want := lines[99], path+":100:1: k99: no such key; no similar name"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin %q", got, want)
	}
	if got, want := lines[100], path+":101:1: 100 errors are above: "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin %q", got, want)
	}
}

// Each error is one line with its place, for any text.
func FuzzConfigFile(f *testing.F) {
	for _, path := range []string{"throng.toml", "testdata/full.toml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(regexp.MustCompile(`(?m)^#([a-z\[])`).ReplaceAll(text, []byte("$1")))
	}
	f.Add([]byte("room = [{pattern = 'a', x.y = 1}, {}]\napi = {on = []}\n[[x]]\n\"\\n\" = 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := newConfigFile("f")
		if err := file.read(text); err != nil {
			return // no TOML
		}
		for _, err := range causes(file.tables.Validate()) {
			e := (*server.ConfigError)(nil)
			if !errors.As(err, &e) {
				t.Fatalf("got %T, want a ConfigError", err)
			}
			file.addInvalid(place{key: e.Key, index: e.Index}, e.Text)
		}
		for _, m := range file.errs {
			if m.line == 0 { // api.on of [api], say, but no mistake of what the file leaves alone
				t.Errorf("got %q, want its line", m.text)
			}
			if lines := strings.Count(string(text), "\n") + 1; m.line > lines {
				t.Errorf("got %q of %d lines", m.text, lines)
			}
			if !strings.HasPrefix(m.text, fmt.Sprintf("f:%d:", m.line)) || strings.Contains(m.text, "\n") {
				t.Errorf("got %q, want one line that begins with where it is", m.text)
			}
		}
	})
}

func TestASecretOfTheEnvironmentTakesPrecedence(t *testing.T) {
	path := written(t, "[token]\nhmac-secret = 'HUSH'\n[api]\nkey = 'HUSH'\n[webhooks]\nurl = 'https://a.example'\nsecret = 'HUSH'\nevents = ['rpc']\n"+
		"[web-push]\nsubject = 'mailto:a@b.example'\nprivate-key = 'HUSH'\n"+
		"[consumer-nats]\nstream = 'a'\n[consumer-kafka]\ntopics = ['a']\nbrokers = ['127.0.0.1:9092']\nsasl = 'plain'\nuser = 'a'\n")
	for _, name := range secrets {
		t.Setenv(name, "0123456789abcdef0123456789abcdef"+name)
	}
	t.Setenv("THRONG_CONSUMER_NATS_URL", "nats://127.0.0.1")
	t.Setenv("THRONG_CONSUMER_POSTGRES_URL", "postgres://127.0.0.1")
	t.Setenv("THRONG_WEB_PUSH_PRIVATE_KEY", "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
	cfg, err := settled(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for key, got := range map[string]string{"token.hmac-secret": cfg.Token.HMACSecret, "api.key": cfg.API.Key, "webhooks.secret": cfg.Webhooks.Secret} {
		if want := "0123456789abcdef0123456789abcdef" + secrets[key]; got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	for _, bad := range []struct{ value, says string }{{"HUSH", ": must have at least 16 ASCII characters"}, {"", ": is empty: must be a secret"}} {
		t.Setenv("THRONG_API_KEY", bad.value)
		_, err = settled(t, path)
		text := fmt.Sprint(err)
		if !strings.HasPrefix(text, "environment THRONG_API_KEY: ") || !strings.Contains(text, bad.says) || strings.Contains(text, "HUSH") {
			t.Errorf("got %q, want it to name the variable, and not its value", text)
		}
	}
}

// An error names the place at which the user must change the setting.
func TestAnErrorNamesTheSourceOfTheSetting(t *testing.T) {
	path := written(t, "rate = -1\nmax-rooms = -1\nmax-connections = -1\n")
	t.Setenv("THRONG_MAX_ROOMS", "-2")
	t.Setenv("THRONG_DRAIN", "-1s")
	_, err := settled(t, path, "--rate=-3")
	lines := strings.Split(fmt.Sprint(err), "\n")
	slices.Sort(lines)
	want := []string{
		path + ":3:1: max-connections = -1: must be ",
		"environment THRONG_DRAIN: drain = -1s: must be ",
		"environment THRONG_MAX_ROOMS: max-rooms = -2: must be ",
		"rate = -3: must be ",
	}
	if len(lines) != len(want) {
		t.Fatalf("got %q, want %q", lines, want)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("got %q, want it to begin %q", lines[i], want[i])
		}
	}
}

func TestHelpNamesTheSecrets(t *testing.T) {
	t.Parallel()
	_, stdout, _ := outcome(t, throng(t, "serve", "-h"))
	for _, name := range slices.Sorted(maps.Values(secrets)) {
		if !strings.Contains(stdout, name) {
			t.Errorf("got %q, want it to name %s", stdout, name)
		}
	}
}

// The error of a word list names the file, the line in it, and the line of the config file.
func TestAWordListThatCannotBeReadIsAnError(t *testing.T) {
	path := written(t, "[[room]]\npattern = 'a'\nkind = 'chat'\nhistory-size = 1\nhistory-ttl = '1m'\nword-list = 'list.txt'\n")
	if _, err := settled(t, path); err == nil || !strings.Contains(err.Error(), `:6:`) || !strings.Contains(err.Error(), `word-list = "list.txt": open `) {
		t.Errorf("got %v, want an error about the missing file", err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "list.txt"), []byte("one\ntwo words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := settled(t, path); err == nil || !strings.Contains(err.Error(), `word-list = "list.txt": line 2: "two words" has ' '`) || strings.Contains(err.Error(), "was not read") {
		t.Errorf("got %v, want an error about line 2", err)
	}
}

package natssource

import (
	"net/url"
	"strings"
)

// Config are the settings of the consumer. It is off without a stream.
type Config struct {
	URL      string   `name:"url" secret:"THRONG_CONSUMER_NATS_URL"` // of one or more servers, separated by commas; empty: DefaultURL
	Creds    string   `name:"creds"`                                 // file with the credentials of a user; empty for none
	Stream   string   `name:"stream"`                                // turns the consumer on
	Durables []string `name:"durables"`                              // names of durable consumers; empty: DefaultDurable
	Role     string   `name:"role" default:"publish-only" oneof:"all,publish-only,read-only"`
}

// The defaults of settings that are empty.
const (
	DefaultURL     = "nats://127.0.0.1:4222"
	DefaultDurable = "throng"
)

// MaxDurables is the number of durable consumers, at most.
const MaxDurables = 64

// Sockets is the number of sockets of the client, at most.
const Sockets = 4

// On reports whether the consumer is on.
func (c *Config) On() bool { return c.Stream != "" }

// Check calls add with each invalid setting: its key, the value found (nil for a secret) and a rule.
func (c *Config) Check(add func(key string, found any, rule string, args ...any)) {
	if !c.On() {
		if c.URL != "" || c.Creds != "" || len(c.Durables) > 0 {
			add("stream", c.Stream, "must be the name of a stream of NATS JetStream: it turns the consumer on")
		}
		return
	}
	if !validName(c.Stream) {
		add("stream", c.Stream, "must be a name without spaces, dots, stars, > and slashes")
	}
	for _, u := range strings.Split(c.URL, ",") {
		if c.URL != "" && !validURL(strings.TrimSpace(u)) {
			add("url", nil, "must be one or more of nats://HOST:PORT, tls://HOST:PORT, ws://HOST:PORT and wss://HOST:PORT, separated by commas")
			break
		}
	}
	if len(c.Durables) > MaxDurables {
		add("durables", len(c.Durables), "must have %d names at most", MaxDurables)
	}
	seen := map[string]bool{}
	for _, name := range c.Durables {
		if !validName(name) || seen[name] {
			add("durables", name, "must be different names without spaces, dots, stars, > and slashes")
		}
		seen[name] = true
	}
}

func validName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`.*>/\`, r) })
}

func validURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && (u.Scheme == "nats" || u.Scheme == "tls" || u.Scheme == "ws" || u.Scheme == "wss")
}

// durables are the names of the durable consumers.
func (c *Config) durables() []string {
	if len(c.Durables) == 0 {
		return []string{DefaultDurable}
	}
	return c.Durables
}

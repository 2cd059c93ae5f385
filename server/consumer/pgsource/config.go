package pgsource

import (
	"strings"
	"time"
)

// Config are the settings of the consumer. It is off without a URL.
type Config struct {
	URL          string        `name:"url" secret:"THRONG_CONSUMER_POSTGRES_URL"` // turns the consumer on
	Table        string        `name:"table" default:"throng_outbox"`             // NAME or SCHEMA.NAME
	Rejected     string        `name:"rejected-table"`                            // receives rejected rows; empty: they are deleted
	Partitions   int           `name:"partitions" default:"1" min:"1" max:"64"`
	Channel      string        `name:"channel" default:"throng_outbox"` // of NOTIFY; empty for none
	PollInterval time.Duration `name:"poll-interval" default:"1s" min:"100ms" max:"1m"`
	Role         string        `name:"role" default:"publish-only" oneof:"all,publish-only,read-only"`
}

// maxIdentifier is the length of a name in PostgreSQL, in bytes.
const maxIdentifier = 63

// On reports whether the consumer is on.
func (c *Config) On() bool { return c.URL != "" }

// Check calls add with each invalid setting: its key, the value found (nil for a secret) and a rule.
func (c *Config) Check(add func(key string, found any, rule string, args ...any)) {
	if !c.On() {
		if c.Rejected != "" {
			add("url", nil, "must be the address of the database: postgres://USER@HOST/DATABASE; it turns the consumer on")
		}
		return
	}
	if !validURL(c.URL) {
		add("url", nil, "must be the address of the database, such as postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full")
	}
	if !validTable(c.Table) {
		add("table", c.Table, "must be NAME or SCHEMA.NAME")
	}
	if c.Rejected != "" && (!validTable(c.Rejected) || c.Rejected == c.Table) {
		add("rejected-table", c.Rejected, "must be NAME or SCHEMA.NAME of another table than %s", c.Table)
	}
	if c.Channel != "" && !validIdentifier(c.Channel) {
		add("channel", c.Channel, "must be the name of a channel of NOTIFY, or empty for none")
	}
}

func validTable(name string) bool {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if !validIdentifier(part) {
			return false
		}
	}
	return len(parts) <= 2
}

func validIdentifier(name string) bool {
	return name != "" && len(name) <= maxIdentifier && !strings.ContainsRune(name, 0)
}

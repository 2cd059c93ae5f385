package kafkasource

import (
	"net"
	"strings"
)

// Config are the settings of the consumer. It is off without topics.
type Config struct {
	Brokers  []string `name:"brokers"` // HOST:PORT
	Topics   []string `name:"topics"`  // turn the consumer on
	Group    string   `name:"group" default:"throng"`
	TLS      bool     `name:"tls"`
	SASL     string   `name:"sasl" default:"off" oneof:"off,plain,scram-sha-256,scram-sha-512"`
	User     string   `name:"user"`
	Password string   `name:"password" secret:"THRONG_CONSUMER_KAFKA_PASSWORD"`
	Role     string   `name:"role" default:"publish-only" oneof:"all,publish-only,read-only"`
}

// MaxSockets is the number of sockets of the client: more than three for each broker of most clusters.
const MaxSockets = 64

// On reports whether the consumer is on.
func (c *Config) On() bool { return len(c.Topics) > 0 }

// Check calls add with each invalid setting: its key, the value found (nil for a secret) and a rule.
func (c *Config) Check(add func(key string, found any, rule string, args ...any)) {
	if !c.On() {
		if len(c.Brokers) > 0 || c.User != "" || c.Password != "" {
			add("topics", c.Topics, "must have the names of topics: they turn the consumer on")
		}
		return
	}
	if len(c.Brokers) == 0 {
		add("brokers", c.Brokers, "must have the address of a broker, HOST:PORT, or of several")
	}
	for _, address := range c.Brokers {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			add("brokers", address, "must be HOST:PORT")
		}
	}
	for _, topic := range c.Topics {
		if !validTopic(topic) {
			add("topics", topic, "must be 1 to 249 letters, digits, dots, - and _")
		}
	}
	if c.Group == "" {
		add("group", c.Group, "must be the name of a consumer group")
	}
	switch {
	case c.SASL == "off" && (c.User != "" || c.Password != ""):
		add("sasl", c.SASL, "must be plain, scram-sha-256 or scram-sha-512 with user and password")
	case c.SASL != "off" && (c.User == "" || c.Password == ""):
		add("sasl", c.SASL, "needs user and password")
	}
}

func validTopic(name string) bool {
	return name != "" && len(name) <= 249 && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	})
}

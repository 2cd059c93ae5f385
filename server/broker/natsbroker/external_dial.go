//go:build !nonats

package natsbroker

import (
	"time"

	"github.com/nats-io/nats.go"
)

// The times of an external cluster. A server that does not answer two pings is left for another one.
const (
	dialTimeout   = 3 * time.Second
	pingInterval  = 2 * time.Second
	writeTimeout  = 5 * time.Second
	answerTimeout = 3 * time.Second // of a request at the start
)

// options are those of each connection. Reconnecting is left to the keeper: a new connection is a new instance.
func (x *External) options() []nats.Option {
	list := []nats.Option{
		nats.Timeout(dialTimeout), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(writeTimeout),
	}
	if x.Creds != "" {
		list = append(list, nats.UserCredentials(x.Creds))
	}
	if x.CA != "" {
		list = append(list, nats.RootCAs(x.CA))
	}
	return list
}

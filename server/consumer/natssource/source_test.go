//go:build !noconsumers

package natssource

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/consumer"
	"github.com/throng-chat/throng/server/consumer/consumertest"
	"github.com/throng-chat/throng/server/consumer/natstest"
)

func TestASourceOfNATSKeepsItsPromises(t *testing.T) {
	t.Parallel()
	consumertest.Run(t, func(t *testing.T) consumertest.Stream {
		ns := natstest.Start(t)
		ns.Stream("CHAT")
		return consumertest.Stream{
			Source: func() consumer.Source {
				return &Source{Config: Config{URL: ns.URL(), Stream: "CHAT"}, MaxBody: 1 << 20}
			},
			Send:    func(bodies ...string) { ns.Send("CHAT", bodies...) },
			Restart: ns.Restart,
		}
	})
}

// A durable consumer of an operator may have a filter, but not lose order or messages.
func TestADurableConsumerThatLosesOrderIsNotUsed(t *testing.T) {
	t.Parallel()
	good := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1, MaxDeliver: -1, AckWait: AckWait, FilterSubject: "CHAT.a"}
	if err := suits(good); err != nil {
		t.Errorf("got %v, want a consumer with a filter to be used", err)
	}
	for want, change := range map[string]func(*jetstream.ConsumerConfig){
		"ack policy":      func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckAllPolicy },
		"max ack pending": func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1000 },
		"max deliver":     func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 5 },
		"ack wait":        func(c *jetstream.ConsumerConfig) { c.AckWait = AckWait - 1 },
		"headers only":    func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true },
	} {
		c := good
		change(&c)
		if err := suits(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
}

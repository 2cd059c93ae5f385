//go:build !noconsumers

package natssource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/consumer"
)

// AckWait is the time after which the server delivers a message again whose consumer has died: that of a durable consumer that throng creates, and the
// shortest that it accepts.
const AckWait = 15 * time.Second

// Source consumes one stream.
type Source struct {
	Config  Config
	MaxBody int                                   // bytes of a message
	Lag     func(partition string, behind uint64) // is called with the messages that wait; nil for none
}

// Run consumes the durable consumers, one goroutine for each, until ctx ends or one of them fails.
func (so *Source) Run(ctx context.Context, ready func(), deliver consumer.Deliver) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	options := []nats.Option{
		nats.Name("throng"), nats.NoReconnect(), // Consumer.Run connects again
		nats.Timeout(5 * time.Second), nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ClosedHandler(func(*nats.Conn) { cancel(consumer.ErrLost) }),
	}
	if so.Config.Creds != "" {
		options = append(options, nats.UserCredentials(so.Config.Creds))
	}
	conn, err := nats.Connect(cmp.Or(so.Config.URL, DefaultURL), options...)
	if err != nil {
		return err
	}
	defer func() {
		_ = conn.FlushTimeout(consumer.CommitTimeout) // a failure: the server delivers again what was not acknowledged
		conn.Close()
	}()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	var found []jetstream.Consumer
	for _, name := range so.Config.durables() {
		c, err := so.durable(ctx, js, name)
		if err != nil {
			return fmt.Errorf("stream %s, durable consumer %s: %w", so.Config.Stream, name, err)
		}
		found = append(found, c)
	}
	ready()
	var partitions sync.WaitGroup
	for _, c := range found {
		partitions.Go(func() {
			if err := so.consume(ctx, c, deliver); err != nil {
				cancel(err)
			}
		})
	}
	partitions.Wait()
	return context.Cause(ctx)
}

// durable returns a durable consumer. It creates it if the stream has none of this name.
func (so *Source) durable(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := js.Consumer(ctx, so.Config.Stream, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		c, err = js.CreateConsumer(ctx, so.Config.Stream, jetstream.ConsumerConfig{
			Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: AckWait, MaxAckPending: 1, MaxDeliver: -1,
		})
	}
	if err != nil {
		return nil, err
	}
	return c, suits(c.CachedInfo().Config)
}

// suits returns an error if a durable consumer does not keep the order of its messages, or gives up.
func suits(c jetstream.ConsumerConfig) error {
	switch {
	case c.AckPolicy != jetstream.AckExplicitPolicy:
		return fmt.Errorf("ack policy %s, want explicit", c.AckPolicy)
	case c.MaxAckPending != 1:
		return fmt.Errorf("max ack pending %d, want 1: otherwise messages lose their order; use several durable consumers with filters for more at a time", c.MaxAckPending)
	case c.MaxDeliver > 0:
		return fmt.Errorf("max deliver %d, want -1: otherwise messages are lost while throng cannot accept them", c.MaxDeliver)
	case c.AckWait < AckWait || len(c.BackOff) > 0:
		return fmt.Errorf("ack wait %s, backoff %v: want %s or more, and no backoff", c.AckWait, c.BackOff, AckWait)
	case c.HeadersOnly:
		return errors.New("headers only: want the bodies")
	}
	return nil
}

// consume delivers the messages of a durable consumer, one after another.
func (so *Source) consume(ctx context.Context, c jetstream.Consumer, deliver consumer.Deliver) error {
	messages, err := c.Messages(jetstream.PullMaxMessages(1), jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(5*time.Second))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case ctx.Err() != nil:
			if err == nil {
				return m.Nak() // it has arrived together with the end
			}
			return nil
		case err != nil:
			return err
		}
		if err := so.pass(ctx, m, deliver); err != nil {
			return err
		}
	}
}

// pass delivers a message and acknowledges it.
func (so *Source) pass(ctx context.Context, m jetstream.Msg, deliver consumer.Deliver) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	if so.Lag != nil {
		so.Lag(meta.Consumer, meta.NumPending)
	}
	message := consumer.Parse(fmt.Sprintf("nats/%s/%d", meta.Stream, meta.Sequence.Stream), m.Data(), so.MaxBody)
	message.Held = func() { _ = m.InProgress() } // a failure ends the connection, or the message is delivered again
	switch outcome, reason := deliver(ctx, message); outcome {
	case consumer.Stopped:
		return m.Nak() // the server delivers it again at once
	case consumer.Rejected:
		return m.TermWithReason(reason)
	}
	ctx, cancel := consumer.Committing(ctx)
	defer cancel()
	return m.DoubleAck(ctx)
}

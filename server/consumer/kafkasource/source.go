//go:build !noconsumers

package kafkasource

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/throng-chat/throng/server/consumer"
)

// The bounds of one fetch. A broker sends one batch of records at least, also a larger one.
const (
	FetchBytes      = 4 << 20
	PartitionBytes  = 256 << 10
	MaxBatch        = 64 << 20               // of a compressed batch, after decompression
	concurrentFetch = 2                      // brokers that are asked at a time
	fetchWait       = 500 * time.Millisecond // delays the next records of a partition that was paused, at most
)

// SessionTimeout is the time after which the group gives the partitions of a dead member to another.
const SessionTimeout = 15 * time.Second

// Source consumes topics.
type Source struct {
	Config  Config
	MaxBody int                                  // bytes of a record
	Lag     func(partition string, behind int64) // is called with the records that wait, -1 when the partition is no longer consumed; nil for none
}

// Run consumes the partitions that the group assigns to this member, until ctx ends or the connection fails.
func (so *Source) Run(ctx context.Context, ready func(), deliver consumer.Deliver) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := newAssignment(ctx, so, deliver, cancel)
	client, err := kgo.NewClient(append(so.options(),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { w.end(lost, true) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { w.end(lost, false) }),
	)...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	defer leave(ctx, client)
	defer w.endAll()
	if err := reach(ctx, client); err != nil {
		return err
	}
	ready()
	for {
		fetches := client.PollRecords(ctx, 0)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := so.failure(ctx, client, fetches, deliver)
		if err == nil {
			fetches.EachPartition(func(p kgo.FetchTopicPartition) { w.begin(client, p) })
		}
		client.AllowRebalance()
		if err != nil {
			return err
		}
	}
}

// reach fails if no broker answers. The client itself would try for ever.
func reach(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return client.Ping(ctx)
}

// leave leaves the group, so that another member gets the partitions at once. Without a broker, the group notices by itself.
func leave(ctx context.Context, client *kgo.Client) {
	ctx, cancel := consumer.Committing(ctx)
	defer cancel()
	client.AllowRebalance()
	_ = client.LeaveGroupContext(ctx)
}

// failure returns the error of a poll that the client does not repair by itself. A batch that is too large is skipped, and counted as one message.
func (so *Source) failure(ctx context.Context, client *kgo.Client, fetches kgo.Fetches, deliver consumer.Deliver) error {
	var errs []error
	fetches.EachError(func(topic string, partition int32, err error) {
		if lost := (*kgo.ErrDataLoss)(nil); errors.As(err, &lost) {
			return // the client has continued at the oldest record
		}
		if large := (*kgo.ErrDecompressTooLarge)(nil); errors.As(err, &large) {
			deliver(ctx, consumer.Message{
				Place:   fmt.Sprintf("kafka/%s/%d/%d", topic, partition, large.Offset),
				Invalid: fmt.Errorf("a compressed batch of more than %d bytes, up to offset %d", MaxBatch, large.NextOffset-1),
			})
			client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {partition: {Epoch: large.Epoch, Offset: large.NextOffset}}})
			return
		}
		errs = append(errs, fmt.Errorf("topic %s, partition %d: %w", topic, partition, err))
	})
	return errors.Join(errs...)
}

func (so *Source) options() []kgo.Opt {
	c := &so.Config
	options := []kgo.Opt{
		kgo.ClientID("throng"), kgo.SeedBrokers(c.Brokers...), kgo.ConsumeTopics(c.Topics...), kgo.ConsumerGroup(c.Group),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(FetchBytes), kgo.FetchMaxPartitionBytes(PartitionBytes), kgo.MaxConcurrentFetches(concurrentFetch),
		kgo.MaxDecompressBatchBytes(MaxBatch), kgo.FetchMaxWait(fetchWait), kgo.SessionTimeout(SessionTimeout), kgo.HeartbeatInterval(3 * time.Second),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	}
	if c.TLS {
		options = append(options, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	switch c.SASL {
	case "plain":
		options = append(options, kgo.SASL(plain.Auth{User: c.User, Pass: c.Password}.AsMechanism()))
	case "scram-sha-256":
		options = append(options, kgo.SASL(scram.Auth{User: c.User, Pass: c.Password}.AsSha256Mechanism()))
	case "scram-sha-512":
		options = append(options, kgo.SASL(scram.Auth{User: c.User, Pass: c.Password}.AsSha512Mechanism()))
	}
	return options
}

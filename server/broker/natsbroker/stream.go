//go:build !nonats

package natsbroker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const idKey = "throng-id" // of the metadata of a stream

// logStream opens the stream of a log, or creates it with a new identity.
func (i *instance) logStream(ctx context.Context, shard int) (stream jetstream.Stream, id string, err error) {
	want := jetstream.StreamConfig{
		Name:     fmt.Sprintf("THRONG_%s_LOG_%d", i.options.Cluster, shard),
		Subjects: []string{fmt.Sprintf("throng.%s.log.%d", i.options.Cluster, shard)},
		Storage:  jetstream.FileStorage, Replicas: 1, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxMsgSize: maxMessage, MaxAge: i.options.MaxAge, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1,
		Duplicates: 100 * time.Millisecond, AllowDirect: true, DenyDelete: true,
		Metadata: map[string]string{idKey: rand.Text()},
	}
	stream, err = i.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = i.js.CreateStream(ctx, want)
	}
	if err != nil {
		return nil, "", err
	}
	config := stream.CachedInfo().Config
	id = config.Metadata[idKey]
	if len(id) < 16 {
		return nil, "", fmt.Errorf("stream %s has no identity of throng (metadata %q)", want.Name, config.Metadata)
	}
	if config.MaxAge != want.MaxAge {
		config.MaxAge = want.MaxAge
		stream, err = i.js.UpdateStream(ctx, config)
	}
	return stream, id, err
}

//go:build !nonats

package natsbroker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

// Keys of the metadata of a stream.
const (
	idKey   = "throng-id"
	logsKey = "throng-logs" // number of the logs, in that of log 0; without it there is one
)

// logsOf returns the number of logs that the stream of log 0 says.
func logsOf(c jetstream.StreamConfig) (int, error) {
	text := c.Metadata[logsKey]
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > broker.MaxLogs {
		return 0, fmt.Errorf("stream %s: %s is %q: allowed are 1 to %d logs; another version of throng may have created it", c.Name, logsKey, text, broker.MaxLogs)
	}
	return n, nil
}

// logStream opens the stream of a log, or creates it with a new identity. logs is the number of logs of new data.
func (i *instance) logStream(ctx context.Context, shard, logs int) (stream jetstream.Stream, id string, err error) {
	number := fmt.Sprint(shard)
	want := jetstream.StreamConfig{
		Name:     fmt.Sprintf("THRONG_%s_LOG_%s", i.options.Cluster, number),
		Subjects: []string{fmt.Sprintf("throng.%s.log.%s", i.options.Cluster, number)},
		Storage:  jetstream.FileStorage, Replicas: i.options.replicas(), Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxMsgSize: maxMessage, MaxAge: i.options.MaxAge, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1,
		Duplicates: 100 * time.Millisecond, AllowDirect: true, DenyDelete: true,
		Metadata: map[string]string{idKey: rand.Text()},
	}
	if logs > 1 {
		want.Metadata[logsKey] = strconv.Itoa(logs)
	}
	stream, err = i.findStream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = i.js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = i.findStream(ctx, want.Name) // another node has created it meanwhile
		}
		err = i.explainCreate(err)
	}
	if err != nil {
		return nil, "", err
	}
	config := stream.CachedInfo().Config
	if i.options.External != nil && config.Replicas != want.Replicas {
		i.options.Log.Warn("storage engine: the log has another number of replicas than nats-replicas, and keeps it", "log", want.Name, "replicas", config.Replicas,
			"nats-replicas", want.Replicas)
	}
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

// findStream returns a stream that exists.
func (i *instance) findStream(ctx context.Context, name string) (jetstream.Stream, error) {
	return ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return i.js.Stream(ctx, name) })
}

// explainCreate adds what to do if a stream cannot be created for lack of servers.
func (i *instance) explainCreate(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return err
	}
	text := strings.ToLower(api.Description)
	if i.options.External == nil {
		if strings.Contains(text, "no suitable peers") {
			return fmt.Errorf("%w: it is created on %d nodes, which must run", err, i.options.replicas())
		}
		return err
	}
	if strings.Contains(text, "replicas") || strings.Contains(text, "no suitable peers") {
		return fmt.Errorf("%w: %d servers of NATS with JetStream are needed for the replicas: start them, or set nats-replicas to 1", err, i.options.External.Replicas)
	}
	return err
}

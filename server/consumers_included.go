//go:build !noconsumers

package server

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/consumer"
	"github.com/throng-chat/throng/server/consumer/kafkasource"
	"github.com/throng-chat/throng/server/consumer/natssource"
	"github.com/throng-chat/throng/server/consumer/pgsource"
	"github.com/throng-chat/throng/server/metrics"
)

const consumersIncluded = true

// The names of the consumers: in metrics and logs, and as callers in the audit log.
const (
	consumerNATS     = "nats"
	consumerKafka    = "kafka"
	consumerPostgres = "postgres"
)

// newConsumers returns the consumers that are configured; nil for none.
func newConsumers(cfg *Config, to *api.API, m *metrics.Metrics, log *slog.Logger) *consumers {
	nats, kafka, postgres := cfg.ConsumerNATS, cfg.ConsumerKafka, cfg.ConsumerPostgres
	if !nats.On() && !kafka.On() && !postgres.On() {
		return nil
	}
	cs, counters, body := &consumers{}, m.Consumers(), int(api.MaxBody(cfg.MaxMessage))
	add := func(name, role string, from consumer.Source) {
		counts := consumer.Metrics{
			Accepted: counters.Messages.WithLabelValues(name, metrics.ConsumerAccepted), Rejected: counters.Messages.WithLabelValues(name, metrics.ConsumerRejected),
			Retried: counters.Retries.WithLabelValues(name), Failures: counters.Failures.WithLabelValues(name), Panics: m.Panics,
			Connected: counters.Connected.WithLabelValues(name), Waiting: counters.Waiting.WithLabelValues(name),
		}
		cs.all = append(cs.all, consumer.New(name, from, callsOf(to, name, api.Role(role)), counts, log))
	}
	if nats.On() {
		add(consumerNATS, nats.Role, &natssource.Source{Config: nats, MaxBody: body, Lag: func(partition string, behind uint64) {
			counters.Lag.WithLabelValues(consumerNATS, partition).Set(float64(behind))
		}})
	}
	if kafka.On() {
		add(consumerKafka, kafka.Role, &kafkasource.Source{Config: kafka, MaxBody: body, Lag: func(partition string, behind int64) {
			if behind < 0 {
				counters.Lag.DeleteLabelValues(consumerKafka, partition)
				return
			}
			counters.Lag.WithLabelValues(consumerKafka, partition).Set(float64(behind))
		}})
	}
	if postgres.On() {
		add(consumerPostgres, postgres.Role, &pgsource.Source{Config: postgres, MaxBody: body})
	}
	return cs
}

// callsOf returns the calls of a consumer to the server API.
func callsOf(to *api.API, name string, role api.Role) consumer.Call {
	caller := api.NewCaller("consumer-"+name, role)
	return func(ctx context.Context, method string, payload []byte) (json.RawMessage, *consumer.Rejection) {
		result, e := to.CallJSON(api.As(ctx, caller, ""), method, payload)
		if e != nil {
			return nil, &consumer.Rejection{Code: e.Code, Text: e.Message, Temporary: e.Temporary}
		}
		return result, nil
	}
}

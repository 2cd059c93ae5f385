package server

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/tracing"
)

// check calls add with each invalid setting: its key, the value found and a rule.
func (tc *TracingConfig) check(add func(key string, found any, rule string, args ...any)) {
	if tc.Endpoint == "" {
		return
	}
	u, err := url.Parse(tc.Endpoint)
	switch {
	case err != nil:
		add("endpoint", nil, "must be a URL, such as http://127.0.0.1:4318")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		add("endpoint", u.Scheme+"://"+u.Host, "must be http:// or https://, a host, and a port or a path if they are others than 80 or 443, and /v1/traces; "+
			"a key of the receiver belongs into OTEL_EXPORTER_OTLP_HEADERS")
	}
}

// newTracer returns the tracer of the settings; nil if traces are off.
func newTracer(cfg *Config, log *slog.Logger, m *metrics.Metrics) (*tracing.Tracer, error) {
	if cfg.Tracing.Endpoint == "" {
		return nil, nil
	}
	return tracing.New(tracing.Config{Endpoint: cfg.Tracing.Endpoint, OneIn: cfg.Tracing.OneIn, Version: cfg.Version, Node: cfg.Node}, log, m)
}

// exportTraces exports the spans until stop, which waits for those that are left.
func exportTraces(tracer *tracing.Tracer) (stop func()) {
	if tracer == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tracer.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

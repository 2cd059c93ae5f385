// Package tracing makes the spans of OpenTelemetry: calls of the server API, webhook requests, publications. It knows no room and no connection.
//
//	Tracer (tracer.go) --> Span (span.go), Publication (publication.go) --> queue (queue.go) --> OTLP over HTTP
//
// A nil *Tracer is off. Its methods, and those of the Span and the Publication that it returns, return at once and allocate nothing. The end of
// a span is an append to a queue with an upper bound: a full queue drops the span and counts it. So code on the event loop may use all of them.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
)

// MaxFiles is the number of sockets that a Tracer opens at most: exports run one at a time.
const MaxFiles = 4

// defaultPath is the path of an endpoint without one.
const defaultPath = "/v1/traces"

// Config has the settings of a Tracer.
type Config struct {
	Endpoint string // URL of the receiver: OTLP over HTTP
	OneIn    int    // one of so many traces is sampled, 1 for all
	Version  string // of the program
	Node     string // of a cluster; empty for none
}

// Tracer makes spans. Any goroutine may call its methods. They do not block.
type Tracer struct {
	oneIn atomic.Int64
	spans trace.Tracer
	queue *queue
}

// New returns a Tracer without a connection. Run exports its spans. The variables OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and
// OTEL_EXPORTER_OTLP_* of the environment hold, except for those of the endpoint.
func New(cfg Config, log *slog.Logger, m *metrics.Metrics) (*Tracer, error) {
	to, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	if to.Path == "" || to.Path == "/" {
		to.Path = defaultPath
	}
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to.String()))
	if err != nil {
		return nil, fmt.Errorf("exporter: %w", err)
	}
	attributes := []attribute.KeyValue{attribute.String("service.name", "throng"), attribute.String("service.version", cfg.Version)}
	if cfg.Node != "" {
		attributes = append(attributes, attribute.String("service.instance.id", cfg.Node))
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attributes...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	t := &Tracer{queue: newQueue(exporter, log, m)}
	t.SetOneIn(cfg.OneIn)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(about), sdktrace.WithSpanProcessor(t.queue))
	t.spans = provider.Tracer("github.com/throng-chat/throng")
	return t, nil
}

// SetOneIn replaces the share of the traces that is sampled. Traces that have begun go on.
func (t *Tracer) SetOneIn(n int) {
	if t != nil {
		t.oneIn.Store(int64(n))
	}
}

// Run exports spans until ctx is done, and then those of the queue, for spanFlushTime at most.
func (t *Tracer) Run(ctx context.Context) {
	if t != nil {
		t.queue.run(ctx)
	}
}

// picks reports whether a trace that begins here is sampled.
func (t *Tracer) picks() bool {
	n := t.oneIn.Load()
	return n <= 1 || rand.Int64N(n) == 0
}

// Carrier has the headers of a request.
type Carrier = propagation.TextMapCarrier

// Headers are a Carrier.
type Headers = propagation.HeaderCarrier

// unsampled is the context of a call that was not picked: none of its parts is sampled by itself.
var unsampled = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})

// Continue returns a context in which the trace of a caller goes on: that of the headers traceparent and tracestate, if there is one.
func (t *Tracer) Continue(ctx context.Context, from Carrier) context.Context {
	if t == nil {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, from)
}

// Call begins the span of a call of the server API. Its context decides for the parts of the call as well.
func (t *Tracer) Call(ctx context.Context, method string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	switch of := trace.SpanContextFromContext(ctx); {
	case of.IsValid() && !of.IsSampled():
		return ctx, Span{}
	case !of.IsValid() && !t.picks():
		return trace.ContextWithSpanContext(ctx, unsampled), Span{}
	}
	return t.start(ctx, "api "+logqueue.Clip(method), trace.SpanKindServer)
}

// Part begins the span of one call of several in a request. Without a sampled trace in ctx there is none.
func (t *Tracer) Part(ctx context.Context, method string) (context.Context, Span) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, Span{}
	}
	return t.start(ctx, "api "+logqueue.Clip(method), trace.SpanKindInternal)
}

// Webhook begins the span of an attempt of a webhook request. It goes on with the trace of ctx, if that has one, or begins one.
func (t *Tracer) Webhook(ctx context.Context, event string) (context.Context, Span) {
	if t == nil || !t.sampled(ctx) {
		return ctx, Span{}
	}
	return t.start(ctx, "webhook "+event, trace.SpanKindClient)
}

// Inject adds the headers traceparent and tracestate of the span in ctx to a request.
func (t *Tracer) Inject(ctx context.Context, to http.Header) {
	if t != nil {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(to))
	}
}

// start begins a span.
func (t *Tracer) start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	ctx, span := t.spans.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

// sampled reports whether a span in ctx is made: that of a trace that is sampled, or the first one of a trace.
func (t *Tracer) sampled(ctx context.Context) bool {
	if of := trace.SpanContextFromContext(ctx); of.IsValid() {
		return of.IsSampled()
	}
	return t.picks()
}

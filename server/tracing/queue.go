package tracing

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
)

const (
	// MaxWaitingSpans is the number of spans that wait for their export, at most.
	MaxWaitingSpans = 4096

	exportSpans    = 512             // spans of one request
	exportPause    = time.Second     // between the end of a span and its export, if the receiver answers
	spanExportTime = 5 * time.Second // of one request, with its repetitions
	spanFlushTime  = 2 * time.Second // for the spans that are left at the end
)

// queue is the SpanProcessor of the SDK. It has the spans that have ended, and exports them on one goroutine.
type queue struct {
	spans    chan sdktrace.ReadOnlySpan
	exporter sdktrace.SpanExporter
	log      *slog.Logger
	logLimit rate.Sometimes // of failed exports

	exported, dropped, failed prometheus.Counter
}

func newQueue(exporter sdktrace.SpanExporter, log *slog.Logger, m *metrics.Metrics) *queue {
	q := &queue{spans: make(chan sdktrace.ReadOnlySpan, MaxWaitingSpans), exporter: exporter, log: log, logLimit: logqueue.EverySecond()}
	results := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_trace_spans_total", Help: "Spans of traces, by result: exported, failed (the receiver did not take them), or dropped (the queue was full).",
	}, []string{"result"})
	m.Registry.MustRegister(results)
	q.exported, q.failed, q.dropped = results.WithLabelValues("exported"), results.WithLabelValues("failed"), results.WithLabelValues("dropped")
	return q
}

// OnStart is called by the SDK.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd is called by the SDK with a span that has ended, on any goroutine.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	select {
	case q.spans <- s:
	default:
		q.dropped.Inc()
	}
}

// Shutdown is called by nobody: run ends the queue.
func (q *queue) Shutdown(context.Context) error { return nil }

// ForceFlush is called by nobody.
func (q *queue) ForceFlush(context.Context) error { return nil }

// run exports spans until ctx is done. Then it exports those of the queue, for spanFlushTime at most.
func (q *queue) run(ctx context.Context) {
	life, end := context.WithCancel(context.Background())
	defer end()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(spanFlushTime, end) })()
	tick := time.NewTicker(exportPause)
	defer tick.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, exportSpans)
	for ctx.Err() == nil {
		select {
		case s := <-q.spans:
			batch = append(batch, s)
			if len(batch) < exportSpans {
				continue
			}
		case <-tick.C:
		case <-ctx.Done():
			continue
		}
		batch = q.export(life, batch)
	}
	q.flush(life, batch)
}

// flush exports the batch and the queue, and ends the exporter.
func (q *queue) flush(life context.Context, batch []sdktrace.ReadOnlySpan) {
	for {
		for len(batch) < exportSpans && len(q.spans) > 0 {
			batch = append(batch, <-q.spans)
		}
		if len(batch) == 0 {
			break
		}
		batch = q.export(life, batch)
	}
	if err := q.exporter.Shutdown(life); err != nil {
		q.log.Debug("end the export of spans", "error", err)
	}
}

// export sends a batch, and returns it empty. It ends with life.
func (q *queue) export(life context.Context, batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if len(batch) == 0 {
		return batch
	}
	within, cancel := context.WithTimeout(life, spanExportTime)
	defer cancel()
	if err := q.exporter.ExportSpans(within, batch); err != nil {
		q.failed.Add(float64(len(batch)))
		q.logLimit.Do(func() {
			q.log.Warn("spans not exported; logged at most once per second", "spans", len(batch), "error", err)
		})
	} else {
		q.exported.Add(float64(len(batch)))
	}
	clear(batch)
	return batch[:0]
}

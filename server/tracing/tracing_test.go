package tracing

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tracing/tracetest"
)

// traced returns a tracer of all traces that exports to a URL, and its metrics. stop ends it.
func traced(t *testing.T, url string) (_ *Tracer, _ *metrics.Metrics, stop func()) {
	t.Helper()
	m := metrics.New(nil)
	tr, err := New(Config{Endpoint: url, OneIn: 1, Version: "1.2.3", Node: "a"}, slog.New(slog.DiscardHandler), m)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tr.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return tr, m, stop
}

// spans returns the counters of throng_trace_spans_total by result.
func spans(t *testing.T, m *metrics.Metrics) map[string]int {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, f := range families {
		if f.GetName() == "throng_trace_spans_total" {
			for _, row := range f.GetMetric() {
				counts[row.GetLabel()[0].GetValue()] = int(row.GetCounter().GetValue())
			}
		}
	}
	return counts
}

// A tracer that is off costs no allocation.
func TestNoTracerAllocatesNothing(t *testing.T) {
	var off *Tracer
	ctx, header := context.Background(), http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	if n := testing.AllocsPerRun(100, func() {
		ctx, call := off.Call(off.Continue(ctx, Headers(header)), "publish")
		call.Set("a", "b")
		ctx, part := off.Part(ctx, "publish")
		p := off.Publication(ctx, "tea", 3)
		p.Committed()
		p.Posted(2)
		p.Written(0)
		p.Done(1, "")
		ctx, hook := off.Webhook(ctx, "connect")
		off.Inject(ctx, header)
		hook.End()
		part.End()
		call.End()
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// A tracer that is on costs no allocation for a publication that is not sampled.
func TestAPublicationThatIsNotSampledAllocatesNothing(t *testing.T) {
	tr, err := New(Config{Endpoint: "http://127.0.0.1:1", OneIn: 1_000_000_000}, slog.New(slog.DiscardHandler), metrics.New(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { tr.Publication(ctx, "tea", 3).Done(1, "") }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestSpansReachTheReceiver(t *testing.T) {
	t.Parallel()
	t.Run("with the default path", func(t *testing.T) {
		t.Parallel()
		receives(t, "", "/v1/traces")
	})
	t.Run("with a path", func(t *testing.T) {
		t.Parallel()
		receives(t, "/collect", "/collect")
	})
}

func receives(t *testing.T, path, want string) {
	rc := tracetest.New(t)
	tr, m, stop := traced(t, rc.URL+path)
	ctx, call := tr.Call(context.Background(), "publish")
	p := tr.Publication(ctx, "tea", 3)
	p.Posted(2)
	p.Written(1)
	p.Done(7, "")
	call.End()
	stop() // the publication has not ended: a shard has not written it
	if got := rc.Named("publication"); len(got) > 0 {
		t.Errorf("got %+v before its end", got)
	}
	if got := rc.Paths(); !slices.Equal(got, []string{want}) {
		t.Errorf("got requests to %q, want one to %q", got, want)
	}
	got := rc.Await("api publish")
	if got.Kind != "SPAN_KIND_SERVER" || got.Parent != "" || got.Of["service.name"] != "throng" || got.Of["service.version"] != "1.2.3" || got.Of["service.instance.id"] != "a" {
		t.Errorf("got %+v", got)
	}
	if got := spans(t, m); got["exported"] != 1 || got["failed"]+got["dropped"] != 0 {
		t.Errorf("got %v, want one span exported", got)
	}
}

// Spans are dropped and counted when the queue is full. No call waits for the receiver.
func TestAStuckReceiverDelaysNothing(t *testing.T) {
	t.Parallel()
	testkit.Within(t, "the end", spanFlushTime+3*time.Second, func() time.Duration { return endOfAStuckReceiver(t) })
}

// endOfAStuckReceiver fills the queue of a receiver that does not answer, and returns how long the end of the export took.
func endOfAStuckReceiver(t *testing.T) (took time.Duration) {
	rc := tracetest.New(t)
	asked, release := make(chan struct{}, 100), make(chan struct{})
	rc.Answer = func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
	t.Cleanup(func() { close(release) })
	tr, m, stop := traced(t, rc.URL)
	end := func(n int) {
		for range n {
			tr.Publication(context.Background(), "tea", 3).Done(0, "")
		}
	}
	end(1)
	<-asked // the goroutine of the queue waits for the receiver
	end(MaxWaitingSpans + 10)
	if got := spans(t, m)["dropped"]; got != 10 {
		t.Errorf("%d spans dropped, want 10", got)
	}
	began := time.Now()
	stop()
	took = time.Since(began)
	if got := spans(t, m); got["failed"] != MaxWaitingSpans+1 || got["exported"] != 0 {
		t.Errorf("got %v, want all other spans failed", got)
	}
	return took
}

// A receiver that rejects spans is a counter and a log line.
func TestRejectedSpansAreCounted(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	rc.Answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadRequest)
		return true
	}
	tr, m, stop := traced(t, rc.URL)
	var log bytes.Buffer
	tr.queue.log = slog.New(slog.NewTextHandler(&log, nil))
	tr.Publication(context.Background(), "tea", 3).Done(0, "over a limit")
	stop()
	if got := spans(t, m); got["failed"] != 1 {
		t.Errorf("got %v, want one failed", got)
	}
	if !strings.Contains(log.String(), "spans not exported") {
		t.Errorf("got the log %q", log.String())
	}
}

// The caller decides for its trace; throng decides for those that begin in it.
func TestTheCallerDecidesWhetherItsTraceIsSampled(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	tr, _, stop := traced(t, rc.URL)
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, tt := range []struct {
		oneIn   int
		flags   string
		sampled bool
	}{{1, "00", false}, {1_000_000_000, "01", true}} {
		tr.SetOneIn(tt.oneIn)
		header := http.Header{}
		header.Set("traceparent", "00-"+trace+"-"+parent+"-"+tt.flags)
		ctx, call := tr.Call(tr.Continue(context.Background(), Headers(header)), "sampled "+tt.flags)
		if p := tr.Publication(ctx, "tea", 3); (p != nil) != tt.sampled {
			t.Errorf("%s: a publication is sampled: %v", tt.flags, p != nil)
		}
		ctx, hook := tr.Webhook(ctx, "connect")
		out := http.Header{}
		tr.Inject(ctx, out)
		if got := out.Get("traceparent"); !strings.HasPrefix(got, "00-"+trace) || !strings.HasSuffix(got, tt.flags) {
			t.Errorf("%s: got traceparent %q of a request", tt.flags, got)
		}
		hook.End()
		call.End()
	}
	stop()
	got := rc.Spans()
	if len(got) != 2 || got[1].Name != "api sampled 01" || got[1].TraceID != trace || got[1].Parent != parent || got[0].Parent != got[1].ID {
		t.Errorf("got %+v, want those of the caller that samples", got)
	}
}

// About one of so many traces is sampled, and a call that is not sampled has no sampled part.
func TestOneInSoManyTracesIsSampled(t *testing.T) {
	t.Parallel()
	tr, err := New(Config{Endpoint: "http://127.0.0.1:1", OneIn: 10}, slog.New(slog.DiscardHandler), metrics.New(nil))
	if err != nil {
		t.Fatal(err)
	}
	sampled := 0
	for range 20_000 {
		ctx, call := tr.Call(context.Background(), "publish")
		p := tr.Publication(ctx, "tea", 3)
		if (p != nil) != (call != Span{}) {
			t.Fatal("a call and its publication differ")
		}
		if p != nil {
			sampled++
		}
	}
	if sampled < 1_600 || sampled > 2_400 { // nine standard deviations
		t.Errorf("%d of 20,000 sampled, want about 2,000", sampled)
	}
}

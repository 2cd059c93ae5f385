// Package tracetest receives the traces of a server, for tests.
package tracetest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/throng-chat/throng/server/testkit"
)

// Span is a span as the receiver has it.
type Span struct {
	Name, Kind          string
	TraceID, ID, Parent string // hexadecimal; Parent is empty for none
	Attributes          map[string]string
	Of                  map[string]string // attributes of the resource
	Events              []string          // names
	Failure             string            // of the status; empty for none
}

// Receiver is an OTLP receiver over HTTP.
type Receiver struct {
	*httptest.Server
	t testing.TB

	mu    sync.Mutex
	spans []Span
	paths []string
	// Answer replaces the reply, if it is set; it returns false to go on. Set it before the first request.
	Answer func(w http.ResponseWriter, r *http.Request) bool
}

// New returns a receiver that ends with the test.
func New(t testing.TB) *Receiver {
	t.Helper()
	rc := &Receiver{t: t}
	rc.Server = httptest.NewServer(rc)
	t.Cleanup(rc.Close)
	return rc
}

func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rc.Answer != nil && rc.Answer(w, r) {
		return
	}
	if err := rc.take(r); err != nil {
		rc.t.Errorf("receiver: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// take reads the spans of a request.
func (rc *Receiver) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = plain
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &request); err != nil {
		return err
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.paths = append(rc.paths, r.URL.Path)
	for _, of := range request.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				rc.spans = append(rc.spans, spanOf(s, texts(of.GetResource().GetAttributes())))
			}
		}
	}
	return nil
}

// spanOf converts a span.
func spanOf(s *trace.Span, of map[string]string) Span {
	to := Span{
		Name: s.GetName(), Kind: s.GetKind().String(), TraceID: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()),
		Parent: hex.EncodeToString(s.GetParentSpanId()), Attributes: texts(s.GetAttributes()), Of: of,
	}
	for _, e := range s.GetEvents() {
		to.Events = append(to.Events, e.GetName())
	}
	if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
		to.Failure = s.GetStatus().GetMessage()
	}
	return to
}

// texts returns attributes as text.
func texts(attributes []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		if _, is := a.GetValue().GetValue().(*common.AnyValue_StringValue); is {
			all[a.GetKey()] = a.GetValue().GetStringValue()
			continue
		}
		all[a.GetKey()] = fmt.Sprint(a.GetValue().GetIntValue())
	}
	return all
}

// Spans returns the spans that have arrived.
func (rc *Receiver) Spans() []Span {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.spans)
}

// Paths returns the paths of the requests.
func (rc *Receiver) Paths() []string {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.paths)
}

// Named returns the spans of a name that have arrived.
func (rc *Receiver) Named(name string) []Span {
	return slices.DeleteFunc(rc.Spans(), func(s Span) bool { return s.Name != name })
}

// Await waits for a span of a name, and returns it.
func (rc *Receiver) Await(name string) Span {
	rc.t.Helper()
	testkit.Eventually(rc.t, "a span "+name, func() bool { return len(rc.Named(name)) > 0 })
	return rc.Named(name)[0]
}

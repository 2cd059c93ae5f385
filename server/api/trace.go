package api

import (
	"context"
	"net/http"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/tracing"
)

// Traces of calls. A span of a request has the work of the method and the writing of the reply. Each call of a batch has a span below it.

// beginSpan begins the span of a request over HTTP. name is the method; empty for several calls.
func (a *API) beginSpan(r *http.Request, name string) (*http.Request, tracing.Span) {
	t := a.sessions.Tracer
	if t == nil {
		return r, tracing.Span{}
	}
	if name == "" {
		name = "batch"
	}
	ctx, span := t.Call(t.Continue(r.Context(), tracing.Headers(r.Header)), name)
	span.Set("throng.api.key", callOf(ctx).caller.Name)
	return r.WithContext(ctx), span
}

// Continue returns a context in which the trace of a caller goes on, by the headers that came with its call.
func (a *API) Continue(ctx context.Context, from tracing.Carrier) context.Context {
	return a.sessions.Tracer.Continue(ctx, from)
}

// note sets the result of a call in its span.
func note(span tracing.Span, e *protocol.Error) {
	if e == nil {
		return
	}
	span.SetInt("throng.api.error", int(e.Code))
	if HTTPStatus(e) >= http.StatusInternalServerError {
		span.Fail(e.Message)
	}
}

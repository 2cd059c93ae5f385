package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/nearest"
	"github.com/throng-chat/throng/server/session"
)

// API is the handler of the server API: POST /api/METHOD with the parameters as a JSON object. The response is {"result":{}} or
// {"error":{"code":107,"message":"bad request: ..."}} with status 200. With the header X-Centrifugo-Error-Mode: transport, an error is the
// error object alone with its own status (HTTPStatus). methods.go lists the methods, openapi.json describes them. Any number of requests
// may run at a time.
type API struct {
	sessions *session.Sessions
	access   atomic.Pointer[access]
	audit    *audit.Log
	uid      string // of this process, for "info"
	version  string // of the program, for "info"
	Methods  map[string]apiMethod
	Timeout  time.Duration // of one request, for the work of pollers and shards
}

// apiMethod is one method of the server API. params is a valid JSON value. ctx limits how long it waits.
type apiMethod func(ctx context.Context, a *API, params []byte) (result any, e *protocol.Error)

// Call calls a method by its name for the caller of ctx (As), and counts the call in the metrics.
func (a *API) Call(ctx context.Context, name string, params []byte) (result any, e *protocol.Error) {
	result, e = a.Do(ctx, name, params)
	a.count(name, e)
	return result, e
}

// Do calls a method by its name for the caller of ctx (As). An unknown name is error 104. A method that the role of the caller does not
// allow is error 103.
func (a *API) Do(ctx context.Context, name string, params []byte) (result any, e *protocol.Error) {
	do := a.Methods[name]
	if do == nil {
		return nil, a.noMethod(name)
	}
	if e := callOf(ctx).caller.deny(name); e != nil {
		a.record(ctx, name, params, e)
		return nil, e
	}
	if result, e = do(ctx, a, params); e == nil && settles[name] {
		e = session.ErrorOf(a.sessions.Settle(ctx))
	}
	if callOf(ctx).caller.audits(name) {
		a.record(ctx, name, params, e)
	}
	return result, e
}

// count counts a call by its method and error, nil for none.
func (a *API) count(name string, e *protocol.Error) {
	if a.Methods[name] == nil {
		name = "unknown"
	}
	code := "0"
	if e != nil {
		code = session.ErrorLabel(e)
	}
	a.sessions.Metrics.APIRequests.WithLabelValues(name, code).Inc()
}

// CountRefused counts a request that is no call.
func (a *API) CountRefused(e *protocol.Error) {
	a.sessions.Metrics.APIRequests.WithLabelValues("refused", session.ErrorLabel(e)).Inc()
}

// noMethod returns error 104 with the nearest name of a method.
func (a *API) noMethod(name string) *protocol.Error {
	return &protocol.Error{Code: session.ErrNoMethod.Code, Message: fmt.Sprintf("method not found: %q; %s", logqueue.Clip(name), nearest.Proposal("", name, slices.Sorted(maps.Keys(a.Methods))))}
}

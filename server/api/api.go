package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/centrifugal/protocol"

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
	key      [sha256.Size]byte // of the key
	MaxBody  int64
	uid      string // of this process, for "info"
	version  string // of the program, for "info"
	Methods  map[string]apiMethod
	Timeout  time.Duration // of one request, for the work of pollers and shards
}

// apiMethod is one method of the server API. params is a valid JSON value. ctx limits how long it waits.
type apiMethod func(ctx context.Context, a *API, params []byte) (result any, e *protocol.Error)

// Authorized reports whether key is the configured key. It takes the same time for every wrong key.
func (a *API) Authorized(key string) bool {
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], a.key[:]) == 1
}

// Call calls a method by its name, and counts the call in the metrics.
func (a *API) Call(ctx context.Context, name string, params []byte) (result any, e *protocol.Error) {
	result, e = a.Do(ctx, name, params)
	a.count(name, e)
	return result, e
}

// Do calls a method by its name. An unknown name is error 104.
func (a *API) Do(ctx context.Context, name string, params []byte) (result any, e *protocol.Error) {
	if do := a.Methods[name]; do != nil {
		return do(ctx, a, params)
	}
	return nil, a.noMethod(name)
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

// noMethod returns error 104 with the nearest name of a method.
func (a *API) noMethod(name string) *protocol.Error {
	return &protocol.Error{Code: session.ErrNoMethod.Code, Message: fmt.Sprintf("method not found: %q; %s", logqueue.Clip(name), nearest.Proposal("", name, slices.Sorted(maps.Keys(a.Methods))))}
}

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

// The server API is how the application speaks: POST /api/METHOD with the parameters as a JSON object. The answer is
// {"result":{}} or {"error":{"code":107,"message":"bad request: ..."}}, with status 200; or, where the request asks for it by the
// header X-Centrifugo-Error-Mode: transport, the error alone with a status of its own. methods.go has the methods,
// openapi.json describes them.
type API struct {
	hub      *session.Sessions
	key      [sha256.Size]byte // of the key
	MaxBody  int64
	uid      string // of this process, for "info"
	version  string // of the program, for "info"
	Methods  map[string]apiMethod
	Patience time.Duration // for what others have to do
}

// apiMethod is one method of the server API: it takes its parameters as JSON. What it waits for ends with ctx.
type apiMethod func(ctx context.Context, a *API, params []byte) (result any, e *protocol.Error)

// Knows says whether a key is ours, in a time that does not tell how much of it is right.
func (a *API) Knows(key string) bool {
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], a.key[:]) == 1
}

// Call calls a method by its name, and counts that.
func (a *API) Call(ctx context.Context, name string, params []byte) (result any, e *protocol.Error) {
	result, e = a.Do(ctx, name, params)
	a.count(name, e)
	return result, e
}

// Do calls a method by its name.
func (a *API) Do(ctx context.Context, name string, params []byte) (result any, e *protocol.Error) {
	if do := a.Methods[name]; do != nil {
		return do(ctx, a, params)
	}
	return nil, a.noMethod(name)
}

// count counts a call by its method and the error it was answered with, nil for none.
func (a *API) count(name string, e *protocol.Error) {
	if a.Methods[name] == nil {
		name = "unknown"
	}
	code := "0"
	if e != nil {
		code = session.ErrorLabel(e)
	}
	a.hub.Metrics.ApiRequests.WithLabelValues(name, code).Inc()
}

// noMethod is error 104, and the nearest name that is a method's.
func (a *API) noMethod(name string) *protocol.Error {
	return &protocol.Error{Code: session.ErrNoMethod.Code, Message: fmt.Sprintf("method not found: %q; %s", logqueue.Clip(name), nearest.Proposal("", name, slices.Sorted(maps.Keys(a.Methods))))}
}

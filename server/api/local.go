package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/centrifugal/protocol"
)

// collector is a response in memory, for results that are encoded in parts.
type collector struct {
	header http.Header
	bytes.Buffer
}

func (co *collector) Header() http.Header { return co.header }
func (co *collector) WriteHeader(int)     {}

// NewCaller returns a caller that needs no key, of a role.
func NewCaller(name string, role Role) *Caller { return &Caller{Name: name, Role: role} }

// CallJSON is Call with the result as JSON. It waits for Timeout at most, as a request over HTTP does. params is checked. The result of a batch is
// {"replies":[...]}.
func (a *API) CallJSON(ctx context.Context, name string, params []byte) (json.RawMessage, *protocol.Error) {
	if !json.Valid(params) {
		e := badRequest("%v", errNotJSON)
		a.count(name, e)
		return nil, e
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	ctx, span := a.sessions.Tracer.Call(ctx, name)
	defer span.End()
	span.Set("throng.api.key", callOf(ctx).caller.Name)
	result, e := a.Call(ctx, name, params)
	note(span, e)
	if e != nil {
		return nil, e
	}
	to := &collector{header: http.Header{}}
	response := NewResponse(to, http.StatusOK)
	response.Value(ctx, result)
	response.send()
	if response.err != nil { // ctx has ended
		return nil, &protocol.Error{Code: 100, Message: "internal server error: " + response.err.Error(), Temporary: true}
	}
	return to.Bytes(), nil
}

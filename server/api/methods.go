package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/nearest"
	"github.com/throng-chat/throng/server/session"
)

// apiMethod is one method of the server API: it takes its parameters as JSON. What it waits for ends with ctx.
type apiMethod func(ctx context.Context, a *API, params []byte) (result any, e *protocol.Error)

// method reads the parameters of what it is to do.
func method[P any](do func(*P, context.Context, *API) (any, *protocol.Error)) apiMethod {
	return func(ctx context.Context, a *API, params []byte) (any, *protocol.Error) {
		p := new(P)
		if e := decodeParams(params, p); e != nil {
			return nil, e
		}
		return do(p, ctx, a)
	}
}

// ApiMethods are all there are. The first group is Centrifugo's, so that its server libraries work; the second is ours.
func ApiMethods() map[string]apiMethod {
	return map[string]apiMethod{
		"publish":        method((*apiPublish).do),
		"broadcast":      method((*apiBroadcast).do),
		"subscribe":      method((*apiSubscribe).do),
		"unsubscribe":    method((*apiUnsubscribe).do),
		"disconnect":     method((*apiDisconnect).do),
		"refresh":        method((*apiRefresh).do),
		"presence":       method((*apiRoom).presence),
		"presence_stats": method((*apiRoom).presenceStats),
		"history":        method((*apiHistory).do),
		"history_remove": method((*apiRoom).clearHistory),
		"channels":       method((*apiChannels).do),
		"info":           method((*apiInfo).do),
		"batch":          method((*apiBatch).do),

		"kick":          method((*apiKick).do),
		"ban":           method((*apiSanction).ban),
		"unban":         method((*apiSanction).unban),
		"mute":          method((*apiSanction).mute),
		"unmute":        method((*apiSanction).unmute),
		"slow_mode":     method((*apiSlowMode).do),
		"clear_history": method((*apiRoom).clearHistory),
		"redact":        method((*apiRedact).do),
		"revoke":        method((*apiRevoke).do),
		"moderation":    method((*apiStanding).do),
	}
}

// reply is the answer of one method.
type reply struct {
	Result any             `json:"result,omitempty"`
	Error  *protocol.Error `json:"error,omitempty"`
}

// nothing is the result of a method that only does something.
type nothing struct{}

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

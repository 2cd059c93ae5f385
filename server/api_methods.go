package server

import (
	"context"
	"encoding/json"

	"github.com/centrifugal/protocol"
)

// apiMethod is one method of the server API: it takes its parameters as JSON. What it waits for ends with ctx.
type apiMethod func(ctx context.Context, a *api, params []byte) (result any, e *protocol.Error)

// method reads the parameters of what it is to do.
func method[P any](do func(*P, context.Context, *api) (any, *protocol.Error)) apiMethod {
	return func(ctx context.Context, a *api, params []byte) (any, *protocol.Error) {
		p := new(P)
		if err := json.Unmarshal(params, p); err != nil {
			return nil, badRequest("%v", err)
		}
		return do(p, ctx, a)
	}
}

// apiMethods are all there are. The first group is Centrifugo's, so that its server libraries work; the second is ours.
func apiMethods() map[string]apiMethod {
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

// call calls a method by its name.
func (a *api) call(ctx context.Context, name string, params []byte) (result any, e *protocol.Error) {
	do := a.methods[name]
	if do == nil {
		name, e = "unknown", errNoMethod
	} else {
		result, e = do(ctx, a, params)
	}
	code := "0"
	if e != nil {
		code = errorLabel(e)
	}
	a.hub.metrics.apiRequests.WithLabelValues(name, code).Inc()
	return result, e
}

// apiBatch is several calls, one after another.
type apiBatch struct {
	Commands []map[string]json.RawMessage `json:"commands"`
	Parallel bool                         `json:"parallel"` // in any order, then: ours is one
}

// replies is the result of apiBatch. As the protocol has it, it is not wrapped: a reply is {"publish":{}} or {"error":{}}.
type replies struct {
	Replies []map[string]any `json:"replies"`
}

func (b *apiBatch) do(ctx context.Context, a *api) (any, *protocol.Error) {
	out := replies{Replies: []map[string]any{}}
	for _, command := range b.Commands {
		name, result, e := "", any(nil), badRequest("a command is one method and its parameters: {\"publish\":{}}")
		if len(command) == 1 {
			for method, params := range command {
				name = method
				if name == "batch" {
					e = badRequest("a batch within a batch")
				} else {
					result, e = a.call(ctx, name, params)
				}
			}
		}
		if e != nil {
			out.Replies = append(out.Replies, map[string]any{"error": e})
		} else {
			out.Replies = append(out.Replies, map[string]any{name: result})
		}
	}
	return out, nil
}

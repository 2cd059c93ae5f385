package api

import (
	"context"

	"github.com/centrifugal/protocol"
)

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

package api

import (
	"context"

	"github.com/centrifugal/protocol"
)

// method decodes the parameters and calls do.
func method[P any](do func(*P, context.Context, *API) (any, *protocol.Error)) apiMethod {
	return func(ctx context.Context, a *API, params []byte) (any, *protocol.Error) {
		p := new(P)
		if e := decodeParams(params, p); e != nil {
			return nil, e
		}
		return do(p, ctx, a)
	}
}

// APIMethods returns all methods. The first group is that of Centrifugo, so that its server libraries work. The second is throng's own.
func APIMethods() map[string]apiMethod {
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

		"room_create":    method((*apiNewRoom).do),
		"room_update":    method((*apiRoomInfo).update),
		"room_delete":    method((*apiRoom).deleteRoom),
		"members_add":    method((*apiNewMembers).do),
		"members_remove": method((*apiMembers).remove),
		"members_role":   method((*apiMemberRole).do),
		"members":        method((*apiMemberList).do),
		"rooms":          method((*apiRooms).do),
		"timeline":       method((*apiTimeline).do),

		"kick":          method((*apiKick).do),
		"ban":           method((*apiSanction).ban),
		"unban":         method((*apiSanction).unban),
		"mute":          method((*apiSanction).mute),
		"unmute":        method((*apiSanction).unmute),
		"slow_mode":     method((*apiSlowMode).do),
		"clear_history": method((*apiRoom).clearHistory),
		"redact":        method((*apiRedact).do),
		"revoke":        method((*apiRevoke).do),
		"moderation":    method((*apiModeration).do),
	}
}

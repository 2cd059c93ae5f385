package api

import (
	"context"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// apiKick ends the subscriptions to a room, or, without a room, the connections. The clients may return.
type apiKick struct {
	apiTarget
	Channel string `json:"channel"`
}

func (ak *apiKick) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if ak.Channel != "" {
		if e := a.CheckRoom(ak.Channel); e != nil {
			return nil, e
		}
	}
	if ak.Channel != "" {
		return emptyResult{}, ak.command(ctx, a, chat.TargetedCommand{Command: chat.Unsubscribe{Room: ak.Channel, Cause: chat.EndedByKick}})
	}
	return emptyResult{}, ak.command(ctx, a, chat.TargetedCommand{Command: chat.Disconnect{Cause: chat.EndedByKick}})
}

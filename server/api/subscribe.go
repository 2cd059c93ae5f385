package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// apiSubscribe makes connections members of a room.
type apiSubscribe struct {
	apiTarget
	Channel      string          `json:"channel"`
	Info         json.RawMessage `json:"info"`
	B64Info      string          `json:"b64info"`
	Data         json.RawMessage `json:"data"`
	B64Data      string          `json:"b64data"`
	ExpireAt     int64           `json:"expire_at"` // Unix seconds; 0 for never
	RecoverSince *streamPosition `json:"recover_since"`
	Override     struct {
		Presence           *apiBool `json:"presence"`
		JoinLeave          *apiBool `json:"join_leave"`
		ForcePushJoinLeave *apiBool `json:"force_push_join_leave"`
		ForceRecovery      *apiBool `json:"force_recovery"`
		ForcePositioning   *apiBool `json:"force_positioning"`
	} `json:"override"`
}

type apiBool struct {
	Value bool `json:"value"`
}

func (flag *apiBool) isTrue() bool { return flag != nil && flag.Value }

func (su *apiSubscribe) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := a.CheckRoom(su.Channel); e != nil {
		return nil, e
	}
	info, e := either("info", su.Info, su.B64Info)
	if e != nil {
		return nil, e
	}
	data, e := either("data", su.Data, su.B64Data)
	if e != nil {
		return nil, e
	}
	o := &su.Override
	if o.Presence != nil || o.JoinLeave != nil || o.ForcePushJoinLeave != nil {
		return nil, badRequest("override: presence and join_leave are options of the room, the same for all members: set them in its [[room]]")
	}
	expires, e := futureTime("expire_at", su.ExpireAt, time.Now())
	if e != nil {
		return nil, e
	}
	return emptyResult{}, su.command(ctx, a, chat.TargetedCommand{Command: chat.Subscribe{
		Room:        su.Channel,
		Info:        info,
		Data:        data,
		Expires:     expires,
		Since:       su.RecoverSince.position(),
		Recoverable: o.ForceRecovery.isTrue(),
		Positioned:  o.ForcePositioning.isTrue(),
	}})
}

// apiUnsubscribe ends the subscriptions of connections to a room.
type apiUnsubscribe struct {
	apiTarget
	Channel string `json:"channel"`
}

func (au *apiUnsubscribe) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := a.CheckRoom(au.Channel); e != nil {
		return nil, e
	}
	return emptyResult{}, au.command(ctx, a, chat.TargetedCommand{Command: chat.Unsubscribe{Room: au.Channel, Cause: chat.EndedByApplication}})
}

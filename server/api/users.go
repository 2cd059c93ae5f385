package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The methods for users and their connections.

// apiTarget selects connections: all connections of a user, or one by its client ID, or both.
type apiTarget struct {
	User    string `json:"user"`
	Client  string `json:"client"`
	Session string `json:"session"`
}

// MaxUserName is the size of a user name in bytes, at most, and that of a token.
const MaxUserName = 4 << 10

// command executes a command on the selected connections, and waits for them. The error is the first one of a connection.
func (t *apiTarget) command(ctx context.Context, a *API, what chat.TargetedCommand) *protocol.Error {
	switch {
	case t.Session != "":
		return badRequest("session: not supported; want user or client")
	case t.User == "" && t.Client == "":
		return badRequest("user or client: want one of them")
	case len(t.User) > MaxUserName:
		return badRequest("user: want %d bytes at most", MaxUserName)
	}
	what.User, what.Client = t.User, t.Client
	return session.ErrorOf(a.sessions.Execute(ctx, what))
}

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

func (bo *apiBool) isTrue() bool { return bo != nil && bo.Value }

func (su *apiSubscribe) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := checkRoom(su.Channel); e != nil {
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

// either returns a parameter as JSON: the value, or the bytes in base64.
func either(name string, value json.RawMessage, b64 string) ([]byte, *protocol.Error) {
	if e := notBoth(name, value, b64); e != nil {
		return nil, e
	}
	if b64 == "" {
		return session.AsJSON(value), nil
	}
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return nil, badRequest("b64%s: %v", name, err)
	}
	return session.AsJSON(b), nil
}

// futureTime returns the time of a parameter in Unix seconds, the zero time for 0. It must be after now, and within 10 years.
func futureTime(name string, seconds int64, now time.Time) (time.Time, *protocol.Error) {
	at := time.Unix(seconds, 0)
	switch {
	case seconds == 0:
		return time.Time{}, nil
	case !at.After(now):
		return time.Time{}, badRequest("%s: the time is in the past: want Unix seconds in the future", name)
	case at.After(now.Add(session.MaxMoment)):
		return time.Time{}, badRequest("%s: want Unix seconds within the next 10 years, not milliseconds; or 0 for never", name)
	}
	return at, nil
}

// apiUnsubscribe ends the subscriptions of connections to a room.
type apiUnsubscribe struct {
	apiTarget
	Channel string `json:"channel"`
}

func (au *apiUnsubscribe) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := checkRoom(au.Channel); e != nil {
		return nil, e
	}
	return emptyResult{}, au.command(ctx, a, chat.TargetedCommand{Command: chat.Unsubscribe{Room: au.Channel, Cause: chat.EndedByApplication}})
}

// apiDisconnect ends connections.
type apiDisconnect struct {
	apiTarget
	Whitelist  []string `json:"whitelist"` // client IDs that stay connected
	Disconnect *struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	} `json:"disconnect"`
}

func (ad *apiDisconnect) do(ctx context.Context, a *API) (any, *protocol.Error) {
	c := chat.Disconnect{Cause: chat.EndedByApplication}
	if ad.Disconnect != nil && (ad.Disconnect.Code != 0 || ad.Disconnect.Reason != "") {
		if code := ad.Disconnect.Code; code != 0 && (code < 4000 || code > 4999) {
			return nil, badRequest("disconnect.code: want 4000 to 4499 (clients reconnect) or 4500 to 4999 (they do not), not %d", code)
		} else if code != 0 {
			c.Code = uint16(code)
		}
		c.Reason = ad.Disconnect.Reason
		switch {
		case len(c.Reason) > MaxReason || !utf8.ValidString(c.Reason):
			return nil, badRequest("disconnect.reason: want %d bytes of UTF-8 at most", MaxReason)
		case json.Valid([]byte(c.Reason)):
			return nil, badRequest("disconnect.reason: want text that is not JSON, because SDKs interpret JSON there")
		}
	}
	return emptyResult{}, ad.command(ctx, a, chat.TargetedCommand{Except: ad.Whitelist, Command: c})
}

// MaxReason is the size of a close reason in bytes, at most: RFC 6455, 5.5 allows 125 with the code.
const MaxReason = 123

// apiRefresh changes when connections expire.
type apiRefresh struct {
	apiTarget
	Expired  bool            `json:"expired"`   // now: disconnect with code 3005
	ExpireAt int64           `json:"expire_at"` // Unix seconds; 0 for never
	Info     json.RawMessage `json:"info"`
}

func (re *apiRefresh) do(ctx context.Context, a *API) (any, *protocol.Error) {
	var expires time.Time
	if !re.Expired {
		var e *protocol.Error
		if expires, e = futureTime("expire_at", re.ExpireAt, time.Now()); e != nil {
			return nil, e
		}
	}
	if re.Expired {
		return emptyResult{}, re.command(ctx, a, chat.TargetedCommand{Command: chat.Disconnect{Cause: chat.EndedByExpiry}})
	}
	return emptyResult{}, re.command(ctx, a, chat.TargetedCommand{Command: chat.Refresh{Expires: expires, Info: re.Info}})
}

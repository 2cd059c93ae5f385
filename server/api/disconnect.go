package api

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

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

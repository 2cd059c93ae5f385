package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
)

// Audited are the methods that the audit log has: those that change connections, rooms or sanctions. It has a call of another method only if the
// role of its key does not allow the method.
var Audited = map[string]bool{
	"subscribe": true, "unsubscribe": true, "disconnect": true, "refresh": true, "history_remove": true, "clear_history": true,
	"kick": true, "ban": true, "unban": true, "mute": true, "unmute": true, "slow_mode": true, "redact": true, "revoke": true,
	"room_create": true, "room_update": true, "room_delete": true, "members_add": true, "members_remove": true, "members_role": true,
}

// AuditedOfOperators are the methods that the audit log also has if an operator calls them.
var AuditedOfOperators = map[string]bool{"publish": true, "broadcast": true}

// auditedParams are the parameters that the audit log has, of all methods: neither info nor data.
type auditedParams struct {
	User         string   `json:"user"`
	Users        []string `json:"users"`
	Owner        string   `json:"owner"`
	Role         string   `json:"role"`
	Client       string   `json:"client"`
	Channel      string   `json:"channel"`
	Channels     []string `json:"channels"`
	Seconds      int64    `json:"seconds"`
	Until        int64    `json:"until"`
	ExpireAt     int64    `json:"expire_at"`
	IssuedBefore int64    `json:"issued_before"`
	Offset       uint64   `json:"offset"`
	Epoch        string   `json:"epoch"`
	ID           string   `json:"jti"`
	Reason       string   `json:"reason"` // of a sanction
	Disconnect   struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	} `json:"disconnect"`
}

// audits reports whether the audit log has a call of a method.
func (ca *Caller) audits(method string) bool {
	return Audited[method] || ca.operator && AuditedOfOperators[method]
}

// maxAuditedUsers is the number of users of a call that a line of the audit log has, at most.
const maxAuditedUsers = 100

// maxAuditedRooms is the same for rooms.
const maxAuditedRooms = 100

// record records a call in the audit log. params is a valid JSON value.
func (a *API) record(ctx context.Context, method string, params []byte, e *protocol.Error) {
	c := callOf(ctx)
	entry := audit.Entry{Action: audit.Action(method), Actor: audit.Actor{Type: audit.ByKey, Name: c.caller.Name, Address: c.address}}
	if c.caller.operator {
		entry.Actor.Type = audit.ByOperator
	}
	var p auditedParams
	if err := json.Unmarshal(params, &p); err != nil {
		p = auditedParams{} // the call is rejected as well, and the error names the parameter
	}
	entry.User, entry.Client, entry.Room = p.User, p.Client, p.Channel
	entry.Details = p.details()
	if e != nil {
		entry.Error = e.Message
	}
	a.audit.Record(entry)
}

// details returns the parameters beyond the target of a call.
func (given *auditedParams) details() (list []slog.Attr) {
	add := func(key string, value any, is bool) {
		if is {
			list = append(list, slog.Any(key, value))
		}
	}
	moment := func(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }
	add("rooms", given.Channels[:min(len(given.Channels), maxAuditedRooms)], len(given.Channels) > 0)
	add("rooms_total", len(given.Channels), len(given.Channels) > maxAuditedRooms)
	add("users", given.Users[:min(len(given.Users), maxAuditedUsers)], len(given.Users) > 0)
	add("users_total", len(given.Users), len(given.Users) > maxAuditedUsers)
	add("owner", given.Owner, given.Owner != "")
	add("role", given.Role, given.Role != "")
	add("seconds", given.Seconds, given.Seconds != 0)
	until := given.Until
	if until == 0 {
		until = given.ExpireAt
	}
	add("until", moment(until), until != 0)
	add("offset", given.Offset, given.Offset != 0)
	add("epoch", given.Epoch, given.Epoch != "")
	add("token", given.ID, given.ID != "")
	add("code", given.Disconnect.Code, given.Disconnect.Code != 0)
	add("reason", given.Disconnect.Reason, given.Disconnect.Reason != "")
	// A reason that is too long is rejected, and the error has its length.
	add("reason", given.Reason, given.Reason != "" && len(given.Reason) <= chat.MaxSanctionReason)
	return list
}

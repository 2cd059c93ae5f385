package api

import (
	"context"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

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

func checkUser(name string) *protocol.Error {
	if name == "" || len(name) > MaxUserName {
		return badRequest("user: want 1 to %d bytes; a client without a user can only be kicked", MaxUserName)
	}
	return nil
}

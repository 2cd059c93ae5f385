package api

import (
	"context"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// apiRedact removes the data of a publication from the history.
type apiRedact chat.Redaction

func (ar *apiRedact) do(ctx context.Context, a *API) (any, *protocol.Error) {
	r := apiRoom{ar.Channel}
	if e := r.checkAvailable(a, chat.ToReadHistory); e != nil {
		return nil, e
	}
	if e := a.sessions.AwaitRoom(ctx, ar.Channel); e != nil {
		return nil, session.ErrorOf(e)
	}
	if a.sessions.RoomRef(ar.Channel).Options.Durable {
		done, wait := awaitProposal()
		a.sessions.ProposeRedaction(chat.Redaction(*ar), nil, nil, done)
		if _, e := wait(ctx); e != nil {
			return nil, e
		}
		return emptyResult{}, nil
	}
	if _, e := a.sessions.Redact(chat.Redaction(*ar), nil); e != nil {
		return nil, session.ErrorOf(e)
	}
	return emptyResult{}, nil
}

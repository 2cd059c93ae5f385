package api

import (
	"context"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// waiting waits for the end of a call, and returns its result or error.
type waiting func(context.Context) (any, *protocol.Error)

// awaitProposal returns the Done of a proposal in a durable room, and a function that waits for it. If the context ends first, the outcome is
// not known to the caller: a repetition needs an idempotency key.
func awaitProposal() (chat.Done, waiting) {
	type result struct {
		at chat.StreamPosition
		e  *chat.Rejection
	}
	c := make(chan result, 1)
	done := func(at chat.StreamPosition, e *chat.Rejection) { c <- result{at, e} }
	return done, func(ctx context.Context) (any, *protocol.Error) {
		select {
		case r := <-c:
			if r.e != nil {
				return nil, session.ErrorOf(r.e)
			}
			return streamPosition{Offset: r.at.Offset, Epoch: r.at.Epoch}, nil
		case <-ctx.Done():
			return nil, session.ErrUnavailable
		}
	}
}

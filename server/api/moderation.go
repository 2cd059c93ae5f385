package api

import (
	"cmp"
	"context"
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// apiModeration lists the active sanctions, with a user or a channel only those of it.
type apiModeration struct {
	User    string `json:"user"`
	Channel string `json:"channel"`
}

func (as *apiModeration) do(_ context.Context, a *API) (any, *protocol.Error) {
	s := a.sessions.Moderation.ActiveSanctions(as.User, as.Channel)
	byUser := func(a, b chat.ActiveSanction) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Channel, b.Channel))
	}
	slices.SortFunc(s.Bans, byUser)
	slices.SortFunc(s.Mutes, byUser)
	slices.SortFunc(s.Revocations, func(a, b chat.ActiveRevocation) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.ID, b.ID))
	})
	return s, nil
}

package api

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The methods for rooms. In the server API a room is a channel.

// validRoom returns error 107 for an invalid name of a room.
func validRoom(name string) *protocol.Error {
	if !chat.ValidRoomName(name) {
		return badRequest("channel: want 1 to %d bytes of UTF-8 without control or invisible characters", chat.MaxRoomName)
	}
	return nil
}

// CheckRoom is validRoom, and returns error 107 for a direct chat room whose users are not in order. room_delete does not use it: such a
// room may have data of an earlier version.
func (a *API) CheckRoom(name string) *protocol.Error {
	if e := validRoom(name); e != nil {
		return e
	}
	return session.ErrorOf(a.sessions.CheckName(a.sessions.RoomRef(name)))
}

// apiRoom has the parameter of methods for one room.
type apiRoom struct {
	Channel string `json:"channel"`
}

// checkAvailable returns an error if the name is invalid, the options of the room exclude the action, or it is not permitted.
func (r *apiRoom) checkAvailable(a *API, action chat.Action) *protocol.Error {
	if e := a.CheckRoom(r.Channel); e != nil {
		return e
	}
	in := a.sessions.RoomRef(r.Channel)
	switch o := in.Options; {
	case action == chat.ToSeePresence && !o.Presence:
		return notAvailable("presence is off in this channel: set presence = true in the [[room]] that matches its name")
	case action == chat.ToReadHistory && o.HistorySize == 0:
		return notAvailable("history is off in this channel: set history-size and history-ttl in the [[room]] that matches its name")
	case !a.sessions.Authorize(chat.Actor{Application: true}, action, in):
		return session.ErrDenied
	}
	return nil
}

func (r *apiRoom) presence(_ context.Context, a *API) (any, *protocol.Error) {
	if e := r.checkAvailable(a, chat.ToSeePresence); e != nil {
		return nil, e
	}
	return presenceResult(a.sessions.Presence(r.Channel)), nil
}

// presenceResult is a PresenceResult of the protocol.
type presenceResult []*chat.ClientInfo

func (pa presenceResult) size() (n int) {
	for _, info := range pa {
		n += info.Size() + len(info.Client) + chat.PresenceOverhead
	}
	return n
}

func (pa presenceResult) writeTo(ctx context.Context, to *response) {
	to.raw(`{"presence":{`)
	for i, info := range pa {
		if i > 0 {
			to.raw(",")
		}
		if i%session.YieldEvery == 0 {
			runtime.Gosched()
		}
		// Encoding by reflection takes five times as long.
		to.buf = session.AppendPresenceEntry(to.buf, info)
		if !to.step() || to.callerGone(ctx) {
			return
		}
	}
	to.raw("}}")
}

func (r *apiRoom) presenceStats(_ context.Context, a *API) (any, *protocol.Error) {
	if e := r.checkAvailable(a, chat.ToSeePresence); e != nil {
		return nil, e
	}
	stats := a.sessions.PresenceStats(r.Channel)
	return map[string]any{"num_clients": stats.Clients, "num_users": stats.Users}, nil
}

func (r *apiRoom) clearHistory(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := r.checkAvailable(a, chat.ToReadHistory); e != nil {
		return nil, e
	}
	return r.clear(ctx, a)
}

// clear removes the publications of a room with a history.
func (r *apiRoom) clear(ctx context.Context, a *API) (any, *protocol.Error) {
	if in := a.sessions.RoomRef(r.Channel); in.Options.Durable {
		done, wait := awaitProposal()
		a.sessions.ProposeClear(in, done)
		if _, e := wait(ctx); e != nil {
			return nil, e
		}
		return emptyResult{}, nil
	}
	a.sessions.ClearHistory(r.Channel)
	return emptyResult{}, nil
}

// streamPosition is a position in the history of a room; empty in a room without history.
type streamPosition struct {
	Offset uint64 `json:"offset,omitempty"`
	Epoch  string `json:"epoch,omitempty"`
}

// position returns the position as the chat has it; nil for nil.
func (sp *streamPosition) position() *chat.StreamPosition {
	if sp == nil {
		return nil
	}
	return &chat.StreamPosition{Offset: sp.Offset, Epoch: sp.Epoch}
}

// apiHistory requests a page of the history of a room.
type apiHistory struct {
	apiRoom
	Limit   int             `json:"limit"` // 0 for the position only, -1 for a page of the greatest size
	Since   *streamPosition `json:"since"`
	Reverse bool            `json:"reverse"`
}

func (ah *apiHistory) do(_ context.Context, a *API) (any, *protocol.Error) {
	if e := ah.checkAvailable(a, chat.ToReadHistory); e != nil {
		return nil, e
	}
	pubs, at, e := a.sessions.Read(ah.Channel, ah.Since.position(), ah.Limit, math.MaxInt, ah.Reverse)
	if e != nil {
		return nil, session.ErrorOf(e)
	}
	return historyResult{pubs, at}, nil
}

// historyResult is a HistoryResult of the protocol.
type historyResult struct {
	pubs []chat.Publication
	at   chat.StreamPosition
}

// publicationFields estimates the bytes of a publication in a HistoryResult beyond its data and info: names and numbers of fields.
const publicationFields = 128

func (h historyResult) size() (n int) {
	for i := range h.pubs {
		n += h.pubs[i].Size() + publicationFields
	}
	return n
}

func (h historyResult) writeTo(ctx context.Context, to *response) {
	to.buf = cfjson.AppendString(append(to.buf, `{"epoch":`...), h.at.Epoch)
	to.buf = fmt.Appendf(to.buf, `,"offset":%d,"publications":[`, h.at.Offset)
	for i := range h.pubs {
		if i > 0 {
			to.raw(",")
		}
		to.buf = session.TimedPublication(&h.pubs[i], session.JSONEncoding).AppendJSON(to.buf)
		if !to.step() || to.callerGone(ctx) {
			return
		}
	}
	to.raw("]}")
}

package api

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The methods for the server and for all rooms.

// apiChannels lists the rooms with members, by a pattern of names: * matches any number of characters, ? one, [a-c] one of a set.
type apiChannels struct {
	Pattern string `json:"pattern"` // empty for all
}

func (q *apiChannels) do(_ context.Context, a *API) (any, *protocol.Error) {
	if strings.ContainsAny(q.Pattern, "{}") {
		return nil, badRequest("pattern: alternatives in braces are not supported: send one request for each")
	}
	// In path.Match, a star does not match a slash. In the name of a room, a slash is a character like any other.
	const noSlash = "\x00"
	pattern := strings.ReplaceAll(q.Pattern, "/", noSlash)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, badRequest("pattern: %v", err)
	}
	rooms := a.sessions.ActiveRooms()
	if q.Pattern != "" {
		rooms = slices.DeleteFunc(rooms, func(r chat.ActiveRoom) bool {
			fits, _ := path.Match(pattern, strings.ReplaceAll(r.Name, "/", noSlash))
			return !fits
		})
	}
	slices.SortFunc(rooms, func(a, b chat.ActiveRoom) int { return cmp.Compare(a.Name, b.Name) })
	return channelsResult(rooms), nil
}

// channelsResult is a ChannelsResult of the protocol.
type channelsResult []chat.ActiveRoom

// channelFields estimates the bytes of a room in a ChannelsResult beyond its name.
const channelFields = 32

func (c channelsResult) size() (n int) {
	for _, r := range c {
		n += len(r.Name) + channelFields
	}
	return n
}

func (c channelsResult) writeTo(ctx context.Context, to *response) {
	to.raw(`{"channels":{`)
	for i, r := range c {
		if i > 0 {
			to.raw(",")
		}
		to.buf = cfjson.AppendString(to.buf, r.Name)
		to.buf = fmt.Appendf(to.buf, `:{"num_clients":%d}`, r.Members)
		if !to.step() || to.callerGone(ctx) {
			return
		}
	}
	to.raw("}}")
}

// apiInfo describes the server as the only node.
type apiInfo struct{}

func (*apiInfo) do(_ context.Context, a *API) (any, *protocol.Error) {
	type node struct {
		UID         string `json:"uid"`
		Name        string `json:"name"`
		Version     string `json:"version"`
		NumClients  int64  `json:"num_clients"`
		NumUsers    int    `json:"num_users"`
		NumSubs     int    `json:"num_subs"`
		NumChannels int    `json:"num_channels"`
		Uptime      int64  `json:"uptime"` // seconds
	}
	h := a.sessions
	host, err := os.Hostname()
	if err != nil {
		host = session.ServerVersion
	}
	rooms := h.ActiveRoomsHere()
	n := node{
		UID:         a.uid,
		Name:        host,
		Version:     a.version,
		NumClients:  h.Live.Load(),
		NumUsers:    h.UserCount(),
		NumChannels: len(rooms),
		Uptime:      int64(h.Clock.Now() / time.Second),
	}
	for _, r := range rooms {
		n.NumSubs += r.Members
	}
	return map[string]any{"nodes": []node{n}}, nil
}

package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"
)

// The methods of the server API that are about rooms, which it calls channels.

// checkRoom says what is wrong with a room's name.
func checkRoom(name string) *protocol.Error {
	if !validRoomName(name) {
		return badRequest("channel: want 1 to %d bytes of UTF-8 without control or invisible characters", maxRoomName)
	}
	return nil
}

// apiPublication is what to say.
type apiPublication struct {
	Data           json.RawMessage   `json:"data"`
	B64Data        string            `json:"b64data"` // any bytes, instead of data
	SkipHistory    bool              `json:"skip_history"`
	Tags           map[string]string `json:"tags"`
	IdempotencyKey string            `json:"idempotency_key"`
	Version        uint64            `json:"version"`       // of the state that it is, 0 for none; where a room remembers
	VersionEpoch   string            `json:"version_epoch"` // of the versions: those of two do not compare
	Delta          bool              `json:"delta"`         // a hint, for which the room's options stand
}

type apiPublish struct {
	Channel string `json:"channel"`
	apiPublication
}

const maxBroadcast = 10_000 // channels of one broadcast

type apiBroadcast struct {
	Channels []string `json:"channels"`
	apiPublication
}

// spot is where a publication came to stand; nothing where there is no history.
type spot struct {
	Offset uint64 `json:"offset,omitempty"`
	Epoch  string `json:"epoch,omitempty"`
}

func (p *apiPublish) do(ctx context.Context, a *api) (any, *protocol.Error) {
	pub, e := p.read()
	if e != nil {
		return nil, e
	}
	return p.say(ctx, a, p.Channel, pub)
}

func (b *apiBroadcast) do(ctx context.Context, a *api) (any, *protocol.Error) {
	pub, e := b.read()
	if e != nil {
		return nil, e
	}
	switch n := len(b.Channels); {
	case n == 0:
		return nil, badRequest("channels: want one or more")
	case n > maxBroadcast:
		return nil, overLimit("%d channels, where a broadcast may have %d: nothing was published; send several", n, maxBroadcast)
	}
	responses := make([]reply, len(b.Channels))
	for i, channel := range b.Channels {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, errNotInTime // nobody reads it: the caller has gone
		}
		if at, e := b.say(ctx, a, channel, pub); e != nil {
			responses[i].Error = e
		} else {
			responses[i].Result = at
		}
	}
	return map[string]any{"responses": responses}, nil
}

// notBoth refuses a value that is given as JSON and in base64: which one was meant is not known.
func notBoth(name string, value json.RawMessage, b64 string) *protocol.Error {
	if b64 != "" && len(value) > 0 && string(value) != "null" {
		return badRequest("%s and b64%s: want one of them, not both", name, name)
	}
	return nil
}

func (p *apiPublication) read() (publication, *protocol.Error) {
	if e := notBoth("data", p.Data, p.B64Data); e != nil {
		return publication{}, e
	}
	data := []byte(p.Data)
	if p.B64Data != "" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(p.B64Data); err != nil {
			return publication{}, badRequest("b64data: %v", err)
		}
	}
	switch {
	case len(data) == 0:
		return publication{}, badRequest("data or b64data: want one of them")
	case len(p.IdempotencyKey) > maxKey:
		return publication{}, badRequest("idempotency_key: want %d bytes at most", maxKey)
	case len(p.VersionEpoch) > maxKey:
		return publication{}, badRequest("version_epoch: want %d bytes at most", maxKey)
	}
	pub, ok := ofSDK(data)
	if !ok {
		return publication{}, badRequest("data: nested more than %d deep", maxDepth)
	}
	pub.tags = p.Tags
	return pub, nil
}

// say publishes in a room, when that has caught up with what was said before.
func (p *apiPublication) say(ctx context.Context, a *api, room string, pub publication) (any, *protocol.Error) {
	if e := checkRoom(room); e != nil {
		return nil, e
	}
	in := a.hub.viewOf(room)
	switch e := a.hub.admit(asker{server: true}, in, pub.bytes()); e {
	case nil:
	case errLimit:
		return nil, overLimit("data and tags of %d bytes in %q, where max-message is %d", pub.bytes(), room, a.hub.largest(in))
	default:
		return nil, e
	}
	if e := a.hub.awaitRoom(ctx, room); e != nil {
		return nil, e
	}
	_, at := a.hub.say(in, pub, sayOptions{skipHistory: p.SkipHistory, key: p.IdempotencyKey, version: version{p.Version, p.VersionEpoch}})
	return spot{at.offset, at.epoch}, nil
}

// awaitRoom waits until a room has caught up, as its talkers do.
func (h *hub) awaitRoom(ctx context.Context, name string) *protocol.Error {
	for {
		r, unlock := h.rooms.find(name)
		unlock()
		if r == nil || !r.congested() {
			return nil
		}
		select {
		case <-ctx.Done():
			return &protocol.Error{Code: errTooManyRequests.Code, Message: "too many requests: the channel is behind, try again", Temporary: true}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// apiRoom is the parameters of methods about one room.
type apiRoom struct {
	Channel string `json:"channel"`
}

// offers says whether a room has what a method is about.
func (r *apiRoom) offers(a *api, d deed) *protocol.Error {
	if e := checkRoom(r.Channel); e != nil {
		return e
	}
	in := a.hub.viewOf(r.Channel)
	switch o := in.options; {
	case d == toSeePresence && !o.Presence:
		return notAvailable("presence is off in this channel: set presence = true in the [[room]] that its name fits")
	case d == toReadHistory && o.HistorySize == 0:
		return notAvailable("this channel keeps no history: set history-size and history-ttl in the [[room]] that its name fits")
	case !a.hub.authorize(asker{server: true}, d, in):
		return errDenied
	}
	return nil
}

func (r *apiRoom) presence(_ context.Context, a *api) (any, *protocol.Error) {
	if e := r.offers(a, toSeePresence); e != nil {
		return nil, e
	}
	return presenceAnswer(a.hub.present(r.Channel)), nil
}

// presenceAnswer is a PresenceResult.
type presenceAnswer []*protocol.ClientInfo

func (p presenceAnswer) size() (n int) {
	for _, info := range p {
		n += infoSize(info) + len(info.Client) + 64
	}
	return n
}

func (p presenceAnswer) writeTo(ctx context.Context, to *apiAnswer) {
	to.raw(`{"presence":{`)
	for i, info := range p {
		if i > 0 {
			to.raw(",")
		}
		if i%othersEvery == 0 {
			runtime.Gosched()
		}
		// Reflection takes five times as long over a crowd.
		to.buf = append(cfjson.AppendString(to.buf, info.Client), ':')
		to.buf = info.AppendJSON(to.buf)
		if !to.step() || to.gone(ctx) {
			return
		}
	}
	to.raw("}}")
}

func (r *apiRoom) presenceStats(_ context.Context, a *api) (any, *protocol.Error) {
	if e := r.offers(a, toSeePresence); e != nil {
		return nil, e
	}
	stats := a.hub.presenceStats(r.Channel)
	return map[string]any{"num_clients": stats.NumClients, "num_users": stats.NumUsers}, nil
}

func (r *apiRoom) clearHistory(_ context.Context, a *api) (any, *protocol.Error) {
	if e := r.offers(a, toReadHistory); e != nil {
		return nil, e
	}
	a.hub.clearHistory(r.Channel)
	return nothing{}, nil
}

// clearHistory forgets what was said in a room, but not up to where: who has heard all of it has missed nothing.
func (h *hub) clearHistory(name string) {
	r, unlock := h.rooms.find(name)
	defer unlock()
	if r != nil {
		h.archive.clear(r)
		h.tidyLocked(r)
	}
}

// apiHistory asks for a page of a room's history.
type apiHistory struct {
	apiRoom
	Limit   int   `json:"limit"` // 0 for only the position, -1 for as much as there is in one page
	Since   *spot `json:"since"`
	Reverse bool  `json:"reverse"`
}

func (q *apiHistory) do(_ context.Context, a *api) (any, *protocol.Error) {
	if e := q.offers(a, toReadHistory); e != nil {
		return nil, e
	}
	var since *protocol.StreamPosition
	if q.Since != nil {
		since = &protocol.StreamPosition{Offset: q.Since.Offset, Epoch: q.Since.Epoch}
	}
	pubs, at, e := a.hub.read(q.Channel, since, q.Limit, math.MaxInt, q.Reverse)
	if e != nil {
		return nil, e
	}
	return historyAnswer{pubs, at}, nil
}

// historyAnswer is a HistoryResult.
type historyAnswer struct {
	pubs []publication
	at   position
}

func (h historyAnswer) size() (n int) {
	for i := range h.pubs {
		n += h.pubs[i].size() + 128
	}
	return n
}

func (h historyAnswer) writeTo(ctx context.Context, to *apiAnswer) {
	to.buf = cfjson.AppendString(append(to.buf, `{"epoch":`...), h.at.epoch)
	to.buf = fmt.Appendf(to.buf, `,"offset":%d,"publications":[`, h.at.offset)
	for i := range h.pubs {
		if i > 0 {
			to.raw(",")
		}
		to.buf = h.pubs[i].past(jsonEncoding).AppendJSON(to.buf)
		if !to.step() || to.gone(ctx) {
			return
		}
	}
	to.raw("]}")
}

// apiChannels asks for the rooms with members whose names fit a pattern: * is any number of characters, ? is one, [a-c] one of
// several.
type apiChannels struct {
	Pattern string `json:"pattern"` // empty for all
}

func (q *apiChannels) do(_ context.Context, a *api) (any, *protocol.Error) {
	if strings.ContainsAny(q.Pattern, "{}") {
		return nil, badRequest("pattern: alternatives in braces are not known here; ask once for each")
	}
	// path.Match stops a star at a slash, which is like any other character in the name of a room.
	const noSlash = "\x00"
	pattern := strings.ReplaceAll(q.Pattern, "/", noSlash)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, badRequest("pattern: %v", err)
	}
	rooms := a.hub.inhabited()
	if q.Pattern != "" {
		rooms = slices.DeleteFunc(rooms, func(r inhabitedRoom) bool {
			fits, _ := path.Match(pattern, strings.ReplaceAll(r.name, "/", noSlash))
			return !fits
		})
	}
	slices.SortFunc(rooms, func(a, b inhabitedRoom) int { return cmp.Compare(a.name, b.name) })
	return channelsAnswer(rooms), nil
}

// channelsAnswer is a ChannelsResult.
type channelsAnswer []inhabitedRoom

func (c channelsAnswer) size() (n int) {
	for _, r := range c {
		n += len(r.name) + 32
	}
	return n
}

func (c channelsAnswer) writeTo(ctx context.Context, to *apiAnswer) {
	to.raw(`{"channels":{`)
	for i, r := range c {
		if i > 0 {
			to.raw(",")
		}
		to.buf = cfjson.AppendString(to.buf, r.name)
		to.buf = fmt.Appendf(to.buf, `:{"num_clients":%d}`, r.members)
		if !to.step() || to.gone(ctx) {
			return
		}
	}
	to.raw("}}")
}

// inhabited are the rooms that have members, and how many.
func (h *hub) inhabited() []inhabitedRoom {
	rooms := make([]inhabitedRoom, 0, h.rooms.count()) // it hardly grows while a stripe is locked
	h.rooms.each(func(in *stripe) {
		for name, r := range in.rooms {
			if r.members > 0 {
				rooms = append(rooms, inhabitedRoom{name, r.members})
			}
		}
	})
	return rooms
}

type inhabitedRoom struct {
	name    string
	members int
}

// apiInfo asks about the server, which is the one node there is.
type apiInfo struct{}

func (*apiInfo) do(_ context.Context, a *api) (any, *protocol.Error) {
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
	h := a.hub
	host, err := os.Hostname()
	if err != nil {
		host = serverVersion
	}
	rooms := h.inhabited()
	n := node{
		UID:         a.uid,
		Name:        host,
		Version:     a.version,
		NumClients:  h.live.Load(),
		NumChannels: len(rooms),
		Uptime:      int64(h.clock.now() / time.Second),
	}
	for _, r := range rooms {
		n.NumSubs += r.members
	}
	h.usersMu.Lock()
	n.NumUsers = len(h.users)
	h.usersMu.Unlock()
	return map[string]any{"nodes": []node{n}}, nil
}

package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The methods that publish.

// apiPublication has the parameters of a publication.
type apiPublication struct {
	Data           json.RawMessage   `json:"data"`
	B64Data        string            `json:"b64data"` // any bytes, instead of data
	SkipHistory    bool              `json:"skip_history"`
	Tags           map[string]string `json:"tags"`
	IdempotencyKey string            `json:"idempotency_key"`
	Version        uint64            `json:"version"`       // of the state in data, 0 for none; used in rooms with history
	VersionEpoch   string            `json:"version_epoch"` // versions of different epochs are not compared
	Delta          bool              `json:"delta"`         // ignored: the options of the room decide
}

type apiPublish struct {
	Channel string `json:"channel"`
	apiPublication
}

// MaxBroadcast is the number of channels of one broadcast, at most.
const MaxBroadcast = 10_000

type apiBroadcast struct {
	Channels []string `json:"channels"`
	apiPublication
}

func (pu *apiPublish) do(ctx context.Context, a *API) (any, *protocol.Error) {
	pub, e := pu.read()
	if e != nil {
		return nil, e
	}
	return pu.publish(ctx, a, pu.Channel, pub)
}

func (br *apiBroadcast) do(ctx context.Context, a *API) (any, *protocol.Error) {
	pub, e := br.read()
	if e != nil {
		return nil, e
	}
	switch n := len(br.Channels); {
	case n == 0:
		return nil, badRequest("channels: want one or more")
	case n > MaxBroadcast:
		return nil, overLimit("%d channels, where a broadcast may have %d: nothing was published; send several broadcasts", n, MaxBroadcast)
	}
	responses := make([]reply, len(br.Channels))
	waits := make([]waiting, len(br.Channels))
	for i, channel := range br.Channels {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, session.ErrTimeout // the caller has disconnected
		}
		waits[i], responses[i].Error = br.begin(ctx, a, channel, pub)
	}
	// Publications in durable rooms share their records.
	for i, wait := range waits {
		if wait == nil {
			continue
		}
		if at, e := wait(ctx); e != nil {
			responses[i].Error = e
		} else {
			responses[i].Result = at
		}
	}
	return map[string]any{"responses": responses}, nil
}

func (ap *apiPublication) read() (chat.Publication, *protocol.Error) {
	if e := notBoth("data", ap.Data, ap.B64Data); e != nil {
		return chat.Publication{}, e
	}
	data := []byte(ap.Data)
	if ap.B64Data != "" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(ap.B64Data); err != nil {
			return chat.Publication{}, badRequest("b64data: %v", err)
		}
	}
	switch {
	case len(data) == 0:
		return chat.Publication{}, badRequest("data or b64data: want one of them")
	case len(ap.IdempotencyKey) > chat.MaxIdempotencyKey:
		return chat.Publication{}, badRequest("idempotency_key: want %d bytes at most", chat.MaxIdempotencyKey)
	case len(ap.VersionEpoch) > chat.MaxIdempotencyKey:
		return chat.Publication{}, badRequest("version_epoch: want %d bytes at most", chat.MaxIdempotencyKey)
	}
	pub, ok := session.PublicationOf(data)
	if !ok {
		return chat.Publication{}, badRequest("data: nested deeper than %d levels", session.MaxDepth)
	}
	pub.Tags = ap.Tags
	return pub, nil
}

// publish publishes in a room, after its backlog is below the limit again. In a durable room it waits until the publication is on disk.
func (ap *apiPublication) publish(ctx context.Context, a *API, room string, pub chat.Publication) (any, *protocol.Error) {
	wait, e := ap.begin(ctx, a, room, pub)
	if e != nil {
		return nil, e
	}
	return wait(ctx)
}

// begin publishes in a room, after its backlog is below the limit again. The result waits until the publication is on disk, if the room is
// durable, and returns its position.
func (ap *apiPublication) begin(ctx context.Context, a *API, room string, pub chat.Publication) (waiting, *protocol.Error) {
	if e := a.CheckRoom(room); e != nil {
		return nil, e
	}
	in := a.sessions.RoomRef(room)
	switch e := a.sessions.Admit(chat.Actor{Application: true}, in, pub.Bytes()); e {
	case nil:
	case chat.RejectLimit:
		return nil, overLimit("data and tags of %d bytes in %q, where max-message is %d", pub.Bytes(), room, a.sessions.MaxPublication(in))
	default:
		return nil, session.ErrorOf(e)
	}
	if e := a.sessions.AwaitRoom(ctx, room); e != nil {
		return nil, session.ErrorOf(e)
	}
	o := chat.PublishOptions{SkipHistory: ap.SkipHistory, IdempotencyKey: ap.IdempotencyKey, Version: chat.Version{Number: ap.Version, Epoch: ap.VersionEpoch}}
	o.Trace = a.sessions.Tracer.Publication(ctx, room, pub.Bytes())
	switch isChat := in.Options.IsChat(); {
	case in.Options.Durable:
		done, wait := awaitProposal()
		if isChat {
			a.sessions.ProposeTalk(in, pub, o, done)
		} else {
			a.sessions.Propose(in, pub, o, done)
		}
		return wait, nil
	case isChat:
		_, at, e := a.sessions.PublishTalk(in, pub, o)
		if e != nil {
			return nil, session.ErrorOf(e)
		}
		return publishedAt(at), nil
	}
	_, at := a.sessions.Publish(in, pub, o)
	return publishedAt(at), nil
}

// publishedAt returns a result that is known.
func publishedAt(at chat.StreamPosition) waiting {
	return func(context.Context) (any, *protocol.Error) {
		return streamPosition{Offset: at.Offset, Epoch: at.Epoch}, nil
	}
}

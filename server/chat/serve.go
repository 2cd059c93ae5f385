package chat

import (
	"strings"

	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/ws"
)

// Serve does a request of another node, whose clients it has checked there, on the owner of the log. answer is called at most once, and not at all if the log has
// the request, or if its outcome is unknown. The entries refer to memory that is lent for the call. It does not block.
func (h *Hub) Serve(du *Durable, from link.Origin, entries []record.Entry, answer func(link.Answer)) {
	q := &served{hub: h, log: du, from: from, answer: answer}
	e := &entries[0]
	if e.Kind == record.Fence {
		return // a number whose request has ended
	}
	if h.valueLog(e.Room) != du {
		q.done(StreamPosition{}, rejectInvalid) // the nodes have different settings
		return
	}
	switch e.Kind {
	case record.Publish:
		if q.isAllowed(e) {
			q.publish(e)
		}
	case record.Redact:
		what := Redaction{Channel: strings.Clone(e.Room), Offset: e.Offset, Epoch: strings.Clone(e.Version.Epoch)}
		author := decodeInfo(e.Info)
		if author == nil && e.Change {
			author = &ClientInfo{}
		}
		if q.isAllowed(e) {
			h.proposeRedaction(what, author, q.origin(), q.done)
		}
	case record.Clear:
		h.proposeClear(h.RoomRef(strings.Clone(e.Room)), from, q.done)
	case record.Value:
		q.changeValues(entries)
	default:
		q.done(StreamPosition{}, rejectInvalid)
	}
}

// served is a request that is done.
type served struct {
	hub    *Hub
	log    *Durable
	from   link.Origin
	slow   *SlowModeCount // nil for none
	answer func(link.Answer)
}

func (sv *served) origin() origin { return origin{sv.from, sv.slow} }

// done answers what is not in the log.
func (sv *served) done(at StreamPosition, e *Rejection) {
	sv.hub.Moderation.UndoSlowMode(sv.slow)
	a := link.Answer{Number: sv.from.Number, Applied: sv.log.applied.Load(), Offset: at.Offset, Epoch: at.Epoch}
	if e != nil {
		a.Rejected, a.Cause, a.Detail = true, uint8(e.Cause), e.Detail
	}
	sv.answer(a)
}

// isAllowed counts a publication or a redaction by a client of another node in slow mode. It returns false if it has rejected it.
func (sv *served) isAllowed(e *record.Entry) bool {
	if e.Generation == 0 || sv.from.Edge == sv.log.requests.Edge {
		return true // slow mode does not count it, or this node has
	}
	user := ""
	if info := decodeInfo(e.Info); info != nil {
		user = info.User
	}
	var ok bool
	if sv.slow, ok = sv.hub.Moderation.AllowInSlowMode(publisherAt(user, e.Generation), strings.Clone(e.Room)); !ok {
		sv.done(StreamPosition{}, rejectSlowMode)
	}
	return ok
}

// publish publishes in a room.
func (sv *served) publish(e *record.Entry) {
	h := sv.hub
	pub := publicationOf(e, decodeInfo(e.Info))
	pub.UnixMilli = 0
	to := h.RoomRef(strings.Clone(e.Room))
	switch {
	case e.Offset == askPlain:
		sv.publishPlain(to, pub)
	case to.Options.IsChat():
		item, rejected := h.readItem(to, pub, PublishOptions{SkipHistory: e.Offset == askSkip, Version: Version{Number: e.Version.Number}})
		sv.propose(to, item, rejected, strings.Clone(e.Key), nil)
	default:
		p := &proposal{kind: record.Publish, key: strings.Clone(e.Key), origin: sv.origin(), done: sv.done}
		p.version = Version{e.Version.Number, strings.Clone(e.Version.Epoch)}
		p.message.Pub, p.message.Bytes = pub, int32(pub.Size()+messageOverhead)
		p.message.Pub.change = pub.changesMessage()
		h.propose(to, p, e.Offset == askSkip)
	}
}

// publishPlain publishes the message of a plain client.
func (sv *served) publishPlain(to RoomRef, pub Publication) {
	h, op := sv.hub, ws.OpText
	if pub.Form == FormBytes {
		op = ws.OpBinary
	}
	frame := fanout.EncodeFrame(op, pub.Data)
	if to.Options.IsChat() {
		item, rejected := h.readPlain(NewRoom(h.Rooms.StripeOf(to.Name), to.Name, to.Options, len(h.Shards)), op, frame, len(pub.Data))
		sv.propose(to, item, rejected, "", frame)
		return
	}
	p := &proposal{kind: record.Publish, origin: sv.origin(), done: sv.done}
	p.message.frames[PlainFormat] = frame
	p.message.Pub, p.message.Bytes = Publication{Data: frame[len(frame)-len(pub.Data):], Form: pub.Form}, int32(len(pub.Data)+messageOverhead)
	h.propose(to, p, false)
}

// propose proposes an item of a chat room, unless it is rejected. frame is that of a plain client.
func (sv *served) propose(to RoomRef, item *talkItem, rejected *Rejection, key string, frame []byte) {
	if rejected != nil {
		sv.done(StreamPosition{}, rejected)
		return
	}
	p := item.proposal(sv.done)
	p.key, p.origin = key, sv.origin()
	if frame != nil && !item.masked {
		p.message.frames[PlainFormat] = frame
	}
	stripe := sv.hub.Rooms.StripeOf(to.Name)
	stripe.Mu.Lock()
	sv.hub.proposeTalk(sv.hub.roomOfRefLocked(stripe, to), item, p)
}

// Rejections between nodes.
var (
	rejectChanged  = &Rejection{Cause: causeChanged}
	rejectSlowMode = &Rejection{Cause: causeSlowMode}
)

// changeValues changes values if they are as the node that decided the change had them.
func (sv *served) changeValues(entries []record.Entry) {
	room := strings.Clone(entries[0].Room)
	sv.hub.changeValues(sv.log, room, func(now ValueReader) (changes []Value, e *Rejection) {
		for i := range entries {
			v := &entries[i]
			if checkOf(now.Get(v.Key)) != v.Generation {
				return nil, rejectChanged
			}
			if m := markerOf(v.Data); strings.HasPrefix(v.Key, readPrefix) && len(v.Data) > 0 && !sv.hub.countsLocked(room, m.Number, m.Epoch, sv.hub.positionLocked(room)) {
				return nil, rejectChanged // it is of another owner, which is not one any more
			}
			changes = append(changes, Value{strings.Clone(v.Key), append([]byte(nil), v.Data...)})
		}
		return changes, nil
	}, sv.from, sv.done)
}

package chat

import (
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/wordlist"
	"github.com/throng-chat/throng/server/ws"
)

// Publication path of chat rooms. The data is read before the lock is taken. Under the lock of the room it is checked against the messages,
// appended to the history, folded into the messages and posted. talk_propose.go has the path of durable chat rooms.

// talkItem is a publication in a chat room with what it says.
type talkItem struct {
	pub   Publication
	entry timeline.Entry
	by    timeline.Author // without its rights as a member

	hasLink bool   // set if links-after may reject the text
	same    string // texts with the same form count together for repeat-limit; empty without it
	masked  bool   // the text is not that of the publisher: it had words of the list
}

// rejections of options that a chat room does not have.
var (
	rejectSkipHistory = &Rejection{CauseInvalid, "skip_history: a chat room holds all that is published"}
	rejectVersion     = &Rejection{CauseInvalid, "version: a chat room has messages, not versions of a state"}
	rejectBinary      = &Rejection{CauseInvalid, "data: found binary data, allowed: a JSON object or text"}
)

// readItem reads a publication of an SDK client, or of the application if it has no Info.
func (h *Hub) readItem(in RoomRef, pub Publication, o PublishOptions) (*talkItem, *Rejection) {
	switch {
	case o.SkipHistory:
		return nil, rejectSkipHistory
	case o.Version.Number > 0:
		return nil, rejectVersion
	case pub.Form != FormJSON:
		return nil, rejectBinary
	}
	e, err := timeline.Parse(pub.Data, h.textLimits(in))
	if err != nil {
		return nil, &Rejection{CauseInvalid, err.Error()}
	}
	return (&talkItem{pub: pub, entry: e, by: authorOf(pub.Info)}).stamp().ruled(h, in.Options)
}

// authorOf returns the author of a publication with an info; nil for the application.
func authorOf(info *ClientInfo) timeline.Author {
	if info == nil {
		return timeline.Author{Application: true}
	}
	return timeline.Author{User: info.User, Client: info.Client}
}

// readPlain reads the message of a plain client. The data of the publication is the end of frame.
func (h *Hub) readPlain(r *Room, op ws.Opcode, frame []byte, size int) (*talkItem, *Rejection) {
	if op == ws.OpBinary {
		return nil, rejectBinary
	}
	data := frame[len(frame)-size:]
	e, err := timeline.Plain(data, h.textLimits(RoomRef{Name: r.Name, Options: r.Options()}))
	if err != nil {
		return nil, &Rejection{CauseInvalid, err.Error()}
	}
	return (&talkItem{pub: Publication{Data: data, Form: FormText}, entry: e}).stamp().ruled(h, r.Options())
}

// textLimits returns the limits of a message: the data of its publication has the same.
func (h *Hub) textLimits(in RoomRef) timeline.Limits {
	size := h.MaxPublication(in)
	return timeline.Limits{Text: size, Meta: size}
}

// stamp sets the properties of the publication that the entry decides.
func (it *talkItem) stamp() *talkItem {
	it.pub.Timed = true
	if it.entry.IsChange() {
		it.pub.change, it.pub.notice = true, true
	}
	return it
}

// ruled applies the rules for the text that need no lock.
func (it *talkItem) ruled(h *Hub, o *Options) (_ *talkItem, e *Rejection) {
	if it.by.Application {
		return it, nil
	}
	it.hasLink = o.LinksAfter > 0 && wordlist.HasLink(it.entry.Text)
	if o.RepeatLimit > 0 && it.entry.Kind == timeline.Message {
		it.same = sameText(it.entry.Text)
	}
	it.masked, e = h.applyWords(o, &it.pub, &it.entry)
	return it, e
}

// message returns the publication for the members.
func (it *talkItem) message() *Message {
	return &Message{Pub: it.pub, Bytes: int32(it.pub.Size() + messageOverhead)}
}

// judge checks an item against the messages of its room, with the rights that the author has in the roster. In a direct room both users may
// pin. The room's lock is held.
func (r *Room) judge(it *talkItem) (timeline.Verdict, *Rejection) {
	by := it.by
	role := roster.None
	if rv := r.Stripe.values[r.Name]; rv != nil && by.User != "" {
		role = rv.members.Role(by.User)
	}
	by.Moderator = role >= roster.Moderator
	by.MayHere = r.Options().MentionHere == Subscribers || r.Options().MentionHere == Members && role >= roster.Member
	if it.entry.Kind == timeline.Pin && by.User != "" && !by.Moderator {
		_, _, by.Moderator = r.Options().from.Names.direct(r.Name)
	}
	v := r.talk.timeline.Check(&it.entry, by)
	switch v.Act {
	case timeline.Accept:
		return v, r.rejectText(&it.entry, it.hasLink, it.same, &by)
	case timeline.Reject:
	default:
		return v, nil
	}
	cause := CauseDenied
	if v.Code == timeline.Invalid {
		cause = CauseInvalid
	}
	return v, &Rejection{cause, v.Reason}
}

// PublishTalk publishes in a chat room in memory, as Publish does in rooms of other kinds. The rejection has the reason. These are
// acknowledged and not posted, and the room is nil: the repetition of a message, with the position of the first one, and a change without
// effect, with the position of the room.
func (h *Hub) PublishTalk(to RoomRef, pub Publication, o PublishOptions) (*Room, StreamPosition, *Rejection) {
	r, at, e := h.publishTalk(to, pub, o)
	o.Trace.Done(at.Offset, rejectionText(e))
	return r, at, e
}

// publishTalk is PublishTalk without the end of the span.
func (h *Hub) publishTalk(to RoomRef, pub Publication, o PublishOptions) (*Room, StreamPosition, *Rejection) {
	to = h.current(to)
	item, e := h.readItem(to, pub, o)
	if e != nil {
		return nil, StreamPosition{}, e
	}
	now := h.Clock.Tick()
	in := h.Rooms.StripeOf(to.Name)
	in.Mu.Lock()
	if o.IdempotencyKey != "" {
		if at, ok := h.idempotency.find(to.Name, o.IdempotencyKey, now); ok {
			in.Mu.Unlock()
			return nil, at, nil
		}
	}
	r := h.roomOfRefLocked(in, to)
	m := item.message()
	m.trace = o.Trace
	published, at, wake, e := h.talkLocked(r, item, m)
	if e == nil && o.IdempotencyKey != "" {
		h.idempotency.add(to.Name, o.IdempotencyKey, at, now)
	}
	h.releaseLocked(r)
	in.Mu.Unlock()
	h.Wake(wake)
	h.HistoryBudget.evict(published, h.releaseLocked)
	return published, at, e
}

// talkLocked checks an item, and publishes it as m if it is accepted: then published is r. It returns the shards to wake. The room's lock is
// held.
func (h *Hub) talkLocked(r *Room, item *talkItem, m *Message) (published *Room, at StreamPosition, wake uint64, e *Rejection) {
	v, e := r.judge(item)
	switch {
	case e != nil:
		return nil, StreamPosition{}, 0, e
	case v.Act == timeline.NoOp:
		return nil, r.History.Position(), 0, nil
	case v.Act != timeline.Accept:
		return nil, StreamPosition{v.Offset, r.History.Epoch}, 0, nil
	}
	h.Metrics.DirectUnlisted.Add(float64(h.joinDirectLocked(r)))
	h.Metrics.Messages.Inc()
	m.Pub.At, m.Pub.UnixMilli = h.Clock.Tick(), time.Now().UnixMilli()
	h.HistoryBudget.Append(r, &m.Pub)
	mentions := h.newMentionsLocked(r, &item.entry)
	h.HistoryBudget.Fold(r, &m.Pub, &item.entry)
	h.noteLocked(r, &m.Pub, &item.entry, mentions)
	h.scheduleExpiryLocked(r)
	return r, r.History.Position(), h.postLocked(r, m), nil
}

// publishPlainTalk is PublishPlain in a chat room.
func (h *Hub) publishPlainTalk(r *Room, op ws.Opcode, payload []byte) *Rejection {
	frame := fanout.EncodeFrame(op, payload)
	item, e := h.readPlain(r, op, frame, len(payload))
	if e != nil {
		return e
	}
	m := item.message()
	m.trace = h.tracePlain(r, payload)
	if !item.masked {
		m.frames[PlainFormat] = frame
	}
	in := r.Stripe
	in.Mu.Lock()
	if r.Members == 0 {
		// The publisher has left meanwhile, so the table may have another room of that name.
		r = h.roomOfRefLocked(in, RoomRef{Name: r.Name, Options: r.Options()})
	}
	_, at, wake, e := h.talkLocked(r, item, m)
	h.releaseLocked(r)
	in.Mu.Unlock()
	h.Wake(wake)
	h.HistoryBudget.evict(r, h.releaseLocked)
	m.trace.Done(at.Offset, rejectionText(e))
	return e
}

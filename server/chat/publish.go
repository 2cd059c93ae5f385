package chat

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/tracing"
	"github.com/throng-chat/throng/server/ws"
)

// Publication path. A publisher calls Admit, then Publish or PublishPlain. Both assign the offset, append to the history and post to the
// shards under the lock of the room, so all members receive the publications of a room in one order. The shards then call Message.Frame.

// Message is a publication, or a join or leave event, for all members of a room. It is encoded once for each format, when a shard first
// needs that.
type Message struct {
	Room      *Room
	Pub       Publication
	deltaBase *Publication // base of a delta; nil for none
	trace     *tracing.Publication
	event     *ClientInfo // of a join or leave event; nil for a publication
	joined    bool        // the event is a join
	sdkOnly   bool        // plain members do not receive it
	Bytes     int32       // estimated size, for the room's backlog

	mu         sync.Mutex // a leaf, held while a frame is made
	frames     [ownFrames][]byte
	others     *[maxFormats - ownFrames][]byte // nil before the first
	compressed *[ownFrames][]byte              // nil before the first
}

// Admit returns why an actor may not publish size bytes in a room, or nil. The causes are CauseDenied, CauseUnknownRoom and CauseLimit.
// Plain clients, sessions, the server API and redactions all use it. Rates and slow mode are checked after it (session/charge.go). Any
// goroutine may call it.
func (h *Hub) Admit(a Actor, in RoomRef, size int) *Rejection {
	switch {
	case !h.Authorize(a, ToPublish, in):
		return h.Denial(a, ToPublish, in)
	case size > h.MaxPublication(in):
		return RejectLimit
	}
	return nil
}

// MaxPublication returns the largest size of a publication in a room, in bytes: the room's max-message, or the server's; at most
// MaxDurableMessage in a durable room.
func (h *Hub) MaxPublication(in RoomRef) int {
	o := h.current(in).Options
	size := h.Limits().Rules.MaxMessage
	if o.MaxMessage > 0 {
		size = o.MaxMessage
	}
	if o.Durable {
		return min(size, MaxDurableMessage)
	}
	return size
}

// MaxDurableMessage is the limit of a publication in a durable room, in bytes: a record has it with its publisher and tags.
const MaxDurableMessage = 512 << 10

// PublishOptions are the options of a publication through the server API.
type PublishOptions struct {
	SkipHistory    bool
	IdempotencyKey string // not published again while the idempotency cache has the key; empty for none
	Version        Version
	Slow           *SlowModeCount       // of the publication on this node; nil if slow mode does not count it
	Trace          *tracing.Publication // ends with the publication; nil for none
}

// Publish posts a publication to all members of a room. It returns the room, and the position of the publication. The position is zero if
// the room has no history. Any goroutine may call it, without locks. Three publications are not posted, without an error:
//
//   - To a room with neither members nor history: the room is nil and the position is zero. Feeds receive it.
//   - A repetition (IdempotencyKey): the room is nil, and the position is that of the first publication.
//   - An outdated one (Version): the result is the room, and the position of its latest publication.
func (h *Hub) Publish(to RoomRef, pub Publication, o PublishOptions) (*Room, StreamPosition) {
	to = h.current(to)
	name, options := to.Name, to.Options
	m := &Message{Pub: pub, trace: o.Trace, Bytes: int32(pub.Size() + messageOverhead)}
	now := h.Clock.Tick()
	h.Metrics.Messages.Inc()
	m.Pub.change = options.HistorySize > 0 && m.Pub.changesMessage()

	in := h.Rooms.StripeOf(name)
	in.Mu.Lock()
	if o.IdempotencyKey != "" {
		if at, ok := h.idempotency.find(name, o.IdempotencyKey, now); ok {
			in.Mu.Unlock()
			o.Trace.Done(at.Offset, "")
			return nil, at
		}
	}
	r := in.rooms[name]
	if r == nil && options.HistorySize > 0 && !o.SkipHistory {
		r = h.roomOfRefLocked(in, to)
	}
	var at StreamPosition
	var wake uint64
	switch {
	case r == nil:
		if h.RoomFeeds.On() {
			h.RoomFeeds.offer(strings.Clone(name), "", &m.Pub)
		}
	case o.Version.Number > 0 && r.Options().HistorySize > 0 && !o.SkipHistory && !r.version.advance(o.Version):
		h.Metrics.Outdated.Inc()
		at = r.History.Position()
	default:
		at, wake = h.publishLocked(r, m, o.SkipHistory)
	}
	if o.IdempotencyKey != "" {
		h.idempotency.add(name, o.IdempotencyKey, at, now)
	}
	in.Mu.Unlock()
	h.Wake(wake)
	h.HistoryBudget.evict(r, h.releaseLocked)
	o.Trace.Done(at.Offset, "")
	return r, at
}

// EvictedIdempotencyKeys returns the number of idempotency keys that were dropped before their time because too many were stored. A repetition
// with such a key is published again.
func (h *Hub) EvictedIdempotencyKeys() uint64 { return h.idempotency.evictedCount() }

// PublishPlain posts the message of a plain client to all members of its room. It copies the payload. A chat room may reject it. Called on
// the client's poller.
func (h *Hub) PublishPlain(r *Room, op ws.Opcode, payload []byte) *Rejection {
	if r.talk != nil {
		return h.publishPlainTalk(r, op, payload)
	}
	trace := h.tracePlain(r, payload)
	// Encoding for plain members happens before the lock is taken.
	frame := fanout.EncodeFrame(op, payload)
	h.Metrics.Messages.Inc()
	var wake uint64
	in := r.Stripe
	in.Mu.Lock()
	if r.Members == 0 {
		// The publisher has left meanwhile, so the table may have another room of that name.
		r = h.roomOfRefLocked(in, RoomRef{Name: r.Name, Options: r.Options()})
	}
	var at StreamPosition
	if trace == nil && r.hasOnlyPlainMembers() {
		wake = r.PostFrameLocked(frame)
	} else {
		m := &Message{trace: trace, Bytes: int32(len(payload) + messageOverhead)}
		m.frames[PlainFormat] = frame
		m.Pub = Publication{Data: frame[len(frame)-len(payload):], Form: FormText}
		if op == ws.OpBinary {
			m.Pub.Form = FormBytes
		}
		at, wake = h.publishLocked(r, m, false)
	}
	h.releaseLocked(r)
	in.Mu.Unlock()
	h.Wake(wake)
	h.HistoryBudget.evict(r, h.releaseLocked)
	trace.Done(at.Offset, "")
	return nil
}

// publishLocked appends m to the history of r, if it has one, and posts m to the members. It returns the position of m and the shards to
// wake. The room's lock is held. The caller calls HistoryBudget.evict after it releases the lock.
func (h *Hub) publishLocked(r *Room, m *Message, skipHistory bool) (at StreamPosition, wake uint64) {
	if r.Options().HistorySize > 0 && !skipHistory {
		m.Pub.At, m.Pub.UnixMilli = h.Clock.Tick(), time.Now().UnixMilli()
		h.HistoryBudget.Append(r, &m.Pub)
		at = r.History.Position()
		h.scheduleExpiryLocked(r)
	}
	return at, h.postLocked(r, m)
}

// postLocked posts m to the members, the listeners and the feeds of r, and returns the shards to wake. The room's lock is held.
func (h *Hub) postLocked(r *Room, m *Message) (wake uint64) {
	m.Room = r
	if r.Options().Delta {
		m.deltaBase, r.DeltaBase = r.DeltaBase, nil
		if r.Members > 0 && len(m.Pub.Data) <= MaxDelta {
			// A copy: m would keep its frames in memory.
			r.DeltaBase = &Publication{Data: m.Pub.Data, Form: m.Pub.Form, Offset: m.Pub.Offset}
		}
	}
	wake = r.PostLocked(m)
	if !m.sdkOnly {
		for _, li := range r.listeners {
			li.offer(&m.Pub, r.History.Epoch)
		}
		h.RoomFeeds.offer(r.Name, r.History.Epoch, &m.Pub)
	}
	if m.trace != nil {
		wake |= h.traceLocked(r, m.trace)
	}
	return wake
}

// Frame returns the message in a format; nil if members of that format do not receive it. budget is the time left for deltas in
// nanoseconds: Frame subtracts what it uses. Called on the shards.
func (msg *Message) Frame(f fanout.Format, budget *int) []byte {
	msg.mu.Lock()
	defer msg.mu.Unlock()
	frame := msg.frame(f)
	if *frame == nil {
		*frame = msg.encode(f, budget)
	}
	return *frame
}

// frame returns the place of the frame of a format. msg.mu is held.
func (msg *Message) frame(f fanout.Format) *[]byte {
	if f < ownFrames {
		return &msg.frames[f]
	}
	if msg.others == nil {
		msg.others = &[maxFormats - ownFrames][]byte{}
	}
	return &msg.others[f-ownFrames]
}

// Compressed returns the compressed frame of a format, or frame, the uncompressed one, if that is not longer. Called on the shards.
func (msg *Message) Compressed(f fanout.Format, frame []byte) []byte {
	msg.mu.Lock()
	defer msg.mu.Unlock()
	if msg.compressed == nil {
		msg.compressed = &[ownFrames][]byte{}
	}
	if msg.compressed[f] == nil {
		msg.compressed[f] = msg.Room.Stripe.Hub.CompressFrame(frame)
	}
	return msg.compressed[f]
}

// codec returns the codec of a format.
func (msg *Message) codec(f fanout.Format) *FormatCodec { return &msg.Room.Stripe.Hub.formats[f] }

func (msg *Message) encode(f fanout.Format, budget *int) []byte {
	switch c := msg.codec(f); {
	case msg.isPublication():
		return c.Publication(msg.Room.Name, &msg.Pub, msg.deltaBase, budget)
	case c.JoinLeave == nil:
		return nil
	default:
		return c.JoinLeave(msg.Room.Name, msg.event, msg.joined)
	}
}

func (msg *Message) isPublication() bool { return msg.event == nil }

// Full returns a publication in full, for a member that does not have the base of the delta; nil for an event.
func (msg *Message) Full(f fanout.Format, budget *int) []byte {
	if !msg.isPublication() {
		return nil
	}
	return msg.Frame(msg.codec(f).Full, budget)
}

// ReceivedBy reports whether members of a format receive the message: plain members receive publications only, and no receipts.
func (msg *Message) ReceivedBy(f fanout.Format) bool {
	return msg.isPublication() && !msg.sdkOnly || msg.codec(f).JoinLeave != nil
}

// Offset returns the offset of a publication in the history; 0 for none.
func (msg *Message) Offset() uint64 { return msg.Pub.Offset }

// Size returns the estimated bytes, for the room's backlog.
func (msg *Message) Size() int { return int(msg.Bytes) }

// AwaitRoom waits until the backlog of a room is within its limit, as backpressure does for the room's publishers. It returns a rejection
// with CauseRate when ctx ends first.
func (h *Hub) AwaitRoom(ctx context.Context, name string) *Rejection {
	for {
		r, unlock := h.Rooms.Find(name)
		unlock()
		if r == nil || !r.OverLimit() {
			return nil
		}
		select {
		case <-ctx.Done():
			return &Rejection{CauseRate, "the backlog of the room is over its limit: retry later"}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

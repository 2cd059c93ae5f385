package chat

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// How something comes to be said in a room.

// SayOptions are what the server API may ask for.
type SayOptions struct {
	SkipHistory bool
	Key         string // of idempotency: a second publication with it is not said, but answered like the first
	Version     Version
}

// Say gives a publication its place in the room's order and history, and posts it to all members. The place it returns is
// zero where there is no history. The room is nil where nobody is there to hear, or to remember.
func (h *Hub) Say(to View, pub Publication, o SayOptions) (*Room, Position) {
	name, options := to.Name, to.Options
	m := &Message{Pub: pub, Bytes: pub.Size() + messageOverhead}
	now := h.Clock.Tick()
	h.Metrics.Messages.Inc()
	m.Pub.change = options.HistorySize > 0 && m.Pub.ChangesMessage()

	in := h.Rooms.StripeOf(name)
	in.Mu.Lock()
	if o.Key != "" {
		if at, ok := h.said.Find(name, o.Key, now); ok {
			in.Mu.Unlock()
			return nil, at
		}
	}
	r := in.Rooms[name]
	if r == nil && options.HistorySize > 0 && !o.SkipHistory {
		r = h.roomOfViewLocked(in, to)
	}
	var at Position
	var wake uint64
	switch {
	case r == nil:
	case o.Version.Number > 0 && r.Options.HistorySize > 0 && !o.SkipHistory && !r.version.advance(o.Version):
		h.Metrics.Outdated.Inc()
		at = r.History.Position()
	default:
		at, wake = h.sayLocked(r, m, o)
	}
	if o.Key != "" {
		h.said.Add(name, o.Key, at, now)
	}
	in.Mu.Unlock()
	h.Wake(wake)
	h.Archive.Evict(r)
	return r, at
}

// sayLocked is the moment at which m has been said. The room's lock is held; after it is unlocked, call evict.
func (h *Hub) sayLocked(r *Room, m *Message, o SayOptions) (at Position, wake uint64) {
	m.Room = r
	if r.Options.HistorySize > 0 && !o.SkipHistory {
		m.Pub.At, m.Pub.UnixMilli = h.Clock.Tick(), time.Now().UnixMilli()
		h.Archive.Remember(r, &m.Pub)
		at = r.History.Position()
		h.keepLocked(r)
	}
	if r.Options.Delta {
		m.prev, r.Last = r.Last, nil
		if r.Members > 0 && len(m.Pub.Data) <= MaxDelta {
			// Not m, which keeps its frames.
			r.Last = &Publication{Data: m.Pub.Data, Form: m.Pub.Form, Offset: m.Pub.Offset}
		}
	}
	return at, r.PostLocked(m)
}

// Publish gives a plain client's message to everybody in its room. Called on the poller; payload is on loan for the call.
func (h *Hub) Publish(r *Room, op ws.Opcode, payload []byte) {
	// What plain members hear, the same bytes for all, is made before the lock is taken.
	frame := fanout.EncodeFrame(op, payload)
	h.Metrics.Messages.Inc()
	var wake uint64
	in := r.Stripe
	in.Mu.Lock()
	if r.Members == 0 {
		// Its talker was counted out meanwhile: there may be another room of that name.
		r = h.roomOfViewLocked(in, View{Name: r.Name, Options: r.Options})
	}
	if r.onlyPlain() {
		wake = r.PostFrameLocked(frame)
	} else {
		m := &Message{Bytes: len(payload) + messageOverhead}
		m.frames[PlainFormat] = frame
		m.Pub = Publication{Data: frame[len(frame)-len(payload):], Form: FormText}
		if op == ws.OpBinary {
			m.Pub.Form = FormBytes
		}
		_, wake = h.sayLocked(r, m, SayOptions{})
	}
	h.tidyLocked(r)
	in.Mu.Unlock()
	h.Wake(wake)
	h.Archive.Evict(r)
}

// AwaitRoom waits until a room has caught up, as its talkers do.
func (h *Hub) AwaitRoom(ctx context.Context, name string) *Rejection {
	for {
		r, unlock := h.Rooms.Find(name)
		unlock()
		if r == nil || !r.Congested() {
			return nil
		}
		select {
		case <-ctx.Done():
			return &Rejection{CauseRate, "the channel is behind, try again"}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

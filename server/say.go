package server

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// How something comes to be said in a room.

// sayOptions are what the server API may ask for.
type sayOptions struct {
	skipHistory bool
	key         string // of idempotency: a second publication with it is not said, but answered like the first
	version     version
}

// say gives a publication its place in the room's order and history, and posts it to all members. The place it returns is
// zero where there is no history. The room is nil where nobody is there to hear, or to remember.
func (h *hub) say(to view, pub publication, o sayOptions) (*room, position) {
	name, options := to.name, to.options
	m := &message{pub: pub, bytes: pub.Size() + messageOverhead}
	now := h.Clock.Tick()
	h.Metrics.Messages.Inc()
	m.pub.change = options.HistorySize > 0 && m.pub.changesMessage()

	in := h.rooms.stripeOf(name)
	in.mu.Lock()
	if o.key != "" {
		if at, ok := h.said.find(name, o.key, now); ok {
			in.mu.Unlock()
			return nil, at
		}
	}
	r := in.rooms[name]
	if r == nil && options.HistorySize > 0 && !o.skipHistory {
		r = h.roomLocked(in, name)
	}
	var at position
	var wake uint64
	switch {
	case r == nil:
	case o.version.number > 0 && r.options.HistorySize > 0 && !o.skipHistory && !r.version.advance(o.version):
		h.Metrics.Outdated.Inc()
		at = r.history.position()
	default:
		at, wake = h.sayLocked(r, m, o)
	}
	if o.key != "" {
		h.said.add(name, o.key, at, now)
	}
	in.mu.Unlock()
	h.Wake(wake)
	h.archive.evict(r)
	return r, at
}

// sayLocked is the moment at which m has been said. The room's lock is held; after it is unlocked, call evict.
func (h *hub) sayLocked(r *room, m *message, o sayOptions) (at position, wake uint64) {
	m.room = r
	if r.options.HistorySize > 0 && !o.skipHistory {
		m.pub.at, m.pub.unixMilli = h.Clock.Tick(), time.Now().UnixMilli()
		h.archive.remember(r, &m.pub)
		at = r.history.position()
		h.keepLocked(r)
	}
	if r.options.Delta {
		m.prev, r.last = r.last, nil
		if r.members > 0 && len(m.pub.data) <= maxDelta {
			// Not m, which keeps its frames.
			r.last = &publication{data: m.pub.data, form: m.pub.form, offset: m.pub.offset}
		}
	}
	return at, r.PostLocked(m)
}

// publish gives a plain client's message to everybody in its room. Called on the poller; payload is on loan for the call.
func (h *hub) publish(r *room, op ws.Opcode, payload []byte) {
	// What plain members hear, the same bytes for all, is made before the lock is taken.
	frame := fanout.EncodeFrame(op, payload)
	h.Metrics.Messages.Inc()
	var wake uint64
	in := r.stripe
	in.mu.Lock()
	if r.members == 0 {
		// Its talker was counted out meanwhile: there may be another room of that name.
		r = h.roomLocked(in, r.Name)
	}
	if r.onlyPlain() {
		wake = r.PostFrameLocked(frame)
	} else {
		m := &message{bytes: len(payload) + messageOverhead}
		m.frames[plainFormat] = frame
		m.pub = publication{data: frame[len(frame)-len(payload):], form: formText}
		if op == ws.OpBinary {
			m.pub.form = formBytes
		}
		_, wake = h.sayLocked(r, m, sayOptions{})
	}
	h.tidyLocked(r)
	in.mu.Unlock()
	h.Wake(wake)
	h.archive.evict(r)
}

// awaitRoom waits until a room has caught up, as its talkers do.
func (h *hub) awaitRoom(ctx context.Context, name string) *rejection {
	for {
		r, unlock := h.rooms.find(name)
		unlock()
		if r == nil || !r.Congested() {
			return nil
		}
		select {
		case <-ctx.Done():
			return &rejection{causeRate, "the channel is behind, try again"}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

package server

import (
	"container/list"

	"github.com/throng-chat/throng/server/limiter"
)

// Join and leave events: a member is no publisher, so the limits of publications do not hold for them. Each room has a rate of its own:
// the first events go out at once, beyond the rate they wait, and what cancels out while it waits is not sent at all. Where too
// many wait, events are dropped: presence_stats has the number of members, and presence their names.

const (
	joinLeaveRate    = 50       // events a second of one room
	joinLeaveUnit    = 256      // bytes; an event that is larger counts as several
	maxPendingEvents = 1024     // of one room
	maxPendingBytes  = 16 << 20 // of all rooms
)

// joinLeave is what a room's members are not yet sent of joins and leaves. Guarded by stripe.mu of the room.
type joinLeave struct {
	meter    limiter.Meter
	pending  list.List // of *presenceEvent, the oldest first; one of each client at most
	byClient map[string]*list.Element
	filed    bool // in stripe.unannounced
}

type presenceEvent struct {
	info   *clientInfo
	joined bool
	told   *clientInfo // as whom members know the client while this waits; nil where they do not
}

func (e *presenceEvent) Size() int { return e.info.Size() + messageOverhead }

// units are what an event takes of the rate: no more than the burst, so that each can be sent at some time.
func (e *presenceEvent) units() int {
	return min(1+e.Size()/joinLeaveUnit, joinLeaveRate*limiter.BurstSeconds)
}

// announceLocked sends the members of a room a join or a leave, now or later. The room's lock is held.
func (h *hub) announceLocked(r *room, info *clientInfo, joined bool) (wake uint64) {
	if !r.options.JoinLeave {
		return 0
	}
	if r.events == nil {
		r.events = &joinLeave{byClient: map[string]*list.Element{}}
	}
	event := &presenceEvent{info: info, joined: joined}
	if !joined {
		event.told = info
	}
	wake = h.sendPendingLocked(r) // in order
	if h.foldLocked(r, event) {
		return wake
	}
	if r.events.pending.Len() == 0 && h.maySendLocked(r, event) {
		return wake | h.sendEventLocked(r, event)
	}
	if r.events.pending.Len() >= maxPendingEvents || int(h.pendingBytes.Load())+event.Size() > maxPendingBytes {
		h.Metrics.JoinLeaveDropped.Inc()
		return wake
	}
	h.pendingBytes.Add(int64(event.Size()))
	r.events.byClient[info.Client] = r.events.pending.PushBack(event)
	if !r.events.filed {
		r.events.filed = true
		r.stripe.unannounced = append(r.stripe.unannounced, r)
	}
	return wake
}

// foldLocked removes the pending event of the same client, and says whether there is nothing left to send: a join and a leave
// cancel out, and so do a leave and a join by which nothing has changed. Else the event stands for both. The room's lock is held.
func (h *hub) foldLocked(r *room, event *presenceEvent) (folded bool) {
	at := r.events.byClient[event.info.Client]
	if at == nil {
		return false
	}
	before := at.Value.(*presenceEvent)
	h.unqueueLocked(r, at)
	h.Metrics.JoinLeaveFolded.Inc()
	event.told = before.told
	if event.joined && (event.told == nil || !sameInfo(event.told, event.info)) || !event.joined && event.told != nil {
		return false
	}
	h.Metrics.JoinLeaveFolded.Inc()
	return true
}

func (h *hub) unqueueLocked(r *room, at *list.Element) {
	event := r.events.pending.Remove(at).(*presenceEvent)
	delete(r.events.byClient, event.info.Client)
	h.pendingBytes.Add(int64(-event.Size()))
}

// maySendLocked holds the events of a room to their rate, and to the room's backlog. The room's lock is held.
func (h *hub) maySendLocked(r *room, event *presenceEvent) bool {
	return !r.Congested() && limiter.PerSecond(joinLeaveRate).Allow(&r.events.meter, h.Clock.Now(), event.units())
}

// sendPendingLocked sends what waits, as far as the rate allows. The room's lock is held.
func (h *hub) sendPendingLocked(r *room) (wake uint64) {
	for at := r.events.pending.Front(); at != nil; at = r.events.pending.Front() {
		event := at.Value.(*presenceEvent)
		if !h.maySendLocked(r, event) {
			break
		}
		h.unqueueLocked(r, at)
		wake |= h.sendEventLocked(r, event)
	}
	return wake
}

func (h *hub) sendEventLocked(r *room, event *presenceEvent) (wake uint64) {
	m := &message{room: r, bytes: event.Size()}
	if event.joined {
		m.join = event.info
	} else {
		m.leave = event.info
	}
	h.Metrics.JoinLeaveSent.Inc()
	return r.PostLocked(m)
}

// discardEventsLocked forgets what waits to be sent in a room without members. The room's lock is held.
func (h *hub) discardEventsLocked(r *room) {
	if r.events == nil {
		return
	}
	for at := r.events.pending.Front(); at != nil; at = r.events.pending.Front() {
		h.unqueueLocked(r, at)
	}
}

// announce sends what waits in all rooms, as far as their rates allow. Called on the heartbeat.
func (h *hub) announce() {
	var wake uint64
	h.rooms.each(func(in *stripe) {
		kept := in.unannounced[:0]
		for _, r := range in.unannounced {
			wake |= h.sendPendingLocked(r)
			if r.events.filed = r.events.pending.Len() > 0; r.events.filed {
				kept = append(kept, r)
			}
		}
		clear(in.unannounced[len(kept):])
		in.unannounced = kept
	})
	h.Wake(wake)
}

package chat

import (
	"container/list"

	"github.com/throng-chat/throng/server/limiter"
)

// Join and leave events have a rate limit per room. The first events are sent at once. Events beyond the rate are queued, and queued
// events of one client that cancel out are not sent. Events beyond the limits of the queues are dropped and counted: presence and
// presence_stats have the members.

// Limits of the queues of events.
const (
	MaxPendingEvents = 1024     // in one room
	MaxPendingBytes  = 16 << 20 // in all rooms
)

// announceLocked sends or queues a join or leave event. It returns the shards to wake. The room's lock is held.
func (h *Hub) announceLocked(r *Room, info *ClientInfo, joined bool) (wake uint64) {
	if !r.Options.JoinLeave {
		return 0
	}
	if r.Events == nil {
		r.Events = &joinLeave{byClient: map[string]*list.Element{}}
	}
	event := &presenceEvent{info: info, joined: joined}
	if !joined {
		event.told = info
	}
	wake = h.sendPendingLocked(r) // keeps the order
	if h.foldLocked(r, event) {
		return wake
	}
	if r.Events.Pending.Len() == 0 && h.maySendLocked(r, event) {
		return wake | h.sendEventLocked(r, event)
	}
	if r.Events.Pending.Len() >= MaxPendingEvents || int(h.PendingBytes.Load())+event.size() > MaxPendingBytes {
		h.Metrics.JoinLeaveDropped.Inc()
		return wake
	}
	h.PendingBytes.Add(int64(event.size()))
	r.Events.byClient[info.Client] = r.Events.Pending.PushBack(event)
	if !r.Events.filed {
		r.Events.filed = true
		r.Stripe.Unannounced = append(r.Stripe.Unannounced, r)
	}
	return wake
}

// foldLocked merges an event with the queued event of the same client, which it removes. It returns true if the two cancel out: a join and
// a leave, or a leave and a join with the same info. The room's lock is held.
func (h *Hub) foldLocked(r *Room, event *presenceEvent) (folded bool) {
	at := r.Events.byClient[event.info.Client]
	if at == nil {
		return false
	}
	before := at.Value.(*presenceEvent)
	h.unqueueLocked(r, at)
	h.Metrics.JoinLeaveFolded.Inc()
	event.told = before.told
	if event.joined && (event.told == nil || !SameInfo(event.told, event.info)) || !event.joined && event.told != nil {
		return false
	}
	h.Metrics.JoinLeaveFolded.Inc()
	return true
}

// unqueueLocked removes an event from the queue. The room's lock is held.
func (h *Hub) unqueueLocked(r *Room, at *list.Element) {
	event := r.Events.Pending.Remove(at).(*presenceEvent)
	delete(r.Events.byClient, event.info.Client)
	h.PendingBytes.Add(int64(-event.size()))
}

// maySendLocked reports whether the rate and the backlog of a room allow an event now, and counts it. The room's lock is held.
func (h *Hub) maySendLocked(r *Room, event *presenceEvent) bool {
	return !r.OverLimit() && limiter.PerSecond(JoinLeaveRate).Allow(&r.Events.meter, h.Clock.Now(), event.units())
}

// sendPendingLocked sends queued events, as far as the rate allows. The room's lock is held.
func (h *Hub) sendPendingLocked(r *Room) (wake uint64) {
	for at := r.Events.Pending.Front(); at != nil; at = r.Events.Pending.Front() {
		event := at.Value.(*presenceEvent)
		if !h.maySendLocked(r, event) {
			break
		}
		h.unqueueLocked(r, at)
		wake |= h.sendEventLocked(r, event)
	}
	return wake
}

// sendEventLocked posts an event to the members. The room's lock is held.
func (h *Hub) sendEventLocked(r *Room, event *presenceEvent) (wake uint64) {
	m := &Message{Room: r, Bytes: event.size()}
	if event.joined {
		m.Join = event.info
	} else {
		m.Leave = event.info
	}
	h.Metrics.JoinLeaveSent.Inc()
	return r.PostLocked(m)
}

// discardEventsLocked drops the queued events of a room without members. The room's lock is held.
func (h *Hub) discardEventsLocked(r *Room) {
	if r.Events == nil {
		return
	}
	for at := r.Events.Pending.Front(); at != nil; at = r.Events.Pending.Front() {
		h.unqueueLocked(r, at)
	}
}

// Announce sends the queued events of all rooms, as far as their rates allow. Called on the heartbeat.
func (h *Hub) Announce() {
	var wake uint64
	h.Rooms.Each(func(in *Stripe) {
		kept := in.Unannounced[:0]
		for _, r := range in.Unannounced {
			wake |= h.sendPendingLocked(r)
			if r.Events.filed = r.Events.Pending.Len() > 0; r.Events.filed {
				kept = append(kept, r)
			}
		}
		clear(in.Unannounced[len(kept):])
		in.Unannounced = kept
	})
	h.Wake(wake)
}

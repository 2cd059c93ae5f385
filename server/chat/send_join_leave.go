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
	maxQueuedEvents     = 1024     // in one room
	maxQueuedEventBytes = 16 << 20 // in all rooms
)

// sendOrQueueLocked sends or queues a join or leave event, if the options of the room have them. It returns the shards to wake. The room's
// lock is held.
func (h *Hub) sendOrQueueLocked(r *Room, info *ClientInfo, joined bool) (wake uint64) {
	if !r.Options().JoinLeave {
		return 0
	}
	if r.events == nil {
		r.events = &joinLeaveQueue{byClient: map[string]*list.Element{}}
	}
	event := &presenceEvent{info: info, joined: joined}
	if !joined {
		event.seen = info
	}
	wake = h.sendQueuedLocked(r) // keeps the order
	if h.coalesceLocked(r, event) {
		return wake
	}
	if r.events.queue.Len() == 0 && h.maySendLocked(r, event) {
		return wake | h.sendEventLocked(r, event)
	}
	if r.events.queue.Len() >= maxQueuedEvents || int(h.queuedEventBytes.Load())+event.size() > maxQueuedEventBytes {
		h.Metrics.JoinLeaveDropped.Inc()
		return wake
	}
	h.queuedEventBytes.Add(int64(event.size()))
	r.events.byClient[info.Client] = r.events.queue.PushBack(event)
	if !r.events.listed {
		r.events.listed = true
		r.Stripe.withEvents = append(r.Stripe.withEvents, r)
	}
	return wake
}

// coalesceLocked merges an event with the queued event of the same client, which it removes. It returns true if the two cancel out: a join
// and a leave, or a leave and a join with the same info. The room's lock is held.
func (h *Hub) coalesceLocked(r *Room, event *presenceEvent) (cancelOut bool) {
	at := r.events.byClient[event.info.Client]
	if at == nil {
		return false
	}
	before := at.Value.(*presenceEvent)
	h.unqueueLocked(r, at)
	h.Metrics.JoinLeaveFolded.Inc()
	event.seen = before.seen
	if event.joined && (event.seen == nil || !sameInfo(event.seen, event.info)) || !event.joined && event.seen != nil {
		return false
	}
	h.Metrics.JoinLeaveFolded.Inc()
	return true
}

// unqueueLocked removes an event from the queue. The room's lock is held.
func (h *Hub) unqueueLocked(r *Room, at *list.Element) {
	event := r.events.queue.Remove(at).(*presenceEvent)
	delete(r.events.byClient, event.info.Client)
	h.queuedEventBytes.Add(int64(-event.size()))
}

// maySendLocked reports whether the rate and the backlog of a room allow an event now, and counts it. The room's lock is held.
func (h *Hub) maySendLocked(r *Room, event *presenceEvent) bool {
	return !r.OverLimit() && limiter.PerSecond(JoinLeaveRate).Allow(&r.events.meter, h.Clock.Now(), event.units())
}

// sendQueuedLocked sends queued events, as far as the rate allows. The room's lock is held.
func (h *Hub) sendQueuedLocked(r *Room) (wake uint64) {
	for at := r.events.queue.Front(); at != nil; at = r.events.queue.Front() {
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
	h.Metrics.JoinLeaveSent.Inc()
	return r.PostLocked(&Message{Room: r, event: event.info, joined: event.joined, Bytes: int32(event.size())})
}

// discardEventsLocked drops the queued events of a room without members. The room's lock is held.
func (h *Hub) discardEventsLocked(r *Room) {
	if r.events == nil {
		return
	}
	for at := r.events.queue.Front(); at != nil; at = r.events.queue.Front() {
		h.unqueueLocked(r, at)
	}
}

// sendQueuedEvents sends the queued events of all rooms, as far as their rates allow. Called on the heartbeat.
func (h *Hub) sendQueuedEvents() {
	var wake uint64
	h.Rooms.each(func(in *Stripe) {
		remaining := in.withEvents[:0]
		for _, r := range in.withEvents {
			wake |= h.sendQueuedLocked(r)
			if r.events.listed = r.events.queue.Len() > 0; r.events.listed {
				remaining = append(remaining, r)
			}
		}
		clear(in.withEvents[len(remaining):])
		in.withEvents = remaining
	})
	h.Wake(wake)
}

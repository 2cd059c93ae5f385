package chat

import (
	"container/list"

	"github.com/throng-chat/throng/server/limiter"
)

// Join and leave events: a member is no publisher, so the limits of publications do not hold for them. Each room has a rate of its own:
// the first events go out at once, beyond the rate they wait, and what cancels out while it waits is not sent at all. Where too
// many wait, events are dropped: presence_stats has the number of members, and presence their names.

// How many joins and leaves wait.
const (
	MaxPendingEvents = 1024     // of one room
	MaxPendingBytes  = 16 << 20 // of all rooms
)

// announceLocked sends the members of a room a join or a leave, now or later. The room's lock is held.
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
	wake = h.sendPendingLocked(r) // in order
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

// foldLocked removes the pending event of the same client, and says whether there is nothing left to send: a join and a leave
// cancel out, and so do a leave and a join by which nothing has changed. Else the event stands for both. The room's lock is held.
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

func (h *Hub) unqueueLocked(r *Room, at *list.Element) {
	event := r.Events.Pending.Remove(at).(*presenceEvent)
	delete(r.Events.byClient, event.info.Client)
	h.PendingBytes.Add(int64(-event.size()))
}

// maySendLocked holds the events of a room to their rate, and to the room's backlog. The room's lock is held.
func (h *Hub) maySendLocked(r *Room, event *presenceEvent) bool {
	return !r.Congested() && limiter.PerSecond(JoinLeaveRate).Allow(&r.Events.meter, h.Clock.Now(), event.units())
}

// sendPendingLocked sends what waits, as far as the rate allows. The room's lock is held.
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

// discardEventsLocked forgets what waits to be sent in a room without members. The room's lock is held.
func (h *Hub) discardEventsLocked(r *Room) {
	if r.Events == nil {
		return
	}
	for at := r.Events.Pending.Front(); at != nil; at = r.Events.Pending.Front() {
		h.unqueueLocked(r, at)
	}
}

// Announce sends what waits in all rooms, as far as their rates allow. Called on the heartbeat.
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

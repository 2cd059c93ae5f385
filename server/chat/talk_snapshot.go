package chat

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
)

// replaySnapshot applies the snapshot of a message in the log (talk_carry.go). It adds messages in the replay of a start only. If this process
// proposed a snapshot and its append had an unknown outcome, a later replay finds it: the process has the message in a newer state, or has
// evicted it with changes that this replay does not read.
func (co committer) replaySnapshot(in *home.Record, e *record.Entry) {
	h := co.hub
	o := h.OptionsOf(e.Room)
	switch {
	case h.logOf(e.Room, o) != co.log:
		co.log.foreignEntry(e)
		return
	case co.log.snapshots.proposed.Load(), co.log.live.Load():
		return
	case !o.IsChat():
		return // the room was a chat room before
	}
	stripe := h.Rooms.StripeOf(e.Room)
	stripe.Mu.Lock()
	r := stripe.rooms[e.Room]
	expired := h.isExpired(o, e.UnixMilli)
	if r == nil && expired {
		position := *e
		position.Kind = record.Clear
		co.log.replayReleased(in, &position, h.Clock.Tick())
		stripe.Mu.Unlock()
		return
	}
	if r == nil {
		r = h.createLocked(stripe, h.RoomRef(e.Room))
		r.talk.orphans.all = !co.log.live.Load()
		if r.History.LastOffset == 0 {
			h.beginLocked(r, e.Generation, e.Offset)
		}
	}
	h.replaySnapshotLocked(in, r, e, expired)
	stripe.Mu.Unlock()
	h.HistoryBudget.evict(r, h.releaseLocked)
}

// replaySnapshotLocked is replaySnapshot for a room in the room table. The room's lock is held.
func (h *Hub) replaySnapshotLocked(in *home.Record, r *Room, e *record.Entry, expired bool) {
	d := r.durable
	if e.Generation < d.generation {
		return // of offsets that ended
	}
	if e.Generation > d.generation {
		d.generation, r.History.Epoch = e.Generation, d.log.epoch(e.Generation)
	}
	d.newest = max(d.newest, in.Seq)
	if r.History.LastOffset < e.Offset {
		if r.History.Count > 0 {
			d.log.lose(in.Seq, r.Name)
			h.HistoryBudget.Clear(r)
		}
		r.History.LastOffset, d.proposed = e.Offset, e.Offset
	}
	if !expired && !h.restoreLocked(r, e, valueAt(in.Seq)) {
		d.log.lose(in.Seq, r.Name)
	}
	h.scheduleExpiryLocked(r)
}

// restoreLocked adds the message of a snapshot, with the changes of it that the replay found before. It returns false if the snapshot is
// malformed. The room's lock is held.
func (h *Hub) restoreLocked(r *Room, e *record.Entry, at valueAt) bool {
	offset, err := strconv.ParseUint(strings.TrimPrefix(e.Key, snapshotPrefix), 10, 64)
	if err != nil {
		return false
	}
	b := bytes.Clone(e.Data)
	m := messageTime{
		offset: offset, at: h.tickBefore(time.Since(time.UnixMilli(e.UnixMilli))), since: at, stored: uint32(len(b) + len(r.Name) + snapshotOverhead),
	}
	h.HistoryBudget.update(r, func() int {
		var grown int
		grown, err = r.talk.restore(b, m)
		return r.History.grow(grown)
	})
	if err != nil {
		return false
	}
	v, ok := r.talk.timeline.At(offset, "")
	if !ok {
		return true // another message has its ID
	}
	for _, o := range r.talk.orphans.of[v.ID] {
		if t := r.talk.find(offset); t != nil && o.in.upTo(uint64(t.since)) {
			t.since = o.in // the records from there on are needed
		}
		h.HistoryBudget.Fold(r, &o.pub, o.entry)
	}
	h.HistoryBudget.shrink(r, r.Options().HistorySize)
	return true
}

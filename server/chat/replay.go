package chat

import (
	"bytes"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/wheel"
)

// Replay applies an entry of the log. The state of the durable rooms is the result of all entries in order. Members receive a publication of
// a record whose append had an unknown outcome. Two kinds have a meaning of their own here:
//
//   - Clear drops the publications up to its offset. The position of the room is at least that offset. A newer generation is the room's
//     from then on, and its publications stay. With the flag change, the room was not durable any more: it has no values either.
//   - Generation repairs what was lost in records up to the number in its offset.
func (co committer) Replay(in *home.Record, e *record.Entry) {
	h := co.hub
	h.Durable.positions.found(e.Generation)
	h.Durable.applied.Store(in.Seq - 1)
	switch {
	case isSnapshot(e) && e.Room != "":
		h.replaySnapshot(in, e)
		return
	case e.Kind == record.Value && (e.Room == "" || h.OptionsOf(e.Room).Durable):
		h.replayValue(valueAt(in.Seq), e)
		return
	case e.Kind == record.Value:
		h.Durable.foreignEntry(e)
		return
	case e.Room == "":
		if e.Kind == record.Generation {
			h.Durable.repaired(e.Offset)
		}
		return
	case e.Kind == record.Clear && e.Change:
		h.endValues(e.Room)
	}
	if e.Key != "" {
		h.replayKey(e)
	}
	stripe := h.Rooms.StripeOf(e.Room)
	stripe.Mu.Lock()
	r := stripe.rooms[e.Room]
	var wake uint64
	switch {
	case r == nil && !h.OptionsOf(e.Room).Durable:
		h.Durable.foreignEntry(e)
	case r != nil && r.durable == nil:
		h.Durable.foreignEntry(e)
	case r == nil && (e.Kind != record.Publish || e.Offset == 0 || h.isExpired(h.OptionsOf(e.Room), e.UnixMilli)):
		h.Durable.replayReleased(in, e, h.Clock.Tick())
	default:
		if r == nil {
			r = h.createLocked(stripe, h.RoomRef(e.Room))
			if r.History.LastOffset == 0 {
				h.beginLocked(r, e.Generation, e.Offset-1)
			}
			if r.talk != nil {
				r.talk.orphans.all = true
			}
		}
		wake = h.replayLocked(in, r, e)
	}
	stripe.Mu.Unlock()
	h.Wake(wake)
	if r != nil {
		h.HistoryBudget.evict(r, h.releaseLocked)
	}
}

// isExpired reports whether a publication of a time is older than the history TTL.
func (h *Hub) isExpired(o *Options, unixMilli int64) bool {
	return time.Since(time.UnixMilli(unixMilli)) > o.HistoryTTL
}

// beginLocked sets the position of a durable room without publications. The room's lock is held.
func (h *Hub) beginLocked(r *Room, generation, offset uint64) {
	r.durable.generation, r.durable.proposed = generation, offset
	r.History.Epoch, r.History.LastOffset = h.Durable.epoch(generation), offset
}

// replayKey stores an idempotency key of the log, if it is not too old.
func (h *Hub) replayKey(e *record.Entry) {
	age := max(time.Since(time.UnixMilli(e.UnixMilli)), 0)
	if age >= idempotencyTTL {
		return
	}
	var at StreamPosition
	if e.Offset > 0 {
		at = StreamPosition{e.Offset, h.Durable.epoch(e.Generation)}
	}
	h.idempotency.add(strings.Clone(e.Room), strings.Clone(e.Key), at, h.tickBefore(age))
}

// tickBefore returns the tick of a time in the past.
func (h *Hub) tickBefore(age time.Duration) wheel.Tick {
	now := h.Clock.Tick()
	return now - min(fanout.InTicks(age), now-1)
}

// replayLocked applies an entry to its room. The room's lock is held.
func (h *Hub) replayLocked(in *home.Record, r *Room, e *record.Entry) (wake uint64) {
	d := r.durable
	d.newest = max(d.newest, in.Seq)
	switch e.Kind {
	case record.Clear:
		h.replayClearLocked(in, r, e)
		return 0
	case record.Redact:
		h.redactLocked(r, e.Offset)
		return 0
	}
	if e.Generation > d.generation {
		h.HistoryBudget.Clear(r)
		h.beginLocked(r, e.Generation, e.Offset-min(e.Offset, 1))
	}
	switch last := r.History.LastOffset; {
	case e.Offset == 0: // it is not in the history
		return 0
	case e.Generation < d.generation, e.Offset <= last:
		h.Durable.lose(in.Seq, r.Name)
		return 0
	case e.Offset > last+1:
		h.HistoryBudget.Clear(r)
		h.beginLocked(r, d.generation, e.Offset-1)
		h.Durable.lose(in.Seq, r.Name)
	}
	if e.Version.Number > 0 {
		r.version, d.versionIn = Version{e.Version.Number, strings.Clone(e.Version.Epoch)}, in.Seq
		d.version = r.version
	}
	d.proposed = e.Offset
	if h.isExpired(r.Options(), e.UnixMilli) {
		h.HistoryBudget.Clear(r)
		r.History.LastOffset = e.Offset
		return 0
	}
	pub := h.publicationOf(e)
	pub.At = h.tickBefore(time.Since(time.UnixMilli(e.UnixMilli)))
	if n := r.History.Count; n > 0 {
		pub.At = max(pub.At, r.History.At(n-1).At) // the wall clock was set back
	}
	said := r.replayedEntry(&pub)
	isOrphan := said != nil && r.isOrphan(said)
	h.storeLocked(in, r, &pub, said)
	if isOrphan || said != nil && said.Kind == timeline.Edit {
		h.keepOrphanLocked(in, r, &pub, said)
	}
	if r.Members == 0 {
		return 0
	}
	return h.postLocked(r, &Message{Pub: pub, Bytes: int32(pub.Size() + messageOverhead)})
}

// replayClearLocked applies a Clear entry: publications up to its offset are dropped, and the position is at least that offset. It may give
// the room another generation. The room's lock is held.
func (h *Hub) replayClearLocked(in *home.Record, r *Room, e *record.Entry) {
	d := r.durable
	if e.Generation < d.generation {
		return // a checkpoint that was overtaken by a new generation
	}
	h.HistoryBudget.ClearTo(r, e.Offset)
	if r.History.LastOffset < e.Offset {
		h.HistoryBudget.Clear(r)
		r.History.LastOffset, d.proposed = e.Offset, e.Offset
	}
	if e.Generation > d.generation {
		d.generation, r.History.Epoch = e.Generation, h.Durable.epoch(e.Generation)
	}
	if e.Version.Number > 0 {
		r.version, d.versionIn = Version{e.Version.Number, strings.Clone(e.Version.Epoch)}, in.Seq
		d.version = r.version
	}
}

// publicationOf returns the publication of an entry, which shares no memory with it.
func (h *Hub) publicationOf(e *record.Entry) Publication {
	pub := Publication{
		Data: bytes.Clone(e.Data), Form: form(e.Form), Info: h.Durable.infoOf(e.Info), notice: e.Notice, change: e.Change,
		UnixMilli: e.UnixMilli,
	}
	if len(e.Tags) > 0 {
		pub.Tags = make(map[string]string, len(e.Tags))
		for name, value := range e.Tags {
			pub.Tags[strings.Clone(name)] = strings.Clone(value)
		}
	}
	return pub
}

// Lost notes that entries are lost: of rooms, or of unknown rooms if rooms is nil.
func (co committer) Lost(seq uint64, rooms []string) {
	du := co.hub.Durable
	if rooms == nil {
		du.loseAll(seq)
	}
	for _, name := range rooms {
		du.lose(seq, name)
	}
}

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
//     With the flag notice, positions of the generation before count up to the offset that the room has.
//   - Generation repairs what was lost in records up to the number in its offset. With the flag change, the memberships with a position end.
func (co committer) Replay(in *home.Record, e *record.Entry) {
	h := co.hub
	du := co.log
	du.positions.found(e.Generation)
	du.applied.Store(in.Seq - 1)
	du.noteResult(e)
	switch {
	case isSnapshot(e) && e.Room != "":
		co.replaySnapshot(in, e)
		return
	case e.Kind == record.Value && h.valueLog(e.Room) == du:
		h.replayValue(du, valueAt(in.Seq), e)
		return
	case e.Kind == record.Value:
		du.foreignEntry(e)
		return
	case e.Room == "":
		if e.Kind == record.Generation {
			du.repaired(e.Offset)
			if e.Change && du.live.Load() {
				h.endPositions(du)
			}
		}
		return
	case e.Kind == record.Clear && e.Change:
		h.endValues(e.Room)
	}
	if e.Key != "" {
		co.replayKey(e)
	}
	stripe := h.Rooms.StripeOf(e.Room)
	stripe.Mu.Lock()
	r := stripe.rooms[e.Room]
	var wake uint64
	switch {
	case r == nil && h.logOf(e.Room, h.OptionsOf(e.Room)) != du:
		du.foreignEntry(e)
	case r != nil && (r.durable == nil || r.durable.log != du):
		du.foreignEntry(e)
	case r == nil && (e.Kind != record.Publish || e.Offset == 0 || h.isExpired(h.OptionsOf(e.Room), e.UnixMilli)):
		h.feedReplayed(du, e)
		du.replayReleased(in, e, h.Clock.Tick())
	default:
		if r == nil {
			r = h.createLocked(stripe, h.RoomRef(e.Room))
			if r.History.LastOffset == 0 {
				h.beginLocked(r, e.Generation, e.Offset-1)
			}
			if r.talk != nil {
				r.talk.orphans.all = !du.live.Load()
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

// feedReplayed gives an entry of a room that this node does not have to the feeds: a publication that is not in its history. One that expired before it
// reached this node is lost. The lock of the room is held.
func (h *Hub) feedReplayed(du *Durable, e *record.Entry) {
	switch {
	case e.Kind != record.Publish || !du.live.Load() || !h.RoomFeeds.On():
	case e.Offset > 0:
		h.RoomFeeds.miss(e.Room)
	default:
		pub := publicationOf(e, du.infoOf(e.Info))
		h.RoomFeeds.offer(strings.Clone(e.Room), "", &pub)
	}
}

// isExpired reports whether a publication of a time is older than the history TTL.
func (h *Hub) isExpired(o *Options, unixMilli int64) bool {
	return time.Since(time.UnixMilli(unixMilli)) > o.HistoryTTL
}

// beginLocked sets the position of a durable room without publications. The room's lock is held.
func (h *Hub) beginLocked(r *Room, generation, offset uint64) {
	r.durable.generation, r.durable.fork, r.durable.proposed = generation, fork{}, offset
	r.History.Epoch, r.History.LastOffset = r.durable.log.epoch(generation), offset
}

// replayKey stores an idempotency key of the log, if it is not too old.
func (co committer) replayKey(e *record.Entry) {
	h := co.hub
	age := time.Since(time.UnixMilli(e.UnixMilli))
	if age >= idempotencyTTL {
		return
	}
	var at StreamPosition
	if e.Offset > 0 {
		at = StreamPosition{e.Offset, co.log.epoch(e.Generation)}
	}
	h.idempotency.add(strings.Clone(e.Room), strings.Clone(e.Key), at, h.tickBefore(age))
}

// tickBefore returns the tick of a time in the past. The time of an entry is in the future if the clock was set back since, or if the clock of
// another node is ahead: it counts as now.
func (h *Hub) tickBefore(age time.Duration) wheel.Tick {
	now := h.Clock.Tick()
	return now - min(fanout.InTicks(max(age, 0)), now-1)
}

// replayLocked applies an entry to its room. The room's lock is held.
func (h *Hub) replayLocked(in *home.Record, r *Room, e *record.Entry) (wake uint64) {
	d := r.durable
	d.newest = max(d.newest, in.Seq)
	switch e.Kind {
	case record.Clear:
		return h.replayClearLocked(in, r, e)
	case record.Redact:
		h.redactLocked(r, e.Offset)
		return 0
	}
	before := r.History.LastOffset
	if e.Generation > d.generation {
		h.HistoryBudget.Clear(r)
		h.beginLocked(r, e.Generation, e.Offset-min(e.Offset, 1))
	}
	switch last := r.History.LastOffset; {
	case e.Offset == 0: // it is not in the history
		if !r.receives() || !d.log.live.Load() {
			return 0
		}
		pub := publicationOf(e, d.log.infoOf(e.Info))
		return h.postLocked(r, &Message{Pub: pub, Bytes: int32(pub.Size() + messageOverhead)})
	case e.Generation < d.generation, e.Offset <= last:
		d.log.lose(in.Seq, r.Name)
		return 0
	case e.Offset > last+1:
		h.HistoryBudget.Clear(r)
		h.beginLocked(r, d.generation, e.Offset-1)
		d.log.lose(in.Seq, r.Name)
	}
	if r.History.LastOffset > before && d.log.live.Load() {
		wake = r.endPositionsLocked()
		h.RoomFeeds.miss(r.Name)
	}
	if e.Version.Number > 0 {
		r.version, d.versionIn = Version{e.Version.Number, strings.Clone(e.Version.Epoch)}, in.Seq
		d.version = r.version
	}
	d.proposed = e.Offset
	if h.isExpired(r.Options(), e.UnixMilli) {
		h.RoomFeeds.miss(r.Name)
		h.HistoryBudget.Clear(r)
		r.History.LastOffset = e.Offset
		return wake
	}
	pub := publicationOf(e, d.log.infoOf(e.Info))
	pub.At = h.tickBefore(time.Since(time.UnixMilli(e.UnixMilli)))
	if n := r.History.Count; n > 0 {
		pub.At = max(pub.At, r.History.At(n-1).At) // the wall clock was set back
	}
	said := r.replayedEntry(&pub)
	isOrphan := said != nil && r.isOrphan(said)
	h.storeLocked(in, r, &pub, said)
	switch {
	case d.log.live.Load():
		if said != nil && said.Kind == timeline.Delete && r.isOrphan(said) {
			h.HistoryBudget.redactContent(r, r.editsOf(said.ID))
		}
	case isOrphan || said != nil && said.Kind == timeline.Edit:
		h.keepOrphanLocked(in, r, &pub, said)
	}
	if !r.receives() || d.log.replayed.resets {
		return wake
	}
	return wake | h.postLocked(r, &Message{Pub: pub, Bytes: int32(pub.Size() + messageOverhead)})
}

// replayClearLocked applies a Clear entry: publications up to its offset are dropped, and the position is at least that offset. It may give
// the room another generation. Members that have not received the publications before the position resubscribe. The room's lock is held; pass the result to
// Wake.
func (h *Hub) replayClearLocked(in *home.Record, r *Room, e *record.Entry) (wake uint64) {
	d := r.durable
	if e.Generation < d.generation {
		return 0 // a checkpoint that was overtaken by a new generation
	}
	h.HistoryBudget.ClearTo(r, e.Offset)
	if r.History.LastOffset < e.Offset {
		if d.log.live.Load() {
			wake = r.endPositionsLocked()
			h.RoomFeeds.miss(r.Name)
		}
		h.HistoryBudget.Clear(r)
		r.History.LastOffset, d.proposed = e.Offset, e.Offset
	}
	if e.Generation > d.generation {
		d.fork = fork{}
		if e.Notice {
			d.fork = fork{d.generation, r.History.LastOffset}
		}
		d.generation, r.History.Epoch = e.Generation, d.log.epoch(e.Generation)
	}
	if e.Version.Number > 0 {
		r.version, d.versionIn = Version{e.Version.Number, strings.Clone(e.Version.Epoch)}, in.Seq
		d.version = r.version
	}
	return wake
}

// publicationOf returns the publication of an entry with its publisher. It shares no memory with the entry.
func publicationOf(e *record.Entry, info *ClientInfo) Publication {
	pub := Publication{
		Data: bytes.Clone(e.Data), Form: form(e.Form), Info: info, notice: e.Notice, change: e.Change,
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
	du := co.log
	if rooms == nil {
		du.loseAll(seq)
	}
	for _, name := range rooms {
		du.lose(seq, name)
	}
}

// Applied ends the requests of this node whose entries were in a record.
func (co committer) Applied(seq uint64) {
	du := co.log
	du.applied.Store(seq)
	if du.requests == nil {
		return
	}
	seen := du.seen
	du.seen = du.seen[:0]
	du.requests.Applied(seq, seen)
}

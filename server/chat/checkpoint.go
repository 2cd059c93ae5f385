package chat

import (
	"time"

	"github.com/throng-chat/throng/server/record"
)

// Repairs ends a replay. Rooms with lost entries get a new generation, so that no client recovers in them, and so do rooms that are not
// durable any more. Rooms without publications are released. What the replay found is kept until the last entry is replayed.
func (co committer) Repairs() (entries []record.Entry, needed bool) {
	h := co.hub
	du := co.log
	found := &du.replayed
	found.infos = nil
	du.forgetEnded()
	needed = found.lostAll || len(found.lost) > 0 || len(found.foreign) > 0 || found.forked
	raised := needed || du.positions.current() == 0
	if raised {
		du.positions.Raise()
	}
	b := checkpoint{generation: du.positions.current(), now: time.Now().UnixMilli()}
	for name, at := range found.foreign {
		b.add(record.Entry{Kind: record.Clear, Change: true, Room: name, Offset: at.offset})
	}
	isLost := func(room string) bool { return found.lostAll || found.lost[room] }
	h.eachOfLog(co.log, func(r *Room) {
		if r.talk != nil {
			r.talk.orphans = orphans{}
		}
		h.expireLocked(r)
		// Other nodes give the new generation to a room that they create, and the owner before may have given the first offset in the one before.
		begins := raised && r.History.LastOffset == 0 && r.Options().HistorySize > 0
		if lost := isLost(r.Name); lost || begins || found.forked && r.History.LastOffset > 0 {
			b.addRoom(r, r.firstKept()-1)
			b.last().Notice = !lost
		}
		h.releaseLocked(r)
	})
	for _, at := range du.positions.all(func(at *durablePosition) bool { return found.forked || isLost(at.name) }) {
		b.add(record.Entry{Kind: record.Clear, Notice: !isLost(at.name), Room: at.name, Offset: at.offset})
	}
	b.add(record.Entry{Kind: record.Generation, Change: found.alone, Offset: found.lostIn}) // the last one: it confirms the others
	return b.entries, needed
}

// Checkpoint returns the state of rooms that the log has in records up to seq only.
func (co committer) Checkpoint(seq uint64) []record.Entry {
	h := co.hub
	b := checkpoint{generation: co.log.positions.current(), now: time.Now().UnixMilli()}
	b.add(record.Entry{Kind: record.Generation})
	h.eachOfLog(co.log, func(r *Room) {
		d := r.durable
		switch {
		case r.History.LastOffset == 0:
			return
		case d.newest <= seq && !r.talk.isEmpty(): // Carry has proposed its messages, with the position
			return
		case d.newest <= seq:
			b.addRoom(r, r.History.LastOffset) // its publications are removed
		case r.version.Number > 0 && d.versionIn <= seq:
			b.addRoom(r, r.History.firstOffset()-1)
		default:
			return
		}
		b.last().Generation = d.generation
	})
	for _, at := range co.log.positions.all(func(at *durablePosition) bool { return at.newest <= seq }) {
		b.add(record.Entry{Kind: record.Clear, Room: at.name, Offset: at.offset})
		b.last().Generation = at.generation
	}
	return b.entries
}

// eachOfLog calls do with each room of a log in the room table, under its lock. do may release the room.
func (h *Hub) eachOfLog(log *Durable, do func(*Room)) {
	h.Rooms.each(func(in *Stripe) {
		for _, r := range in.rooms {
			if r.durable != nil && r.durable.log == log {
				do(r)
			}
		}
	})
}

// checkpoint collects entries that describe rooms.
type checkpoint struct {
	generation uint64
	now        int64
	entries    []record.Entry
}

// add adds an entry with the generation of the checkpoint.
func (cp *checkpoint) add(e record.Entry) {
	e.Generation, e.UnixMilli = cp.generation, cp.now
	cp.entries = append(cp.entries, e)
}

func (cp *checkpoint) last() *record.Entry { return &cp.entries[len(cp.entries)-1] }

// addRoom adds the version of a room, and an offset up to which the log has no publication of it. The room's lock is held.
func (cp *checkpoint) addRoom(r *Room, offset uint64) {
	cp.add(record.Entry{
		Kind: record.Clear, Room: r.Name, Offset: offset,
		Version: record.PublicationVersion{Number: r.version.Number, Epoch: r.version.Epoch},
	})
}

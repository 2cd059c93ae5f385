package chat

import (
	"fmt"

	"github.com/throng-chat/throng/server/record"
)

// Messages of durable chat rooms outlive the records that have them. Before the log loses its oldest records, the messages in these are proposed
// again as they stand (carry.go): a snapshot is an entry of kind Value whose key is "f/" and the offset of the message. The offset of the
// entry is the position of the room, and its time is that of the message.
//
// A change that is proposed and not committed when a snapshot is made comes before the snapshot in the log, and is not in it. So a replay keeps
// changes whose message it does not know, and folds them after the snapshot (talk_replay.go). And the message needs all records from then on,
// not only that of the snapshot.

// carryTalks proposes snapshots of messages of a stripe that are in records up to seq, until left bytes are used. The lock of in is held.
func (co committer) carryTalks(in *Stripe, seq uint64, left *int64) error {
	h := co.hub
	for _, r := range in.rooms {
		if r.talk == nil || r.durable == nil || r.durable.log != co.log {
			continue
		}
		for *left > 0 {
			p := &snapshotProposal{room: r, since: valueAt(co.log.applied.Load() + 1)}
			entries := h.snapshotsLocked(r, p, seq)
			if len(entries) == 0 {
				break
			}
			if err := h.addSnapshotsLocked(p, entries, left); err != nil {
				return err
			}
		}
		h.releaseLocked(r)
		if *left <= 0 {
			return nil
		}
	}
	return nil
}

// snapshotsLocked returns entries with snapshots of messages that are in records up to seq, and adds them to p. Messages beyond the budget are
// evicted, and the older ones of the room with them. A message that does not fit into a record is lost at the next restart. The room's lock is
// held.
func (h *Hub) snapshotsLocked(r *Room, p *snapshotProposal, seq uint64) (entries []record.Entry) {
	size := 0
	for i := 0; i < len(r.talk.times) && size < maxSnapshots; i++ {
		m := &r.talk.times[i]
		if m.carried || !m.since.upTo(seq) || m.offset <= r.durable.clearing {
			continue
		}
		data := r.talk.timeline.Snapshot(m.offset)
		n := len(data) + len(r.Name) + snapshotOverhead
		switch {
		case len(data) > maxSnapshot:
			h.Log.Warn("a message of a durable room is too large to keep over a restart", "room", r.Name, "offset", m.offset, "bytes", len(data))
			m.since = p.since
			continue
		case r.talk.disk.exceeds(r.talk, size+n):
			for upTo := m.offset; !r.talk.isEmpty() && r.talk.oldest().offset <= upTo; {
				h.HistoryBudget.evictOldest(r)
			}
			i = -1
			continue
		}
		v, _ := r.talk.timeline.At(m.offset, "")
		entries = append(entries, record.Entry{
			Kind: record.Value, Room: r.Name, Generation: r.durable.generation, Offset: r.durable.proposed, UnixMilli: v.UnixMilli,
			Key: fmt.Sprint(snapshotPrefix, m.offset), Data: data,
		})
		p.snapshots = append(p.snapshots, snapshot{m.offset, uint32(n)})
		size += n
	}
	return entries
}

// maxSnapshot is the limit of a snapshot in bytes: it must fit into a record.
const maxSnapshot = record.MaxRecord - 4<<10

// addSnapshotsLocked adds a proposal of snapshots to the open record. The room's lock is held.
func (h *Hub) addSnapshotsLocked(p *snapshotProposal, entries []record.Entry, left *int64) error {
	if err := p.room.durable.log.Add(p, entries); err != nil {
		return err
	}
	p.room.durable.log.snapshots.proposed.Store(true)
	for _, s := range p.snapshots {
		p.room.talk.disk.count(p.room.talk, int64(s.bytes))
		*left -= int64(s.bytes)
		if m := p.room.talk.find(s.offset); m != nil { // else it was evicted for a later one
			m.carried = true
		}
	}
	return nil
}

// commitSnapshotsLocked notes that snapshots are in the log. The room's lock is held.
func (h *Hub) commitSnapshotsLocked(p *snapshotProposal, seq uint64) {
	ta := p.room.talk
	p.room.durable.newest = seq
	for _, s := range p.snapshots {
		m := ta.find(s.offset)
		if m == nil { // it was evicted meanwhile
			ta.disk.count(ta, -int64(s.bytes))
			continue
		}
		ta.disk.count(ta, -int64(m.stored))
		m.since, m.stored, m.carried = p.since, s.bytes, false
	}
}

// discardSnapshotsLocked ends snapshots that are not committed, or whose outcome is unknown. The room's lock is held.
func (h *Hub) discardSnapshotsLocked(p *snapshotProposal) {
	for _, s := range p.snapshots {
		p.room.talk.disk.count(p.room.talk, -int64(s.bytes))
		if m := p.room.talk.find(s.offset); m != nil {
			m.carried = false
		}
	}
}

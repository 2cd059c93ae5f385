package chat

import (
	"maps"
	"strings"

	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/wheel"
)

// The state of a replay that does not belong to a room in the room table.

// maxInfos is the number of publishers that a replay shares between publications.
const maxInfos = 1 << 14

// infoOf returns the publisher of an entry. Publications of one client share it.
func (du *Durable) infoOf(b []byte) *ClientInfo {
	if len(b) == 0 {
		return nil
	}
	if i := du.replayed.infos[string(b)]; i != nil {
		return i
	}
	if du.replayed.infos == nil || len(du.replayed.infos) >= maxInfos {
		du.replayed.infos = map[string]*ClientInfo{}
	}
	i := decodeInfo(b)
	du.replayed.infos[string(b)] = i
	return i
}

// lose notes that entries of a room are lost, in the record number seq.
func (du *Durable) lose(seq uint64, room string) {
	du.replayed.lostIn = max(du.replayed.lostIn, seq)
	if du.replayed.lost == nil {
		du.replayed.lost = map[string]bool{}
	}
	du.replayed.lost[strings.Clone(room)] = true
}

// loseAll notes that entries of unknown rooms are lost, in the record number seq.
func (du *Durable) loseAll(seq uint64) {
	du.replayed.lostAll, du.replayed.lostIn = true, max(du.replayed.lostIn, seq)
}

// repaired ends the loss of entries in records up to the number seq: an earlier replay gave their rooms a new generation.
func (du *Durable) repaired(seq uint64) {
	if seq >= du.replayed.lostIn {
		du.replayed.lostAll, du.replayed.lost, du.replayed.lostIn = false, nil, 0
		du.replayed.forked, du.replayed.alone = false, false
		du.forgetEnded()
	}
}

// forgetEnded forgets the rooms that are not durable, and whose generation has ended in the log.
func (du *Durable) forgetEnded() {
	maps.DeleteFunc(du.replayed.foreign, func(_ string, at foreignAt) bool { return at.ended })
}

// foreignEntry notes an entry of a room that is not durable.
func (du *Durable) foreignEntry(e *record.Entry) {
	if du.replayed.foreign == nil {
		du.replayed.foreign = map[string]foreignAt{}
	}
	at := du.replayed.foreign[e.Room]
	du.replayed.foreign[strings.Clone(e.Room)] = foreignAt{max(at.offset, e.Offset), e.Kind == record.Clear && e.Change}
}

// replayReleased applies an entry of a room that is not in the room table: it changes the position only. As in a room that has publications
// (replayClearLocked), a Clear with a newer generation keeps the offset; a publication with one begins a new life of the room.
func (du *Durable) replayReleased(in *home.Record, e *record.Entry, now wheel.Tick) {
	at, ok := du.positions.get(e.Room)
	newer := ok && e.Generation > at.generation
	switch {
	case e.Kind == record.Redact:
		return
	case e.Offset == 0 && (e.Kind != record.Clear || !newer):
		return
	case e.Kind == record.Publish && ok && (e.Generation < at.generation || e.Generation == at.generation && e.Offset != at.offset+1):
		du.lose(in.Seq, e.Room)
	case ok && e.Generation < at.generation:
		return // a checkpoint that was overtaken by a new generation
	}
	switch {
	case !ok || newer && e.Kind == record.Publish:
		at = durablePosition{name: strings.Clone(e.Room), generation: e.Generation}
	case newer:
		at.fork = fork{}
		if e.Notice {
			at.fork = fork{at.generation, at.offset}
		}
		at.generation = e.Generation
	}
	at.offset, at.newest = max(at.offset, e.Offset), in.Seq
	du.positions.store(at, now)
}

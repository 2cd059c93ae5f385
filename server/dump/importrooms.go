package dump

import (
	"fmt"
	"strconv"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/record"
)

// MaxOffset is the largest offset of a line. Clients in JavaScript count up to it, and the room continues behind it.
const MaxOffset = 1 << 53

// importedRooms gives the rooms of an import their generations. A server never had these generations, so no client recovers with a position
// of another log.
type importedRooms struct {
	*positions // the generation is that of the log
	lines      map[uint64]lineEpoch
	first      uint64 // generation of the log that rooms begin with
	gaps       int
}

// lineEpoch is the generation of the last line of a room, and its epoch; 0 for none.
type lineEpoch struct{ generation, epoch uint64 }

func newImportedRooms(first uint64) *importedRooms {
	return &importedRooms{positions: newPositions(), lines: map[uint64]lineEpoch{}, first: first}
}

// place sets the generation of an entry of a line, and returns it, after another entry if the line does not follow the one before of its
// room. epoch is that of the line.
func (ir *importedRooms) place(e *record.Entry, epoch string) ([]record.Entry, error) {
	key := ir.key(e.Room)
	at, known := ir.of[key]
	line := ir.lines[key]
	_, message := chat.SnapshotOf(e)
	positioned := e.Kind == record.Clear || message // it has the position of the room, and is none of its publications
	switch {
	case e.Offset == 0 || e.Offset > MaxOffset:
		return nil, fmt.Errorf("offset %d: must be 1 to %d", e.Offset, uint64(MaxOffset))
	case !known && len(ir.of) >= MaxRooms:
		return nil, fmt.Errorf("the lines have more than %d rooms: import them in parts, into several directories", MaxRooms)
	case !known:
		at = position{generation: ir.first}
	case e.Generation < line.generation:
		return nil, fmt.Errorf("generation %d after %d: lines of a room must be in their order", e.Generation, line.generation)
	case positioned:
	case e.Generation == line.generation && e.Offset <= at.offset:
		return nil, fmt.Errorf("offset %d after %d: lines of a room must be in their order", e.Offset, at.offset)
	}
	var before []record.Entry
	follows := !known || positioned || e.Offset == at.offset+1
	if known && (e.Generation > line.generation || !follows) {
		at.generation++
	}
	if !follows && e.Generation == line.generation {
		ir.gaps++
		before = []record.Entry{{Kind: record.Clear, Room: e.Room, Generation: at.generation, Offset: e.Offset - 1, UnixMilli: e.UnixMilli}}
	}
	offset := e.Offset
	if positioned {
		offset = max(offset, at.offset)
	}
	number, err := strconv.ParseUint(epoch, record.EpochBase, 64)
	if err != nil {
		number = 0 // lines of another program have none
	}
	ir.lines[key] = lineEpoch{e.Generation, number}
	e.Generation = at.generation
	ir.set(key, position{generation: at.generation, offset: offset})
	return append(before, *e), nil
}

// epochs returns the epoch that the last line of a room has, and the one that the room gets in the log with an ID; 0 for a room without lines.
func (ir *importedRooms) epochs(room, logID string) (from, to uint64) {
	key := ir.key(room)
	return ir.lines[key].epoch, record.Epoch(logID, ir.of[key].generation)
}

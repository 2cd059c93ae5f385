package dump

import (
	"fmt"

	"github.com/throng-chat/throng/server/record"
)

// importedRooms gives the rooms of an import their generations. A server never had these generations, so no client recovers with a position
// of another log.
type importedRooms struct {
	*positions // the generation is that of the log
	lines      map[uint64]uint64
	first      uint64 // generation of the log that rooms begin with
	gaps       int
}

func newImportedRooms(first uint64) *importedRooms {
	return &importedRooms{positions: newPositions(), lines: map[uint64]uint64{}, first: first}
}

// place sets the generation of an entry of a line, and returns it, after another entry if the line does not follow the one before of its
// room.
func (ir *importedRooms) place(e *record.Entry) ([]record.Entry, error) {
	key := ir.key(e.Room)
	at, known := ir.of[key]
	switch {
	case e.Offset == 0:
		return nil, fmt.Errorf("offset: must be 1 or more")
	case !known && len(ir.of) >= MaxRooms:
		return nil, fmt.Errorf("the lines have more than %d rooms: import them in parts, into several directories", MaxRooms)
	case !known:
		at = position{generation: ir.first}
	case e.Generation < ir.lines[key]:
		return nil, fmt.Errorf("generation %d after %d: lines of a room must be in their order", e.Generation, ir.lines[key])
	case e.Kind == record.Clear:
	case e.Generation == ir.lines[key] && e.Offset <= at.offset:
		return nil, fmt.Errorf("offset %d after %d: lines of a room must be in their order", e.Offset, at.offset)
	}
	var before []record.Entry
	follows := !known || e.Kind == record.Clear || e.Offset == at.offset+1
	if known && (e.Generation > ir.lines[key] || !follows) {
		at.generation++
	}
	if !follows && e.Generation == ir.lines[key] {
		ir.gaps++
		before = []record.Entry{{Kind: record.Clear, Room: e.Room, Generation: at.generation, Offset: e.Offset - 1, UnixMilli: e.UnixMilli}}
	}
	offset := e.Offset
	if e.Kind == record.Clear {
		offset = max(offset, at.offset)
	}
	ir.lines[key] = e.Generation
	e.Generation = at.generation
	ir.set(key, position{generation: at.generation, offset: offset})
	return append(before, *e), nil
}

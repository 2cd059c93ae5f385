package chat

import (
	"slices"

	"github.com/throng-chat/throng/server/home"
)

// durableRoom is what a durable room has beyond a room in memory. The history and the position of the room are committed; the state of what
// is proposed and not committed is here. Guarded by Stripe.Mu.
type durableRoom struct {
	log        *Durable // constant
	generation uint64   // of the offsets; the epoch is a function of it
	fork       fork     // from the generation before

	// Of proposals that are neither committed nor discarded.
	pending   int
	proposed  uint64   // offset of the last one; without one, of the last publication
	version   Version  // of the last one with a version; without one, that of the room
	redacting []uint64 // offsets of publications whose redaction is proposed
	clearing  uint64   // offset up to which a clearing is proposed; 0 for none

	newest    uint64      // number of the newest record with an entry of the room
	versionIn uint64      // number of the record with the version of the room; 0 for none
	runs      []recordRun // the records of the publications in the history, the oldest first
}

// recordRun is the publications of one room in one record: those from first to the next run.
type recordRun struct {
	first uint64
	in    *home.Record
}

// retain refers to the record of a publication that was appended to the history.
func (d *durableRoom) retain(offset uint64, in *home.Record) {
	if n := len(d.runs); n > 0 && d.runs[n-1].in == in {
		return
	}
	in.Retain()
	d.runs = append(d.runs, recordRun{offset, in})
}

// release ends the references to records without publications from first to last, which the history has.
func (d *durableRoom) release(first, last uint64) {
	for len(d.runs) > 0 {
		end := last
		if len(d.runs) > 1 {
			end = d.runs[1].first - 1
		}
		if end >= first {
			return
		}
		d.runs[0].in.Release()
		d.runs[0] = recordRun{}
		d.runs = d.runs[1:]
	}
	d.runs = nil
}

// isRedacting reports whether the redaction of a publication is proposed.
func (d *durableRoom) isRedacting(offset uint64) bool { return slices.Contains(d.redacting, offset) }

// redacted ends a proposed redaction.
func (d *durableRoom) redacted(offset uint64) {
	if i := slices.Index(d.redacting, offset); i >= 0 {
		d.redacting = slices.Delete(d.redacting, i, i+1)
	}
}

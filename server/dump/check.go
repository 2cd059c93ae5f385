package dump

import (
	"context"
	"fmt"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// Report is the result of Check.
type Report struct {
	Totals
	Publications int
	Values       int // changes of values
	Rooms        int
	Gaps         int // publications that do not follow the position of their room
	NotChecked   int // publications of rooms beyond MaxRooms
}

// OK reports whether the log is whole.
func (rep *Report) OK() bool { return rep.Damaged == 0 && rep.Gaps == 0 }

// Check reads a log and calls problem for each damaged record and each gap in the offsets of a room. The error is that of reading the log.
func Check(ctx context.Context, log broker.Log, problem func(Problem)) (Report, error) {
	var rep Report
	rooms := newPositions()
	s := scan{begin: rooms.begin, problem: problem, entry: func(at place, e *record.Entry) error {
		switch {
		case e.Kind == record.Publish && e.Offset > 0:
			rep.Publications++
		case e.Kind == record.Value:
			rep.Values++
		}
		if before, ok, _ := rooms.apply(e); !ok {
			rep.Gaps++
			problem(Problem{at.seq, gapError(e, before)})
		}
		return nil
	}}
	err := s.run(ctx, log)
	rep.Totals, rep.Rooms, rep.NotChecked = s.Totals, len(rooms.of), rooms.over
	return rep, err
}

func gapError(e *record.Entry, before position) error {
	return fmt.Errorf("room %q: offset %d of generation %d follows offset %d of generation %d", e.Room, e.Offset, e.Generation, before.offset, before.generation)
}

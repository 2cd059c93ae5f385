package dump

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/record"
)

// Exported is the result of Export.
type Exported struct {
	Totals
	Publications int // lines of publications
	Redacted     int // of these: without their data
	Values       int // lines of values
	Cleared      int // publications without a line, because their history was dropped
	Skipped      int // publications without a line, because of their problem
}

// add adds the result of another log. First and Last, the numbers of its records, mean nothing for several logs.
func (total *Exported) add(other *Exported) {
	total.Records += other.Records
	total.Entries += other.Entries
	total.Bytes += other.Bytes
	total.Damaged += other.Damaged
	total.Publications += other.Publications
	total.Redacted += other.Redacted
	total.Values += other.Values
	total.Cleared += other.Cleared
	total.Skipped += other.Skipped
}

// exporter writes the lines of a log.
type exporter struct {
	Exported
	logID   string
	removed *removals
	rooms   *positions
	problem func(Problem)
	out     *json.Encoder
}

// Export writes the publications and the values of a log as JSON lines, in the order of the log. Redacted and cleared content, and values that
// were replaced, are left out. It calls problem
// for each damaged record, and leaves it out. The error is that of reading the log or of writing.
func Export(ctx context.Context, log broker.Log, out io.Writer, problem func(Problem)) (Exported, error) {
	first := scan{problem: func(Problem) {}}
	ex := exporter{logID: log.ID(), removed: newRemovals(), rooms: newPositions(), problem: problem}
	first.entry = ex.removed.add
	if err := first.run(ctx, log); err != nil {
		return ex.Exported, err
	}
	lines := bufio.NewWriterSize(out, 1<<16)
	ex.out = json.NewEncoder(lines)
	ex.out.SetEscapeHTML(false)
	second := scan{begin: ex.rooms.begin, problem: problem, entry: ex.entry}
	err := second.run(ctx, log)
	ex.Totals = second.Totals
	if err != nil {
		return ex.Exported, err
	}
	if err := lines.Flush(); err != nil {
		return ex.Exported, fmt.Errorf("write the lines: %w", err)
	}
	return ex.Exported, nil
}

// entry writes the line of an entry, if it has one.
func (ex *exporter) entry(at place, e *record.Entry) error {
	if e.Kind == record.Value {
		return ex.value(at, e)
	}
	l := Line{
		Room: e.Room, Offset: e.Offset, Epoch: ex.epoch(e),
		Generation: e.Generation, Time: Time(e.UnixMilli), Version: e.Version.Number, VersionEpoch: e.Version.Epoch,
	}
	before, ok, stale := ex.rooms.apply(e)
	switch {
	case e.Kind != record.Publish && e.Kind != record.Clear || e.Offset == 0:
		return nil // not in a history
	case stale && !ok:
		ex.skip(at, gapError(e, before))
		return nil
	case stale:
		return nil
	case e.Kind == record.Clear:
		l.Kind = kindClear
	case ex.removed.isCleared(at, e):
		ex.Cleared++
		return nil
	default:
		l.Key, l.Tags, l.Change, l.Notice = e.Key, e.Tags, e.Change, e.Notice
		if err := ex.content(at, e, &l); err != nil {
			ex.skip(at, fmt.Errorf("room %q, offset %d: %w", e.Room, e.Offset, err))
			return nil
		}
		ex.Publications++
	}
	return ex.write(&l)
}

// epoch returns the epoch of an entry as clients receive it.
func (ex *exporter) epoch(e *record.Entry) string {
	return strconv.FormatUint(record.Epoch(ex.logID, e.Generation), record.EpochBase)
}

// value writes the line of a value, unless it was replaced or removed later.
func (ex *exporter) value(at place, e *record.Entry) error {
	_, _, stale := ex.rooms.apply(e)
	if stale || !ex.removed.isCurrent(at, e) {
		return nil
	}
	l := lineOfValue(e)
	if offset, is := chat.SnapshotOf(e); is {
		message := *e
		if message.Offset = offset; ex.removed.isCleared(at, &message) {
			return nil
		}
		l.Offset, l.Epoch, l.Generation = e.Offset, ex.epoch(e), e.Generation
	}
	ex.Values++
	return ex.write(l)
}

func (ex *exporter) write(line any) error {
	if err := ex.out.Encode(line); err != nil {
		return fmt.Errorf("write the lines: %w", err)
	}
	return nil
}

// skip counts and names a publication without a line.
func (ex *exporter) skip(at place, err error) {
	ex.Skipped++
	ex.problem(Problem{at.seq, err})
}

// content sets publisher and data.
func (ex *exporter) content(at place, e *record.Entry, l *Line) error {
	if err := l.setPublisher(e.Info); err != nil {
		return err
	}
	if ex.removed.isRedacted(at, e) {
		ex.Redacted++
		l.Form, l.Data, l.Tags = forms[chat.FormJSON], chat.Redacted, nil
		return nil
	}
	return l.setData(e.Form, e.Data)
}

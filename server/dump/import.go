package dump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/record"
)

// Imported is the result of Import.
type Imported struct {
	Lines        int // that are stored
	Publications int // of these
	Untimed      int // publications without a time: they count as of 1970
	Values       int // of these
	Sanctions    int // of these
	Keys         int // of these
	Ended        int // lines of sanctions that have ended
	Rooms        int // with publications
	Gaps         int // places where the offsets of a room have a gap: its history begins after the last one
}

// Import stores lines of an export in the logs of a server: each room in its log (record.LogOf). Offsets, times, publishers and keys stay; the epochs are new ones, also those of read markers. A room that the log knows, or a
// line that is not valid, makes it store nothing: all lines are read once before. After an error of the log, the lines of the result are
// stored; the error names the last of them. checkKey returns why a server could not use the value of a key; nil for no check.
func Import(ctx context.Context, logs []broker.Log, tables Tables, checkKey func(key string, value []byte) error, in io.ReadSeeker) (Imported, error) {
	im := importer{existing: newPositions(), values: newRemovals(), tables: importedTables{to: tables, checkKey: checkKey}}
	for _, log := range logs {
		to := &importLog{log: log}
		im.logs = append(im.logs, to)
		if err := im.readLog(ctx, to); err != nil {
			return im.Imported, err
		}
	}
	now := uint64(time.Now().UnixMilli())
	for _, store := range []bool{false, true} {
		im.checked = im.rooms
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return im.Imported, fmt.Errorf("read the lines again: %w", err)
		}
		im.rooms, im.Imported = newImportedRooms(max(im.generation+1, now)), Imported{}
		im.store = store
		if err := im.run(ctx, in); err != nil {
			return im.Imported, err
		}
	}
	im.Rooms, im.Gaps = len(im.rooms.of), im.rooms.gaps
	return im.Imported, nil
}

// importer stores lines.
type importer struct {
	Imported
	logs       []*importLog
	existing   *positions // rooms of the logs
	values     *removals  // values of the logs
	generation uint64     // the largest of the logs
	store      bool       // otherwise the lines are checked only
	rooms      *importedRooms
	tables     importedTables
	checked    *importedRooms // all rooms of the lines, after they are checked; nil before
	writing    Imported       // with the lines in the writers
	line       int            // number of the line that is read
}

// importLog is one of the logs.
type importLog struct {
	log    broker.Log
	term   uint64
	last   uint64 // number of the newest record
	writer record.Writer
}

// logOf returns the log of a room.
func (im *importer) logOf(room string) *importLog { return im.logs[record.LogOf(room, len(im.logs))] }

// readLog reads which rooms a log has.
func (im *importer) readLog(ctx context.Context, from *importLog) error {
	s := scan{problem: func(Problem) {}, entry: func(at place, e *record.Entry) error {
		im.generation = max(im.generation, e.Generation)
		im.existing.apply(e)
		if e.Kind == record.Value {
			return im.values.add(at, e)
		}
		return nil
	}}
	if err := s.run(ctx, from.log); err != nil {
		return err
	}
	switch {
	case s.Damaged > 0:
		return fmt.Errorf("the log has %d damaged records, so not all of its rooms are known: import into an empty directory", s.Damaged)
	case im.existing.over > 0:
		return fmt.Errorf("the log has more than %d rooms: import into an empty directory", MaxRooms)
	}
	from.term, from.last = s.term, s.Last
	return nil
}

// run checks or stores all lines.
func (im *importer) run(ctx context.Context, in io.Reader) error {
	im.line, im.writing = 0, Imported{}
	lines := newLineReader(in)
	for {
		line, err := lines.next()
		im.line = lines.number
		switch {
		case errors.Is(err, io.EOF):
			return im.flush(ctx)
		case err != nil:
			return fmt.Errorf("line %d: %w", im.line, err)
		case len(line) == 0:
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := im.one(ctx, line); err != nil {
			return err
		}
	}
}

// one adds a line to the record.
func (im *importer) one(ctx context.Context, line []byte) error {
	l, err := parseLine(line)
	if err != nil {
		return fmt.Errorf("line %d: %w", im.line, err)
	}
	if l.isTableLine() {
		return im.tableLine(ctx, l)
	}
	e, err := l.entry()
	if err != nil {
		return fmt.Errorf("line %d: room %q: %w", im.line, l.Room, err)
	}
	if _, message := chat.SnapshotOf(&e); e.Kind == record.Value && !message {
		return im.value(ctx, &e)
	}
	if _, ok := im.existing.of[im.existing.key(e.Room)]; ok {
		return fmt.Errorf("line %d: room %q has publications in the data directory: import into an empty directory, or remove the lines of this room", im.line, e.Room)
	}
	entries, err := im.rooms.place(&e, l.Epoch)
	if err != nil {
		return fmt.Errorf("line %d: room %q: %w", im.line, e.Room, err)
	}
	for i := range entries {
		if err := im.add(ctx, &entries[i]); err != nil {
			return err
		}
	}
	im.writing.Lines++
	switch e.Kind {
	case record.Publish:
		im.writing.Publications++
		if e.UnixMilli == 0 {
			im.writing.Untimed++
		}
	case record.Value:
		im.writing.Values++
	}
	return nil
}

// value adds the line of a value.
func (im *importer) value(ctx context.Context, e *record.Entry) error {
	if _, ok := im.values.values[im.values.nameOf(e)]; ok {
		return fmt.Errorf("line %d: room %q: key %q has a value in the data directory: import into an empty directory, or remove the line", im.line, e.Room, e.Key)
	}
	if im.checked != nil {
		from, to := im.checked.epochs(e.Room, im.logOf(e.Room).log.ID())
		e.Data = chat.MoveMarker(e.Room, e.Key, e.Data, from, to)
	}
	if err := im.add(ctx, e); err != nil {
		return err
	}
	im.writing.Lines++
	im.writing.Values++
	return nil
}

// add adds an entry to the record of its log, and stores the records first if that one is full.
func (im *importer) add(ctx context.Context, e *record.Entry) error {
	w := &im.logOf(e.Room).writer
	if w.Len() == 0 {
		if err := w.Add(&record.Entry{Kind: record.Fence, UnixMilli: time.Now().UnixMilli()}); err != nil {
			return err
		}
	}
	err := w.Add(e)
	if errors.Is(err, record.ErrFull) {
		if err := im.flush(ctx); err != nil {
			return err
		}
		return im.add(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("line %d: room %q: %w", im.line, e.Room, err)
	}
	return nil
}

// flush stores the records of all logs.
func (im *importer) flush(ctx context.Context) error {
	for _, to := range im.logs {
		if im.store && to.writer.Len() > 0 {
			if err := to.flush(ctx); err != nil {
				return fmt.Errorf("store the lines after the first %d: %w", im.Lines, err)
			}
		}
		to.writer.Reset()
	}
	if im.store {
		im.Imported = im.writing
	}
	return nil
}

// flush stores the record.
func (to *importLog) flush(ctx context.Context) error {
	to.term++
	result := make(chan error, 1)
	to.log.Append(to.last, bytes.Clone(to.writer.Seal(record.Header{Term: to.term, Expected: to.last})), func(err error) { result <- err })
	select {
	case err := <-result:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	to.last++
	return nil
}

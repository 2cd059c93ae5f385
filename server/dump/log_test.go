package dump

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// testLog is a log in memory, whose records a test may damage. A nil record is missing. Of an empty one, the engine reports that it is lost.
type testLog struct {
	broker.Log // the methods that nobody calls
	id         string
	records    [][]byte
	trimmed    int
	failFrom   int // appends fail from this record number on; 0: never
}

func (tl *testLog) ID() string { return tl.id }

func (tl *testLog) Extent(context.Context) (first, last uint64, err error) {
	return uint64(tl.trimmed) + 1, uint64(len(tl.records)), nil
}

func (tl *testLog) Replay(_ context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error) {
	for i := max(int(after), tl.trimmed); i < len(tl.records); i++ {
		if tl.records[i] == nil {
			continue
		}
		lent := slices.Clone(tl.records[i])
		if len(lent) == 0 {
			lent = nil
		}
		if err := f(uint64(i)+1, lent); err != nil {
			return 0, err
		}
		for j := range lent {
			lent[j] = '?' // it was lent for the call
		}
	}
	return uint64(len(tl.records)), nil
}

func (tl *testLog) Append(expected uint64, record []byte, done func(error)) {
	switch {
	case expected != uint64(len(tl.records)):
		done(broker.ErrFenced)
	case tl.failFrom > 0 && len(tl.records)+1 >= tl.failFrom:
		done(broker.ErrFull)
	default:
		tl.records = append(tl.records, record)
		done(nil)
	}
}

// append appends a record of entries, with term 1.
func (tl *testLog) append(t *testing.T, entries ...record.Entry) {
	t.Helper()
	var w record.Writer
	for i := range entries {
		if err := w.Add(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	tl.records = append(tl.records, w.Seal(record.Header{Term: 1, Expected: uint64(len(tl.records))}))
}

// publish returns an entry of a publication.
func publish(room string, generation, offset uint64) record.Entry {
	return record.Entry{
		Kind: record.Publish, Room: room, Generation: generation, Offset: offset, UnixMilli: 1_790_000_000_000 + int64(offset),
		Form: 2, Data: []byte(`{"n":1}`),
	}
}

func clearTo(room string, generation, offset uint64) record.Entry {
	return record.Entry{Kind: record.Clear, Room: room, Generation: generation, Offset: offset, UnixMilli: 1_790_000_000_000}
}

// export returns the lines of an export, and the problems.
func export(t *testing.T, log broker.Log) (lines string, problems []string, ex Exported) {
	t.Helper()
	var out strings.Builder
	ex, err := Export(t.Context(), log, &out, func(p Problem) { problems = append(problems, p.String()) })
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), problems, ex
}

func check(t *testing.T, log broker.Log) (problems []string, rep Report) {
	t.Helper()
	rep, err := Check(t.Context(), log, func(p Problem) { problems = append(problems, p.String()) })
	if err != nil {
		t.Fatal(err)
	}
	return problems, rep
}

var errTest = errors.New("test")

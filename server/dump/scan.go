package dump

import (
	"context"
	"errors"
	"fmt"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// A Problem is a record, or a part of it, that does not count.
type Problem struct {
	Seq uint64 // number of the record
	Err error
}

func (p Problem) String() string { return fmt.Sprintf("record %d: %v", p.Seq, p.Err) }

// Errors of problems, beside those of package record.
var (
	errMissing = errors.New("missing or not readable")
	errStale   = errors.New("out of its order")
)

// scan reads a log once. entry is called for each entry that counts, and refers to memory that is lent for the call.
type scan struct {
	begin   func(first uint64) // optional; called with the number of the oldest record
	problem func(Problem)
	entry   func(at place, e *record.Entry) error

	Totals
	term   uint64 // of the last record that counts
	fenced bool   // the last fence is that of a node of a cluster
}

// Totals are what a log has.
type Totals struct {
	First, Last uint64 // numbers of the oldest and the newest record; First is greater if there is none
	Records     int
	Entries     int
	Bytes       int64
	Damaged     int // records with a problem, and missing ones
}

// place orders the entries of a log: the number of the record, then the entry in it.
type place struct {
	seq   uint64
	entry int
}

func (pl place) before(other place) bool {
	return pl.seq < other.seq || pl.seq == other.seq && pl.entry < other.entry
}

// run reads all records. The error is that of the log or of entry; a damaged record is not an error.
func (s *scan) run(ctx context.Context, log broker.Log) error {
	first, last, err := log.Extent(ctx)
	if err != nil {
		return fmt.Errorf("read the extent of the log: %w", err)
	}
	s.First, s.Last = first, last
	if s.begin != nil {
		s.begin(first)
	}
	next := first
	last, err = log.Replay(ctx, 0, func(seq uint64, b []byte) error {
		if seq > next {
			s.missing(next, seq-1)
		}
		next = seq + 1
		if b == nil { // the engine has lost it
			s.missing(seq, seq)
			return nil
		}
		return s.record(seq, b)
	})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if last >= next {
		s.missing(next, last)
	}
	s.Last = max(s.Last, last)
	return nil
}

func (s *scan) missing(from, to uint64) {
	s.Damaged += int(to - from + 1)
	err := errMissing
	if to > from {
		err = fmt.Errorf("%w, as all up to record %d", errMissing, to)
	}
	s.problem(Problem{from, err})
}

func (s *scan) record(seq uint64, b []byte) error {
	s.Records++
	s.Bytes += int64(len(b))
	h, entries, err := record.Open(b)
	if err == nil && s.fenced && h.Term < s.term && h.Expected == seq-1 {
		return nil // of an owner before the fence, whose record before this one was refused: nobody has an acknowledgement
	}
	if err == nil && (h.Term < s.term || h.Expected != seq-1) {
		err = fmt.Errorf("%w: term %d after %d, written to follow record %d: the server does not apply it", errStale, h.Term, s.term, h.Expected)
	}
	if err != nil {
		s.damaged(seq, err)
		return nil
	}
	s.term = h.Term
	var e record.Entry
	for {
		ok, err := entries.Next(&e)
		if err != nil {
			s.damaged(seq, err)
		}
		if !ok {
			return nil
		}
		s.Entries++
		if e.Kind == record.Fence {
			s.fenced = len(e.Data) > 0
		}
		if err := s.entry(place{seq, entries.Entries()}, &e); err != nil {
			return err
		}
	}
}

func (s *scan) damaged(seq uint64, err error) {
	s.Damaged++
	s.problem(Problem{seq, err})
}

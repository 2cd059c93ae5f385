//go:build linux

package crashtest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Result counts what several rounds found.
type Result struct {
	Rounds       int
	Records      int // acknowledged
	Publications int // in the acknowledged records
	Lost         int // acknowledged records that the next start did not find, or not as they were
	Wrong        int // stored records that are damaged, or stored twice
}

func (r Result) String() string {
	return fmt.Sprintf("%d rounds, %d records with %d publications acknowledged: %d records lost, %d wrong", r.Rounds, r.Records, r.Publications, r.Lost, r.Wrong)
}

// Err is an error if something was lost or wrong, or if nothing was tested.
func (r Result) Err() error {
	if r.Lost > 0 || r.Wrong > 0 || r.Publications == 0 {
		return errors.New(r.String())
	}
	return nil
}

// ledger is what the children have reported.
type ledger struct {
	result  Result
	sums    map[uint64]uint32 // acknowledged records that no trim removed
	trimmed uint64
}

func newLedger() *ledger { return &ledger{sums: map[uint64]uint32{}} }

// read takes the events of a child until its end. reached is called with the number of acknowledged records of this child.
func (l *ledger) read(events io.Reader, reached func(int)) error {
	in := bufio.NewReaderSize(events, 1<<16)
	for n := 0; ; {
		var e event
		err := binary.Read(in, binary.BigEndian, &e)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e.Kind {
		case acknowledgedEvent:
			n++
			l.result.Records++
			l.result.Publications += int(e.Count)
			l.sums[e.Seq] = e.Sum
			reached(n)
		case trimEvent:
			l.trimmed = max(l.trimmed, e.Seq)
		default:
			return fmt.Errorf("event of kind %q: something else writes to the output of the child", e.Kind)
		}
	}
}

// check opens the data after a crash and compares them with what was acknowledged.
func (l *ledger) check(dir string) (err error) {
	l.result.Rounds++
	e, err := openEngine(dir, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(context.Background())) }()
	log, err := e.Open(context.Background(), 0)
	if err != nil {
		return err
	}
	stored, ids := map[uint64]uint32{}, map[uint64]bool{}
	last, err := log.Replay(context.Background(), 0, func(seq uint64, record []byte) error {
		if len(record) < recordHead || sumOf(record) != binary.BigEndian.Uint32(record) {
			l.result.Wrong++
			return nil
		}
		if id := binary.BigEndian.Uint64(record[4:]); ids[id] {
			l.result.Wrong++
		} else {
			ids[id] = true
		}
		stored[seq] = binary.BigEndian.Uint32(record)
		return nil
	})
	if err != nil {
		return err
	}
	l.compare(stored, last)
	return nil
}

func (l *ledger) compare(stored map[uint64]uint32, last uint64) {
	for seq, sum := range l.sums {
		if seq <= l.trimmed {
			delete(l.sums, seq)
		} else if got, ok := stored[seq]; !ok || got != sum {
			l.result.Lost++
			delete(l.sums, seq) // count it once
		}
	}
	if last < l.trimmed { // numbers would be used again
		l.result.Lost++
	}
}

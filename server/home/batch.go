package home

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/wheel"
)

// batch is one record with its proposals, before it is committed.
type batch struct {
	writer    record.Writer
	proposals []Proposal
	after     []Proposal // of Barrier; guarded by Home.mu
	until     time.Time  // of the record
	seq       uint64     // of the record, after it is appended
	bytes     int64      // of the record, after it is appended
	since     wheel.Tick // the first tick behind the append; 0: none. Guarded by Home.mu
	committed bool       // and being applied; guarded by Home.mu

	own    []record.Entry // of a batch of the home itself
	renews bool           // own is a fence of the same owner
	term   uint64         // of that fence
	result chan error     // of a batch of the home itself; has a place for the result
}

// maxSpare is the number of batches that are kept for reuse.
const maxSpare = 4

// seal makes the record. The result is a copy, because it belongs to the log.
func (b *batch) seal(h record.Header) []byte { return bytes.Clone(b.writer.Seal(h)) }

// fill adds as many entries as fit, and returns their number.
func (b *batch) fill(entries []record.Entry) (n int, err error) {
	for n < len(entries) {
		switch err := b.writer.Add(&entries[n]); {
		case errors.Is(err, record.ErrFull):
			return n, nil
		case err != nil:
			return n, fmt.Errorf("add to the record: %w", err)
		}
		n++
	}
	return n, nil
}

// recycle empties a batch for reuse.
func (b *batch) recycle() {
	b.writer.Reset()
	clear(b.proposals)
	*b = batch{writer: b.writer, proposals: b.proposals[:0]}
}

// entryOverhead is an upper bound of the bytes of an entry beyond those of its texts: kind, shape and fields, eight numbers, and the
// lengths of six texts.
const entryOverhead = 3 + 8*10 + 6*5

// sizeOf returns an upper bound of the bytes of entries in a record.
func sizeOf(entries []record.Entry) (size int) {
	for i := range entries {
		e := &entries[i]
		size += entryOverhead + len(e.Room) + len(e.Key) + len(e.Version.Epoch) + len(e.Info) + len(e.Data)
		for name, value := range e.Tags {
			size += len(name) + len(value) + 2*5
		}
	}
	return size
}

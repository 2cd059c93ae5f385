package memlog

import (
	"slices"

	"github.com/throng-chat/throng/server/record"
)

// ring is one copy of the log. It has no lock.
type ring struct {
	first   uint64 // number of the first record, or of the next one without records
	records [][]byte
	bytes   int64
	terms   []span // of the records and of the one before them, ascending
}

// span is the records of one term, up to those of the next one.
type span struct{ term, from uint64 }

func newRing(first uint64) ring { return ring{first: first} }

func (ri *ring) last() uint64 { return ri.first + uint64(len(ri.records)) - 1 }

// term returns the term of the last record; 0 for none.
func (ri *ring) term() uint64 { return ri.termAt(ri.last()) }

// termAt returns the term of a record, or of the one before the first; 0 if it is not known.
func (ri *ring) termAt(seq uint64) (term uint64) {
	for _, s := range ri.terms {
		if s.from > seq {
			break
		}
		term = s.term
	}
	return term
}

// add adds the next record. It keeps b.
func (ri *ring) add(term uint64, b []byte) {
	ri.records = append(ri.records, b)
	ri.bytes += int64(len(b))
	if n := len(ri.terms); n == 0 || ri.terms[n-1].term != term {
		ri.terms = append(ri.terms, span{term, ri.last()})
	}
}

// isNewer reports whether this copy has records of a later term than another one, or more records of the same term.
func (ri *ring) isNewer(than *ring) bool {
	return ri.term() > than.term() || ri.term() == than.term() && ri.last() > than.last()
}

// get returns a record that the ring has.
func (ri *ring) get(seq uint64) []byte { return ri.records[seq-ri.first] }

// continues reports whether a copy whose last record has a number and a term can go on with the records of this one. An empty copy can.
func (ri *ring) continues(after, term uint64) bool {
	return after == 0 || after+1 >= ri.first && after <= ri.last() && ri.termAt(after) == term
}

// trim removes the records up to a number.
func (ri *ring) trim(upTo uint64) {
	upTo = min(upTo, ri.last())
	if upTo < ri.first {
		return
	}
	n := int(upTo - ri.first + 1)
	for _, b := range ri.records[:n] {
		ri.bytes -= int64(len(b))
	}
	ri.records = slices.Clone(ri.records[n:])
	ri.first = upTo + 1
	for len(ri.terms) > 1 && ri.terms[1].from <= upTo {
		ri.terms = ri.terms[1:]
	}
}

// fenceOf returns the term of the record before a fence. is is false if the record does not begin with a fence.
func fenceOf(entries record.Reader) (before uint64, is bool) {
	var e record.Entry
	ok, err := entries.Next(&e)
	return e.Offset, err == nil && ok && e.Kind == record.Fence
}

package chat

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
)

// Value is something that the server keeps about a room beside its publications: data with a key. The room "" has the values of users. doc.go
// lists the keys.
type Value struct {
	Key  string // at most MaxValueKey bytes. Empty, without data: all values of the room are removed
	Data []byte // empty: the value is removed
}

// Limits of values, in bytes.
const (
	MaxValueKey     = 512
	maxValueChange  = 512 << 10 // of one change: its keys and its data
	maxMemoryValues = 64 << 20  // of the rooms in memory
	diskShare       = 4         // values in the log: at most this part of it, so that most of a full log is new publications
	valueOverhead   = 32        // of a value beyond the names and the data, in a record or in memory: an estimate
)

// valueSize estimates the bytes of a value.
func valueSize(room, key string, data int) int64 {
	return int64(len(room) + len(key) + data + valueOverhead)
}

// size estimates the bytes of a value in a room; 0 for a removal.
func (val *Value) size(room string) int64 {
	if len(val.Data) == 0 {
		return 0
	}
	return valueSize(room, val.Key, len(val.Data))
}

// valueAt is the lower half of the number of the record that has a value. The records of a log are fewer than 1<<31, so it identifies one
// of them. It is 0 without a log.
type valueAt uint32

// upTo reports whether a value is in a record up to the number seq.
func (at valueAt) upTo(seq uint64) bool { return int32(uint32(seq)-uint32(at)) >= 0 }

// valueFamily keeps the values of one room whose keys have something in common, in a form of its own. Guarded by Stripe.Mu of the room. To
// add one, add it to roomValues.family.
type valueFamily interface {
	// set stores a value, or removes it if it has no data. It copies what it keeps. before is the size of the data before; -1 for none.
	set(v Value, at valueAt) (before int)
	// get returns the data of a key; nil for none. Nobody changes it.
	get(key string) []byte
	// each calls do with each value until do returns false.
	each(do func(v Value, at valueAt) bool)
	// drop removes all values.
	drop()
}

// roomValues has the values of a room. They outlive the room itself, which ends with its members and publications. Guarded by Stripe.Mu.
type roomValues struct {
	room     string
	budget   *valueBudget // that counts them
	table    valueTable
	members  rosterFamily
	numbers  markerFamily
	count    int   // values
	bytes    int64 // of them, as the budget counts them
	proposed map[string]proposedValue
}

// proposedValue is the last of the changes of a key that are neither committed nor discarded.
type proposedValue struct {
	data    []byte
	changes int
}

// family returns what keeps the values of a key.
func (rv *roomValues) family(key string) valueFamily {
	if isMemberKey(key) {
		return &rv.members
	}
	if rv.numbers.has(key) {
		return &rv.numbers
	}
	return &rv.table
}

// families returns all families.
func (rv *roomValues) families() [3]valueFamily {
	return [...]valueFamily{&rv.table, &rv.members, &rv.numbers}
}

// get returns the data of a key; nil for none. rv may be nil.
func (rv *roomValues) get(key string) []byte {
	if rv == nil {
		return nil
	}
	return rv.family(key).get(key)
}

// next returns the data of a key as it is when all proposed changes are committed.
func (rv *roomValues) next(key string) []byte {
	if rv == nil {
		return nil
	}
	if p, ok := rv.proposed[key]; ok {
		return p.data
	}
	if _, ok := rv.proposed[""]; ok {
		return nil
	}
	return rv.get(key)
}

// propose notes proposed changes.
func (rv *roomValues) propose(values []Value) {
	if rv.proposed == nil {
		rv.proposed = map[string]proposedValue{}
	}
	for _, v := range values {
		if v.Key == "" {
			for key, p := range rv.proposed {
				rv.proposed[key] = proposedValue{nil, p.changes}
			}
		}
		rv.proposed[v.Key] = proposedValue{v.Data, rv.proposed[v.Key].changes + 1}
	}
}

// settle ends proposed changes.
func (rv *roomValues) settle(values []Value) {
	for _, v := range values {
		p := rv.proposed[v.Key]
		if p.changes--; p.changes > 0 {
			rv.proposed[v.Key] = p
		} else {
			delete(rv.proposed, v.Key)
		}
	}
	if len(rv.proposed) == 0 {
		rv.proposed = nil
	}
}

// isProposed reports whether an open proposal replaces a value.
func (rv *roomValues) isProposed(key string) bool {
	_, one := rv.proposed[key]
	_, all := rv.proposed[""]
	return one || all
}

// set applies a change whose bytes are counted, from the record at, and releases the bytes that it replaces.
func (rv *roomValues) set(v Value, at valueAt) {
	if v.Key == "" {
		rv.drop()
		return
	}
	before := rv.family(v.Key).set(v, at)
	rv.bytes += v.size(rv.room)
	if before >= 0 {
		replaced := valueSize(rv.room, v.Key, before)
		rv.budget.bytes.Add(-replaced)
		rv.bytes -= replaced
		rv.count--
	}
	if len(v.Data) > 0 {
		rv.count++
	}
}

// drop removes all values. It takes time in proportion to the members of the room.
func (rv *roomValues) drop() {
	rv.budget.bytes.Add(-rv.bytes)
	rv.bytes = 0
	for _, f := range rv.families() {
		f.drop()
	}
	rv.count = 0
}

// each calls do with each value until do returns false.
func (rv *roomValues) each(do func(v Value, at valueAt) bool) {
	more := true
	for _, f := range rv.families() {
		if !more {
			return
		}
		f.each(func(v Value, at valueAt) bool {
			more = do(v, at)
			return more
		})
	}
}

// valueTable is the family of the keys that no other family has.
type valueTable map[string]storedValue

type storedValue struct {
	data []byte
	at   valueAt
}

func (vt *valueTable) set(v Value, at valueAt) (before int) {
	before = -1
	old, had := (*vt)[v.Key]
	if had {
		before = len(old.data)
	}
	switch {
	case len(v.Data) == 0:
		delete(*vt, v.Key)
	case had && bytes.Equal(old.data, v.Data):
		(*vt)[v.Key] = storedValue{old.data, at}
	default:
		if *vt == nil {
			*vt = valueTable{}
		}
		(*vt)[strings.Clone(v.Key)] = storedValue{bytes.Clone(v.Data), at}
	}
	return before
}

func (vt *valueTable) get(key string) []byte { return (*vt)[key].data }

func (vt *valueTable) each(do func(v Value, at valueAt) bool) {
	for key, s := range *vt {
		if !do(Value{key, s.data}, s.at) {
			return
		}
	}
}

func (vt *valueTable) drop() { *vt = nil }

// valueBudget bounds the bytes of values. Any goroutine may use it.
type valueBudget struct {
	bytes atomic.Int64
	most  int64 // constant after the start
}

// admit counts the bytes of changes of a room. It returns a rejection, and counts nothing, if they exceed a limit. Changes that need no more
// bytes than the values that they replace are admitted over the limit of all values. rv has the values of the room; nil for none.
func (vb *valueBudget) admit(rv *roomValues, room string, changes []Value) *Rejection {
	var size, grown, change int64
	for _, v := range changes {
		if len(v.Key) > MaxValueKey || v.Key == "" && len(v.Data) > 0 {
			return &Rejection{CauseLimit, fmt.Sprintf("the key of a value has %d bytes: 1 to %d are allowed", len(v.Key), MaxValueKey)}
		}
		before := Value{v.Key, rv.next(v.Key)}
		size += v.size(room)
		grown += v.size(room) - before.size(room)
		change += valueSize(room, v.Key, len(v.Data))
	}
	if change > maxValueChange {
		return &Rejection{CauseLimit, fmt.Sprintf("the change has %d bytes: at most %d are allowed", change, maxValueChange)}
	}
	if vb.bytes.Add(size) > vb.most && grown > 0 {
		vb.bytes.Add(-size)
		return &Rejection{CauseLimit, fmt.Sprintf("members, markers and settings use the %d bytes that are allowed", vb.most)}
	}
	return nil
}

// ValueReader reads the values of a room as they are when all changes that are proposed are committed. It is lent for a call under the room's
// lock.
type ValueReader struct{ values *roomValues }

// Get returns the data of a key; nil for none. It must not be changed.
func (vr ValueReader) Get(key string) []byte { return vr.values.next(key) }

package home

import (
	"sync/atomic"
	"time"
)

// Record is a record of the log, for the rooms that refer to it.
type Record struct {
	Seq   uint64       // constant
	bytes int64        // on disk, about; constant
	until time.Time    // it stays until then; constant
	live  atomic.Int32 // references
}

// recordOverhead estimates the bytes of a record on disk beyond its own.
const recordOverhead = 100

// Retain counts a reference to the record: it is needed.
func (rec *Record) Retain() { rec.live.Add(1) }

// Release ends a reference.
func (rec *Record) Release() { rec.live.Add(-1) }

// recordList is the records of the log, from the oldest. The first ones may be dead: without references. Guarded by Home.applying.
type recordList struct {
	list  []*Record
	bytes int64 // of list
	dead  []*Record
	freed int64 // bytes of dead

	trimming bool  // a trim appends its records
	own      int64 // bytes of the records that the last trim appended for itself
}

// add adds the newest record.
func (rl *recordList) add(rec *Record) {
	rl.list = append(rl.list, rec)
	rl.bytes += rec.bytes
}

// settle moves the oldest records that are not needed to dead, but not the newest record.
func (rl *recordList) settle(now time.Time) {
	for len(rl.list) > 1 && rl.list[0].live.Load() <= 0 && !now.Before(rl.list[0].until) {
		rl.kill()
	}
}

// kill moves the oldest record to dead.
func (rl *recordList) kill() {
	oldest := rl.list[0]
	rl.list[0] = nil
	rl.list = rl.list[1:]
	rl.dead = append(rl.dead, oldest)
	rl.bytes -= oldest.bytes
	rl.freed += oldest.bytes
}

// minTrim is the part of the largest log that a trim removes at least: each trim writes a checkpoint.
const minTrim = 1. / 64

// excess reports whether a trim is due: the dead records are half of the log, or the log is larger than maxBytes. kept is the bytes of what
// the rooms carry forward (Rooms.Carry), which the dead records may have: a trim appends at most half of what it removes, about. So the
// records of a trim, which die at once, do not make another one due.
func (rl *recordList) excess(maxBytes, kept int64) bool {
	if rl.trimming {
		return false // its end decides
	}
	return rl.freed >= max(int64(minTrim*float64(maxBytes)), rl.bytes, 2*(kept+rl.own)) || rl.bytes+rl.freed > maxBytes
}

// begin notes that a trim begins to append its records, and end that it has ended.
func (rl *recordList) begin() { rl.trimming, rl.own = true, 0 }
func (rl *recordList) end()   { rl.trimming = false }

// cut decides which records a trim removes, and returns the number of the newest of them; 0 for none. A log above maxBytes loses its oldest
// records until an eighth of it is free: also those with references, and above twice maxBytes also those with recent idempotency keys.
func (rl *recordList) cut(maxBytes int64, now time.Time) (seq uint64) {
	rl.settle(now)
	if rl.bytes+rl.freed > maxBytes {
		for len(rl.list) > 1 && rl.bytes > maxBytes-maxBytes/8 && (!now.Before(rl.list[0].until) || rl.bytes > 2*maxBytes) {
			rl.kill()
		}
	}
	if len(rl.dead) == 0 {
		return 0
	}
	return rl.dead[len(rl.dead)-1].Seq
}

// removed forgets the dead records up to seq.
func (rl *recordList) removed(seq uint64) {
	n := 0
	for n < len(rl.dead) && rl.dead[n].Seq <= seq {
		rl.freed -= rl.dead[n].bytes
		n++
	}
	clear(rl.dead[:n])
	rl.dead = rl.dead[n:]
}

// keep makes the record stay until a time. Called before the record is shared.
func (rec *Record) keep(until time.Time) {
	if until.After(rec.until) {
		rec.until = until
	}
}

// endOfKey returns the end of an idempotency key. A time in the future counts as now: the clock was set back, or that of another node is ahead.
func (h *Home) endOfKey(unixMilli int64) time.Time {
	end := time.UnixMilli(unixMilli).Add(h.cfg.KeepKeys)
	if most := time.Now().Add(h.cfg.KeepKeys); end.After(most) {
		return most
	}
	return end
}

// forgetDead forgets the dead records on a node that follows: the owner of the log removes them.
func (rl *recordList) forgetDead() {
	clear(rl.dead)
	rl.dead, rl.freed = rl.dead[:0], 0
}

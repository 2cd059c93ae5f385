package server

import (
	"cmp"
	"slices"
	"unsafe"
)

// What slow readers make the server retain, and who is closed when that is too much. What a room published is shared: it is counted
// once for each part of the room, however many members wait for it. A budget bounds the bytes of one room, another all outboxes of
// the process. When one is used up, the readers that are furthest behind are closed as slow consumers, in the part (or on the shard)
// that retains the most, until an eighth of the budget is free again.

const roomShareRetained = 8 // one room may retain such a part of MaxRetained for its slow members

// retained is bytes of a part's batch that slow members wait for: counted from the first that keeps a slice of them until the last
// has let go. Owned by the shard.
type retained struct {
	topic   *topic
	bytes   []byte
	from    int // where in the batch they begin
	holders int
}

// retainedCost is how many bytes a retained costs beyond its bytes.
const retainedCost = int(unsafe.Sizeof(retained{}))

func (r *retained) hold() {
	if r.holders++; r.holders == 1 {
		r.topic.countRetained(cap(r.bytes) + retainedCost)
	}
}

func (r *retained) release() {
	if r.holders--; r.holders == 0 {
		r.topic.countRetained(-cap(r.bytes) - retainedCost)
	}
}

// retain returns the bytes of the batch from one place to another as something that outlives the round. A batch of several frames is
// copied, to its size and once a flush, as its buffer is used again.
func (t *topic) retain(from, to int) (b []byte, r *retained) {
	r = t.retains
	if r == nil || from < r.from || to > r.from+len(r.bytes) {
		r = &retained{topic: t, bytes: t.batch}
		switch {
		case !t.owned:
		case t.flushing:
			r.bytes = cloned(t.batch)
		default:
			// There will be more of this batch, and other members may have heard what comes before.
			r.from, r.bytes = from, cloned(t.batch[from:to])
		}
		t.retains = r
	}
	return r.bytes[from-r.from : to-r.from], r
}

// cloned is a copy with no more capacity than it needs.
func cloned(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

// countRetained adds n bytes to what the part retains. Called on its shard.
func (t *topic) countRetained(n int) {
	t.retained.Add(int64(n))
	ofRoom := t.audience.retained.Add(int64(n))
	t.shard.countRetained(n)
	if n > 0 && ofRoom > t.shard.engine.maxRetainedRoom && !slices.Contains(t.shard.pressed, t.audience) {
		t.shard.pressed = append(t.shard.pressed, t.audience)
	}
}

// countRetained adds n bytes to what the shard's outboxes cost. Called on the shard.
func (s *shard) countRetained(n int) {
	s.retained.Add(int64(n))
	if all := s.engine.retained.Add(int64(n)); n > 0 && all > s.engine.maxRetained {
		s.pressedByAll = true
	}
}

// relieve closes the slowest readers where a budget is used up. Called at the end of a round, when no batch is being written.
func (s *shard) relieve() {
	if !s.pressedByAll && len(s.pressed) == 0 {
		return
	}
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(nil, e)
		}
	}()
	for i, a := range s.pressed {
		s.pressed[i] = nil
		s.engine.relieveRoom(s, a)
	}
	s.pressed = s.pressed[:0]
	if s.pressedByAll {
		s.pressedByAll = false
		s.engine.relieveAll(s)
	}
}

// relieveRoom has the topic of an audience that retains the most close its slowest members. Called on the shard at.
func (e *engine) relieveRoom(at *shard, a *audience) {
	a.mu.Lock()
	worst := slices.MaxFunc(a.topics, func(a, b *topic) int { return cmp.Compare(a.retained.Load(), b.retained.Load()) })
	a.mu.Unlock()
	if worst.shard == at {
		worst.relieve()
		return
	}
	worst.shard.post(job{do: callBack, call: worst.relieve})
}

// relieve closes those who are furthest behind in the part. Called on its shard.
func (t *topic) relieve() {
	most := t.shard.engine.maxRetainedRoom
	t.shard.closeSlowest(func(o *outbox) int { return o.behindIn(t) }, func() bool {
		return t.audience.retained.Load() > most-most/8
	})
}

// relieveAll has the shard that retains the most close its slowest readers. Called on the shard at.
func (e *engine) relieveAll(at *shard) {
	worst := slices.MaxFunc(e.shards, func(a, b *shard) int { return cmp.Compare(a.retained.Load(), b.retained.Load()) })
	if worst == at {
		worst.relieveOwn()
		return
	}
	worst.post(job{do: callBack, call: worst.relieveOwn})
}

// relieveOwn closes those of the shard who are furthest behind.
func (s *shard) relieveOwn() {
	most := s.engine.maxRetained
	s.closeSlowest(func(o *outbox) int { return o.bytes }, func() bool { return s.engine.retained.Load() > most-most/8 })
}

// closeSlowest closes readers, the one that is furthest behind first, while it is too much.
func (s *shard) closeSlowest(lag func(*outbox) int, tooMuch func() bool) {
	if !tooMuch() {
		return
	}
	var slow []*conn
	for _, c := range s.laggards {
		if c.out != nil && lag(c.out) > 0 {
			slow = append(slow, c)
		}
	}
	slices.SortFunc(slow, func(a, b *conn) int { return cmp.Compare(lag(b.out), lag(a.out)) })
	for _, c := range slow {
		if !tooMuch() {
			return
		}
		s.engine.metrics.Relieved.Inc()
		s.abandon(c, closedSlow)
	}
}

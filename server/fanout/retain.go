package fanout

import (
	"cmp"
	"slices"
	"unsafe"
)

// What slow readers make the server retain, and who is closed when that is too much. What a room published is shared: it is counted
// once for each part of the room, however many members wait for it. A budget bounds the bytes of one room, another all outboxes of
// the process. When one is used up, the readers that are furthest behind are closed as slow consumers, in the part (or on the shard)
// that retains the most, until an eighth of the budget is free again.

const RoomShareRetained = 8 // one room may retain such a part of MaxRetained for its slow members

// retained is bytes of a part's batch that slow members wait for: counted from the first that keeps a slice of them until the last
// has let go. Owned by the shard.
type retained struct {
	topic   *Topic
	Bytes   []byte
	from    int // where in the batch they begin
	holders int
}

// retainedCost is how many bytes a retained costs beyond its bytes.
const retainedCost = int(unsafe.Sizeof(retained{}))

func (r *retained) hold() {
	if r.holders++; r.holders == 1 {
		r.topic.countRetained(cap(r.Bytes) + retainedCost)
	}
}

func (r *retained) release() {
	if r.holders--; r.holders == 0 {
		r.topic.countRetained(-cap(r.Bytes) - retainedCost)
	}
}

// retain returns the bytes of the batch from one place to another as something that outlives the round. A batch of several frames is
// copied, to its size and once a flush, as its buffer is used again.
func (t *Topic) retain(from, to int) (b []byte, r *retained) {
	r = t.retains
	if r == nil || from < r.from || to > r.from+len(r.Bytes) {
		r = &retained{topic: t, Bytes: t.batch}
		switch {
		case !t.owned:
		case t.flushing:
			r.Bytes = Cloned(t.batch)
		default:
			// There will be more of this batch, and other members may have heard what comes before.
			r.from, r.Bytes = from, Cloned(t.batch[from:to])
		}
		t.retains = r
	}
	return r.Bytes[from-r.from : to-r.from], r
}

// Cloned is a copy with no more capacity than it needs.
func Cloned(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

// countRetained adds n bytes to what the part retains. Called on its shard.
func (t *Topic) countRetained(n int) {
	t.retained.Add(int64(n))
	ofRoom := t.Audience.Retained.Add(int64(n))
	t.Shard.countRetained(n)
	if n > 0 && ofRoom > t.Shard.Engine.MaxRetainedRoom && !slices.Contains(t.Shard.pressed, t.Audience) {
		t.Shard.pressed = append(t.Shard.pressed, t.Audience)
	}
}

// countRetained adds n bytes to what the shard's outboxes cost. Called on the shard.
func (s *Shard) countRetained(n int) {
	s.retained.Add(int64(n))
	if all := s.Engine.Retained.Add(int64(n)); n > 0 && all > s.Engine.MaxRetained {
		s.pressedByAll = true
	}
}

// relieve closes the slowest readers where a budget is used up. Called at the end of a round, when no batch is being written.
func (s *Shard) relieve() {
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
		s.Engine.relieveRoom(s, a)
	}
	s.pressed = s.pressed[:0]
	if s.pressedByAll {
		s.pressedByAll = false
		s.Engine.relieveAll(s)
	}
}

// relieveRoom has the topic of an audience that retains the most close its slowest members. Called on the shard at.
func (e *Engine) relieveRoom(at *Shard, a *Audience) {
	a.Mu.Lock()
	worst := slices.MaxFunc(a.Topics, func(a, b *Topic) int { return cmp.Compare(a.retained.Load(), b.retained.Load()) })
	a.Mu.Unlock()
	if worst.Shard == at {
		worst.Relieve()
		return
	}
	worst.Shard.Post(Job{Do: CallBack, Call: worst.Relieve})
}

// Relieve closes those who are furthest behind in the part. Called on its shard.
func (t *Topic) Relieve() {
	most := t.Shard.Engine.MaxRetainedRoom
	t.Shard.closeSlowest(func(o *Outbox) int { return o.behindIn(t) }, func() bool {
		return t.Audience.Retained.Load() > most-most/8
	})
}

// relieveAll has the shard that retains the most close its slowest readers. Called on the shard at.
func (e *Engine) relieveAll(at *Shard) {
	worst := slices.MaxFunc(e.Shards, func(a, b *Shard) int { return cmp.Compare(a.retained.Load(), b.retained.Load()) })
	if worst == at {
		worst.RelieveOwn()
		return
	}
	worst.Post(Job{Do: CallBack, Call: worst.RelieveOwn})
}

// RelieveOwn closes those of the shard who are furthest behind.
func (s *Shard) RelieveOwn() {
	most := s.Engine.MaxRetained
	s.closeSlowest(func(o *Outbox) int { return o.Bytes }, func() bool { return s.Engine.Retained.Load() > most-most/8 })
}

// closeSlowest closes readers, the one that is furthest behind first, while it is too much.
func (s *Shard) closeSlowest(lag func(*Outbox) int, tooMuch func() bool) {
	if !tooMuch() {
		return
	}
	var slow []*Conn
	for _, c := range s.Laggards {
		if c.Out != nil && lag(c.Out) > 0 {
			slow = append(slow, c)
		}
	}
	slices.SortFunc(slow, func(a, b *Conn) int { return cmp.Compare(lag(b.Out), lag(a.Out)) })
	for _, c := range slow {
		if !tooMuch() {
			return
		}
		s.Engine.Metrics.Relieved.Inc()
		s.abandon(c, ClosedSlow)
	}
}

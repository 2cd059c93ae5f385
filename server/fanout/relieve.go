package fanout

import (
	"cmp"
	"slices"
)

// Who is closed when slow readers make the server retain too much. A budget bounds the bytes of one room, another all outboxes of the
// process. When one is used up, the readers that are furthest behind are closed as slow consumers, in the part (or on the shard) that
// retains the most, until an eighth of the budget is free again.

const RoomShareRetained = 8 // one room may retain such a part of MaxRetained for its slow members

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
		s.relieveRoom(a)
	}
	s.pressed = s.pressed[:0]
	if s.pressedByAll {
		s.pressedByAll = false
		s.relieveAll()
	}
}

// relieveRoom has the topic of an audience that retains the most close its slowest members. Called on a shard.
func (s *Shard) relieveRoom(a *Audience) {
	a.Mu.Lock()
	worst := slices.MaxFunc(a.Topics, func(a, b *Topic) int { return cmp.Compare(a.share.topic.Load(), b.share.topic.Load()) })
	a.Mu.Unlock()
	if worst.Shard == s {
		worst.Relieve()
		return
	}
	worst.Shard.Post(Job{Do: CallBack, Call: worst.Relieve})
}

// Relieve closes those who are furthest behind in the part. Called on its shard.
func (t *Topic) Relieve() {
	most := t.Shard.Shared.MaxRetainedRoom
	t.Shard.closeSlowest(func(o *Outbox) int { return o.behindIn(&t.share) }, func() bool {
		return t.Audience.Retained.Load() > most-most/8
	})
}

// relieveAll has the shard that retains the most close its slowest readers. Called on a shard.
func (s *Shard) relieveAll() {
	worst := slices.MaxFunc(s.Shared.Shards, func(a, b *Shard) int { return cmp.Compare(a.costs.shard.Load(), b.costs.shard.Load()) })
	if worst == s {
		worst.RelieveOwn()
		return
	}
	worst.Post(Job{Do: CallBack, Call: worst.RelieveOwn})
}

// RelieveOwn closes those of the shard who are furthest behind.
func (s *Shard) RelieveOwn() {
	most := s.Shared.MaxRetained
	s.closeSlowest(func(o *Outbox) int { return o.Bytes }, func() bool { return s.Shared.Retained.Load() > most-most/8 })
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
		s.Shared.Metrics.Relieved.Inc()
		s.abandon(c, ClosedSlow)
	}
}

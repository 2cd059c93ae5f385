package fanout

import (
	"cmp"
	"slices"
)

// Budgets of the bytes that slow consumers make the server retain: one for each audience, one for all outboxes of the process. When a budget
// is exceeded, the slow consumers with the most unsent bytes are closed, in the topic or on the shard that retains the most, until an eighth
// of the budget is free again.

// enforceLimits closes slow consumers if a budget is exceeded. Called at the end of a flush, when no batch is being written.
func (s *Shard) enforceLimits() {
	if !s.allOverLimit && len(s.overLimit) == 0 {
		return
	}
	defer func() {
		if e := recover(); e != nil {
			s.abortAfterPanic(nil, e)
		}
	}()
	for i, a := range s.overLimit {
		s.overLimit[i] = nil
		s.enforceAudienceLimit(a)
	}
	s.overLimit = s.overLimit[:0]
	if s.allOverLimit {
		s.allOverLimit = false
		s.enforceTotalLimit()
	}
}

// enforceAudienceLimit closes the slowest members of the topic that retains the most for an audience. Called on any shard.
func (s *Shard) enforceAudienceLimit(a *Audience) {
	a.Mu.Lock()
	worst := slices.MaxFunc(a.Topics, func(a, b *Topic) int { return cmp.Compare(a.retained.topic.Load(), b.retained.topic.Load()) })
	a.Mu.Unlock()
	if worst.Shard == s {
		worst.CloseSlowest()
		return
	}
	worst.Shard.Post(Job{Do: CallBack, Call: worst.CloseSlowest})
}

// CloseSlowest closes the members with the most unsent bytes of the topic, until its audience is under its budget. Called on the topic's shard.
func (t *Topic) CloseSlowest() {
	most := t.Shard.Core.Limits().MaxRetainedAudience
	t.Shard.closeWhile(func(o *Outbox) int { return o.lagIn(&t.retained) }, func() bool {
		return t.Audience.Retained.Load() > most-most/8
	})
}

// enforceTotalLimit closes the slowest consumers of the shard that retains the most. Called on any shard.
func (s *Shard) enforceTotalLimit() {
	worst := slices.MaxFunc(s.Core.Shards, func(a, b *Shard) int { return cmp.Compare(a.retained.shard.Load(), b.retained.shard.Load()) })
	if worst == s {
		worst.CloseSlowest()
		return
	}
	worst.Post(Job{Do: CallBack, Call: worst.CloseSlowest})
}

// CloseSlowest closes the shard's connections with the most unsent bytes, until all outboxes are under their budget. Called on the shard.
func (s *Shard) CloseSlowest() {
	most := s.Core.Limits().MaxRetained
	s.closeWhile(func(o *Outbox) int { return o.Bytes }, func() bool { return s.Core.Retained.Load() > most-most/8 })
}

// closeWhile closes slow consumers in descending order of lag, as long as exceeded returns true.
func (s *Shard) closeWhile(lag func(*Outbox) int, exceeded func() bool) {
	if !exceeded() {
		return
	}
	var slow []*Conn
	for _, c := range s.SlowConsumers {
		if c.Out != nil && lag(c.Out) > 0 {
			slow = append(slow, c)
		}
	}
	slices.SortFunc(slow, func(a, b *Conn) int { return cmp.Compare(lag(b.Out), lag(a.Out)) })
	for _, c := range slow {
		if !exceeded() {
			return
		}
		s.Core.Metrics.RetainedCloses.Inc()
		s.abort(c, ClosedSlow)
	}
}

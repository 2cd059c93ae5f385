package fanout

import (
	"sync"
	"testing"
	"time"
)

// slowOf adds slow consumers with a number of unsent bytes each to a shard.
func slowOf(t *testing.T, e *Engine, s *Shard, unsent ...int) {
	ours, theirs := tcpPair(t)
	t.Cleanup(func() { theirs.Close() })
	transport := overTCP(t, ours)
	for _, n := range unsent {
		c := &named{is: Description{User: "reader"}}
		e.NewConn(&c.conn, transport, c)
		c.conn.Shard = s
		c.conn.Out = &Outbox{}
		if n > 0 {
			c.conn.Out.Push(make([]byte, n), nil)
			c.conn.Out.Push(nil, nil) // the first slice is being sent
		}
		c.conn.Stalled.Store(uint32(e.Clock.Tick() - 4))
		s.SlowConsumers = append(s.SlowConsumers, &c.conn)
	}
}

func TestASurveyFindsTheDeepestQueues(t *testing.T) {
	t.Parallel()
	e := newTestEngine(Config{MaxUnsent: 1000})
	s := e.Shards[0]
	slowOf(t, e, s, 5, 0, 12, 11, 10, 9, 8, 7, 6, 4, 3, 2, 900)
	s.SlowConsumers[0].Out.Push(make([]byte, 501), nil) // waits behind the first slice

	start := time.Now()
	if got, late := e.Survey(start); late != 0 || got.Slow != 0 {
		t.Errorf("first call: got %+v and %v late, want nothing yet", got, late)
	}
	if _, late := e.Survey(start.Add(3 * time.Second)); late != 3*time.Second {
		t.Errorf("before the shard answers: got %v late, want 3s", late)
	}
	if jobs := len(s.Inbox); jobs != 1 {
		t.Errorf("a shard that does not answer: got %d jobs, want the first one only", jobs)
	}
	s.work()
	got, late := e.Survey(start.Add(4 * time.Second))
	if late != 0 || got.Slow != 12 || got.HalfFull != 1 || len(got.Deepest) != queuesSurveyed {
		t.Fatalf("got %d slow, %d over half, %d queues, %v late, want 12, 1, %d and 0", got.Slow, got.HalfFull, len(got.Deepest), late, queuesSurveyed)
	}
	if d := got.Deepest; d[0].Bytes != 900 || d[1].Bytes != 506 || d[9].Bytes != 5 && d[9].Bytes != 4 {
		t.Errorf("got %+v, want the deepest first", d)
	}
	if d := got.Deepest[0]; d.User != "reader" || d.Stalled != 4*TickLength || d.ID == 0 {
		t.Errorf("got %+v, want a reader without progress for 4 ticks", d)
	}
}

func TestAnAudienceCountsWhatIsPosted(t *testing.T) {
	t.Parallel()
	e := newTestEngine(Config{MaxUnsent: 1000})
	a := &Audience{Name: "x", Mu: &sync.Mutex{}}
	a.TopicLocked(e.Shards[0], 0).Members = 3
	a.TopicLocked(e.Shards[0], 1).Members = 4
	a.TopicLocked(e.Shards[0], 2).Members = 0
	a.PostFrameLocked([]byte("x"))
	a.PostFrameLocked([]byte("y"))
	if got, want := a.TakeCountsLocked(), (Counted{Messages: 2, Deliveries: 14}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := a.TakeCountsLocked(); got != (Counted{}) {
		t.Errorf("got %+v when taken again, want nothing", got)
	}
}

func TestAProbeThatIsNotAnsweredKeepsItsTime(t *testing.T) {
	t.Parallel()
	ps := &pollers{Pollers: []*Poller{{}, {}}}
	start := time.Now()
	if got := ps.unanswered(start); got != 0 {
		t.Errorf("without a probe: got %v, want 0", got)
	}
	ps.Pollers[0].probed.Store(start.UnixNano())
	ps.note(start.Add(2 * time.Second))
	if got := ps.unanswered(start.Add(3 * time.Second)); got != 3*time.Second {
		t.Errorf("got %v, want 3s: the second probe must not replace the first", got)
	}
	if got := ps.Pollers[1].probed.Load(); got != start.Add(2*time.Second).UnixNano() {
		t.Errorf("got %v for a poller without a probe, want the time of the second", time.Unix(0, got))
	}
}

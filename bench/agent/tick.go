package agent

import (
	"context"
	"sync"

	"github.com/throng-chat/throng/bench/observe"
)

// tickAlong sends a tick at each multiple of TickEvery, until stop is called. From the start of the messages on it measures the pollers' lag. stop may be
// called twice.
func (ru *run) tickAlong() (stop func()) {
	ticking, quit := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() {
		for due := Now() + lagEvery; ; due += lagEvery {
			if until(ticking, due); ticking.Err() != nil {
				return
			}
			if ru.sending() == nil {
				continue // the lag counts from the start on: while connections open, many agents would wake their pollers for nothing
			}
			if err := ru.engine.wake(due); err != nil {
				ru.failure.CompareAndSwap(nil, &err)
			}
		}
	})
	both.Go(func() {
		for n := Now()/TickEvery + 1; ; n = max(n+1, Now()/TickEvery) {
			if until(ticking, n*TickEvery); ticking.Err() != nil {
				return
			}
			t := ru.tick(n)
			ru.emit(Event{Tick: &t})
		}
	})
	return func() {
		quit()
		both.Wait()
	}
}

// tick returns the counters at tick n.
func (ru *run) tick(n int64) Tick {
	t := Tick{N: n}
	for _, p := range ru.engine.pollers {
		p.mu.Lock()
		t.Count.Add(p.count)
		drain(&t.Each, &p.each)
		drain(&t.Late, &p.sent)
		drain(&t.Touched, &p.touched)
		drain(&t.Ping, &p.ping)
		drain(&t.LoopLag, &p.loopLag)
		t.Spans = append(t.Spans, p.spans.take()...)
		p.mu.Unlock()
	}
	if s := ru.sending(); s != nil {
		t.Sent, t.Lag = s.take()
	}
	ru.back.mu.Lock()
	t.Back, t.Killed, t.Refused = int(ru.back.after.Total()), ru.back.killed, ru.back.refused
	ru.back.mu.Unlock()
	own := observe.ReadOwn(false)
	t.CPU, t.GC, t.Held = own.CPU-ru.began, own.GCPause, own.Throttled
	return t
}

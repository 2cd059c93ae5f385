package agent

import (
	"context"
	"sync"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
)

// tickAlong sends a tick at each multiple of TickEvery, and measures the pollers' lag, until stop is called. stop may be called twice.
func (ru *run) tickAlong() (stop func()) {
	ticking, quit := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() {
		for due := Now() + lagEvery; ; due += lagEvery {
			if until(ticking, due); ticking.Err() != nil {
				return
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
	var each, late, touched, ping, loopLag histogram.Histogram
	for _, p := range ru.engine.pollers {
		p.mu.Lock()
		t.Count.Add(p.count)
		drain(&each, &p.each)
		drain(&late, &p.sent)
		drain(&touched, &p.touched)
		drain(&ping, &p.ping)
		drain(&loopLag, &p.loopLag)
		t.Spans = append(t.Spans, p.spans.take()...)
		p.mu.Unlock()
	}
	t.Each, t.Late, t.Touched, t.Ping, t.LoopLag = some(&each), some(&late), some(&touched), some(&ping), some(&loopLag)
	if s := ru.sending(); s != nil {
		var lag histogram.Histogram
		t.Sent = s.take(&lag)
		t.Lag = some(&lag)
	}
	ru.back.mu.Lock()
	t.Back, t.Killed, t.Refused = int(ru.back.after.Total()), ru.back.killed, ru.back.refused
	ru.back.mu.Unlock()
	own := observe.ReadOwn(false)
	t.CPU, t.GC, t.Held = own.CPU-ru.began, own.GCPause, own.Throttled
	return t
}

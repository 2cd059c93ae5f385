package agent

import (
	"context"
	"sync"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
)

// tickAlong sends a tick at each multiple of TickEvery, and keeps measuring the pollers' lag, until the returned function is
// called, which may be called twice.
func (r *run) tickAlong() (stop func()) {
	ticking, quit := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() {
		for due := Now() + lagEvery; ; due += lagEvery {
			if until(ticking, due); ticking.Err() != nil {
				return
			}
			if err := r.engine.wake(due); err != nil {
				r.failure.CompareAndSwap(nil, &err)
			}
		}
	})
	both.Go(func() {
		for n := Now()/TickEvery + 1; ; n = max(n+1, Now()/TickEvery) {
			if until(ticking, n*TickEvery); ticking.Err() != nil {
				return
			}
			t := r.tick(n)
			r.tell(Event{Tick: &t})
		}
	})
	return func() {
		quit()
		both.Wait()
	}
}

// tick takes what was counted.
func (r *run) tick(n int64) Tick {
	t := Tick{N: n}
	var each, late, touched, ping, loopLag histogram.Histogram
	for _, p := range r.engine.pollers {
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
	if s := r.sending(); s != nil {
		var lag histogram.Histogram
		t.Sent = s.take(&lag)
		t.Lag = some(&lag)
	}
	r.back.mu.Lock()
	t.Back, t.Killed, t.Refused = int(r.back.after.Total()), r.back.killed, r.back.refused
	r.back.mu.Unlock()
	own := observe.ReadOwn(false)
	t.CPU, t.GC, t.Held = own.CPU-r.began, own.GCPause, own.Throttled
	return t
}

// drain moves what from has recorded into to.
func drain(to, from *histogram.Histogram) {
	if from.Total() > 0 {
		to.Merge(from)
		*from = histogram.Histogram{}
	}
}

// some is h, or nil where nothing was recorded.
func some(h *histogram.Histogram) *histogram.Histogram {
	if h.Total() == 0 {
		return nil
	}
	return h
}

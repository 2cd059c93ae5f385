package bench

import (
	"fmt"
	"sync"
	"time"
)

// Progress is how a run stands.
type Progress struct {
	Elapsed    time.Duration // since the beginning of the part under way
	Connected  int
	Of         int // connections wanted
	Sending    bool
	Sent       uint64
	Deliveries uint64
	Rate       float64       // deliveries a second since the last Progress
	P50, P99   time.Duration // of measured deliveries since the last Progress; 0 where there were none
	Closed     int           // connections that the server ended
}

// Line is p for a person, in one line.
func (p Progress) Line() string {
	if p.Connected < p.Of && !p.Sending && p.Deliveries == 0 {
		return fmt.Sprintf("connect  %s/%s  %.0f s", thousands(p.Connected), thousands(p.Of), p.Elapsed.Seconds())
	}
	line := fmt.Sprintf("%5.1f s  %s connections", p.Elapsed.Seconds(), thousands(p.Connected-p.Closed))
	if p.Sending {
		line += fmt.Sprintf("  sent %s  %s deliveries/s", thousands(p.Sent), thousands(int(p.Rate)))
	}
	if p.P50 > 0 {
		line += fmt.Sprintf("  p50 %s  p99 %s", duration(p.P50), duration(p.P99))
	}
	if p.Closed > 0 {
		line += fmt.Sprintf("  %s closed by the server", thousands(p.Closed))
	}
	return line
}

// draw reports four times a second until the returned function is called, which may be called twice.
func (r *run) draw() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	began := now()
	go func() {
		defer close(done)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		var last Progress
		var lastLatency histogram
		lastAt := began
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			at := now()
			p, latency := r.progress()
			p.Elapsed = time.Duration(at - began)
			if at > lastAt {
				p.Rate = float64(p.Deliveries-last.Deliveries) / time.Duration(at-lastAt).Seconds()
			}
			since := latency.minus(&lastLatency)
			p.P50, p.P99 = time.Duration(since.quantile(0.5)), time.Duration(since.quantile(0.99))
			last, lastAt, lastLatency = p, at, latency
			r.tell(p)
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() { close(quit) })
		<-done
	}
}

func (r *run) progress() (p Progress, latency histogram) {
	p.Of = r.cfg.Connections
	r.mu.Lock()
	d, s := r.dialer, r.sender
	r.mu.Unlock()
	if d != nil {
		p.Connected = d.opened()
	}
	for _, poller := range r.pollers {
		poller.mu.Lock()
		p.Deliveries += poller.count.deliveries
		p.Closed += poller.count.closed
		latency.merge(&poller.latency)
		poller.mu.Unlock()
	}
	if s != nil {
		s.mu.Lock()
		p.Sending, p.Sent = true, s.count.messages
		s.mu.Unlock()
	}
	return p, latency
}

package bench

import (
	"context"
	"fmt"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/result"
)

// run is the state of a run. The goroutine of Run owns it.
type run struct {
	cfg        *Config
	layout     layout
	targets    []agent.Target
	fleet      *fleet
	watch      *watch
	collect    *collector
	onProgress func(Progress)
	result     *result.Result

	connected []agent.Connected // by agent
	reports   []agent.Report
	end       int64 // the tick at which the schedule ends
	busy      busy
	node      *int // the target whose process ends; nil for none
	sentBy    []uint32
	event     int64 // the tick of the event; 0 for none
}

func (r *run) note(format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}

// distribution returns the distribution of h. If h cannot be encoded, it returns nil and adds a note to the result.
func (r *run) distribution(h *histogram.Histogram) *result.Distribution {
	d, err := result.Distribute(h)
	if err != nil {
		r.note("%v", err)
	}
	return d
}

// follow processes the events of the agents until done returns true. When ctx ends, it stops the sending of the agents, and continues.
func (r *run) follow(ctx context.Context, p Progress, done func(agentEvent) bool) error {
	began := agent.Now()
	interrupted := ctx.Done()
	for {
		select {
		case s := <-r.fleet.events:
			if err := r.fleet.eventError(s); err != nil {
				return err
			}
			if s.event.Tick != nil {
				r.collect.take(s.from, s.event.Tick)
				if s.from == 0 {
					r.progress(&p, began)
				}
			}
			if done(s) {
				return nil
			}
		case <-interrupted:
			interrupted = nil
			r.result.Interrupted = true
			if err := r.fleet.all(agent.Command{Stop: &struct{}{}}); err != nil {
				return err
			}
		}
	}
}

// warmed returns the tick at which the configured warm-up ends, or the shortest automatic one.
func (r *run) warmed(start int64) int64 {
	if !r.cfg.Auto {
		return start + int64(r.cfg.Warmup)/agent.TickEvery
	}
	return start + min(leastWarmup, (r.end-start)/4)
}

// leastWarmup is the shortest automatic warm-up, in ticks.
const leastWarmup = 3 * ticksASecond

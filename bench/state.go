package bench

import (
	"context"
	"fmt"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/result"
)

// run is the state of one bench under way. Only the goroutine of Run uses it.
type run struct {
	cfg     *Config
	layout  layout
	targets []agent.Target
	fleet   *fleet
	watch   *watch
	collect *collector
	tell    func(Progress)
	result  *result.Result

	connected []agent.Connected // by agent
	reports   []agent.Report
	end       int64 // the tick with which the schedule ends
	busy      busy
	event     int64 // the tick of what happens in the middle; 0 for nothing
}

func (r *run) note(format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}

// distribution is h in figures. An error of the encoder is a note: the figures it is about are lost.
func (r *run) distribution(h *histogram.Histogram) *result.Distribution {
	d, err := result.Distribute(h)
	if err != nil {
		r.note("%v", err)
	}
	return d
}

// follow takes what the agents say until done. When ctx ends, the agents are told to send no more, and it goes on.
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

// warmed is the tick with which the warm-up that was asked for ends; where it is to be found, its least.
func (r *run) warmed(start int64) int64 {
	if !r.cfg.Auto {
		return start + int64(r.cfg.Warmup)/agent.TickEvery
	}
	return start + min(leastWarmup, (r.end-start)/4)
}

// leastWarmup is cut off even where the figures were steady at once, in ticks.
const leastWarmup = 3 * ticksASecond

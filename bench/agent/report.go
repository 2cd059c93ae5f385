package agent

import (
	"context"
	"fmt"

	"github.com/throng-chat/throng/bench/observe"
)

// finish waits for what is still on its way, and reports.
func (r *run) finish(ctx context.Context, f *Finish, stopTicks func()) error {
	r.still()
	r.moving.Wait()
	if len(f.Sent) != r.plan.Publishers {
		return fmt.Errorf("agent: message counts of %d publishers, must be %d", len(f.Sent), r.plan.Publishers)
	}
	r.proof.expect(f.Sent, f.Gone)
	wait(ctx, r.plan.Drain, r.complete)
	// The end of a publisher's connection may have been seen only now.
	r.proof.expect(f.Sent, append(f.Gone, r.gone(r.publishers())...))
	stopTicks()
	report := r.report()
	return r.link.Send(Event{Report: &report})
}

// report takes the last tick, counts what is missing, and adds up what the pollers kept until now.
func (r *run) report() Report {
	report := Report{Tick: r.tick(Now() / TickEvery), Closes: map[string]int{}, Cuts: map[string]int{}}
	for _, p := range r.engine.pollers {
		p.mu.Lock()
		p.finished = true
		for why, n := range p.closes {
			report.Closes[why] += n
		}
		for why, n := range p.cuts {
			report.Cuts[why] += n
		}
		report.Cut.Merge(&p.cut)
		p.mu.Unlock()
	}
	var members []*member
	for _, c := range r.engine.all() {
		c.poller.mu.Lock()
		if c.listens() {
			members = append(members, &c.member)
		}
		c.poller.mu.Unlock()
	}
	for _, p := range r.engine.pollers {
		p.mu.Lock()
	}
	report.Findings = r.proof.finish(members)
	for _, p := range r.engine.pollers {
		p.mu.Unlock()
	}
	r.back.mu.Lock()
	report.Back, report.Stopped = r.back.after, r.back.stopped
	r.back.mu.Unlock()
	report.PSS = observe.ReadOwn(true).PSS
	return report
}

// complete says whether everybody has received everything.
func (r *run) complete() bool {
	for _, c := range r.engine.all() {
		c.poller.mu.Lock()
		ok := !c.listens() || c.room.complete(&c.member)
		c.poller.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

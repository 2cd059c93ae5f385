package agent

import (
	"context"
	"fmt"

	"github.com/throng-chat/throng/bench/observe"
)

// finish waits for messages in flight, at most for the plan's drain time, and sends the report.
func (ru *run) finish(ctx context.Context, f *Finish, stopTicks func()) error {
	ru.still()
	ru.moving.Wait()
	if len(f.Sent) != ru.plan.Publishers {
		return fmt.Errorf("agent: message counts of %d publishers, must be %d", len(f.Sent), ru.plan.Publishers)
	}
	ru.check.expect(f.Sent, f.Gone)
	wait(ctx, ru.plan.Drain, ru.complete)
	// The end of a publisher's connection may have been noticed only now.
	ru.check.expect(f.Sent, append(f.Gone, ru.gone(ru.publishers())...))
	stopTicks()
	report := ru.report()
	return ru.link.Send(Event{Report: &report})
}

// report collects the last tick, counts the missing messages, and adds up the figures of the pollers.
func (ru *run) report() Report {
	report := Report{Tick: ru.tick(Now() / TickEvery), Closes: map[string]int{}, Cuts: map[string]int{}}
	for _, p := range ru.engine.pollers {
		p.mu.Lock()
		p.finished = true
		for why, n := range p.closes {
			report.Closes[why] += n
		}
		for why, n := range p.cuts {
			report.Cuts[why] += n
		}
		report.Cut.Merge(&p.cut)
		if p.inflater != nil {
			report.Windows += p.inflater.Windows()
		}
		p.mu.Unlock()
	}
	var members []*member
	for _, c := range ru.engine.all() {
		c.poller.mu.Lock()
		if c.listens() {
			members = append(members, &c.member)
		}
		c.poller.mu.Unlock()
	}
	for _, p := range ru.engine.pollers {
		p.mu.Lock()
	}
	report.Findings = ru.check.finish(members)
	for _, p := range ru.engine.pollers {
		p.mu.Unlock()
	}
	ru.back.mu.Lock()
	report.Back, report.Away, report.Stopped = ru.back.after, ru.back.away, ru.back.stopped
	ru.back.mu.Unlock()
	if ru.orphans != nil {
		report.Goodbyes = ru.orphans.counted()
	}
	report.Across, report.Members = ru.across(), ru.members()
	report.PSS = observe.ReadOwn(true).PSS
	return report
}

// complete reports whether every member has received every message.
func (ru *run) complete() bool {
	for _, c := range ru.engine.all() {
		c.poller.mu.Lock()
		ok := !c.listens() || c.room.complete(&c.member)
		c.poller.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// across returns the latency of all pollers by target.
func (ru *run) across() (all []Across) {
	if !ru.plan.Spread {
		return nil
	}
	all = make([]Across, len(ru.plan.Targets))
	for _, p := range ru.engine.pollers {
		p.mu.Lock()
		for i := range all {
			all[i].Own.Merge(&p.pairs.at[i].Own)
			all[i].Others.Merge(&p.pairs.at[i].Others)
		}
		p.mu.Unlock()
	}
	return all
}

// members returns the number of open connections of this agent by target.
func (ru *run) members() []int {
	at := make([]int, len(ru.plan.Targets))
	for _, c := range ru.engine.all() {
		c.poller.mu.Lock()
		if c.listens() {
			at[c.target]++
		}
		c.poller.mu.Unlock()
	}
	return at
}

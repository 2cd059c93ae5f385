package agent

import (
	"context"
	"testing"
	"time"
)

// rampDialer returns the dialer of one of several agents, with a ramp.
func rampDialer(agent, agents, connections, perS int) *dialer {
	plan := planOf(Plan{Agent: agent, Agents: agents, RoomOf: make([]int32, connections), Ramp: perS})
	return &dialer{run: &run{plan: plan, own: plan.own(connections)}, viable: true}
}

func TestARampSchedulesConnectionsAtItsRate(t *testing.T) {
	const began = 5_000_000_000
	for _, tt := range []struct {
		ramp ramp
		i    int
		want int64
	}{
		{ramp{began: began, perS: 1000}, 0, began},
		{ramp{began: began, perS: 1000}, 1, began + 1_000_000},
		{ramp{began: began, perS: 1000}, 999_999, began + 999_999*1_000_000},
		{ramp{began: began, perS: 3}, 7, began + 2_333_333_333},
		{ramp{began: began, perS: 1_000_000}, 1, began + 1000},
		{ramp{began: began, first: 100, perS: 1000}, 100, began},
		{ramp{began: began, first: 100, perS: 1000}, 102, began + 2_000_000},
		{ramp{began: began}, 7, 0},
	} {
		if got := tt.ramp.due(tt.i); got != tt.want {
			t.Errorf("%+v, connection %d: got %d, want %d", tt.ramp, tt.i, got, tt.want)
		}
	}
}

// Several agents share one ramp: each opens its own connections at their times.
func TestAgentsShareARamp(t *testing.T) {
	began := Now() - int64(time.Hour) // all are due
	opened := map[int]bool{}
	for agent := range 3 {
		d := rampDialer(agent, 3, 10, 4)
		d.until(0)
		for job := range d.jobs(t.Context(), ramp{began: began, perS: 4}) {
			if job.number%3 != agent || opened[job.number] {
				t.Errorf("agent %d opens connection %d", agent, job.number)
			}
			opened[job.number] = true
			if want := began + int64(job.number)*250_000_000; job.due != want {
				t.Errorf("connection %d: got a time %d ns after the beginning, want %d", job.number, job.due-began, want-began)
			}
		}
	}
	if len(opened) != 10 {
		t.Errorf("got %d connections, want 10", len(opened))
	}
}

// The levels of an idle run open one after another, with pauses. A ramp begins anew at each level.
func TestARampBeginsAnewAtEachLevel(t *testing.T) {
	d := rampDialer(0, 1, 100, 10)
	for below := 20; below <= 100; below += 20 {
		before := Now()
		schedule := d.until(below)
		if first := below - 20; schedule.due(first) < before || schedule.due(first) > Now() || schedule.due(first+1)-schedule.due(first) != 100_000_000 {
			t.Errorf("level %d: got %+v, want connection %d at once, and the next after 100 ms", below, schedule, first)
		}
		for range 20 {
			if _, ok := d.take(t.Context()); !ok {
				t.Fatalf("level %d: got too few connections", below)
			}
		}
		if i, ok := d.take(t.Context()); ok {
			t.Errorf("level %d: got connection %d", below, i)
		}
	}
}

func TestNoConnectionOpensBeforeItIsDue(t *testing.T) {
	d := rampDialer(0, 1, 40, 200)
	n := 0
	for job := range d.jobs(t.Context(), d.until(0)) {
		if now := Now(); now < job.due {
			t.Errorf("connection %d: got it %d ns too early", job.number, job.due-now)
		}
		n++
	}
	if n != 40 {
		t.Errorf("got %d connections, want 40", n)
	}
}

func TestAnInterruptEndsARamp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := rampDialer(0, 1000, 1_000_000, 1) // its second connection is due after 1000 s
	jobs := d.jobs(ctx, d.until(0))
	<-jobs
	cancel()
	n := 0
	for range jobs {
		n++
	}
	if n > 1 {
		t.Errorf("got %d connections after the interrupt", n)
	}
}

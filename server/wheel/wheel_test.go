package wheel

import (
	"math/rand/v2"
	"testing"
)

type timer struct {
	Links[timer]
	want Tick
	live bool
}

func (t *timer) WheelLinks() *Links[timer] { return &t.Links }

func newTimers() *Wheel[timer, *timer] { return New[timer, *timer](8) }

func TestAnEntryIsDueAtItsTick(t *testing.T) {
	for _, due := range []Tick{1, 2, 7, 8, 9, 16, 17, 100} {
		w := newTimers()
		e := &timer{}
		w.File(e, due)
		for now := Tick(1); now <= due; now++ {
			got := w.Advance(now, nil)
			if want := now == due; (len(got) == 1) != want {
				t.Fatalf("due %d, tick %d: got %d entries, want it there: %v", due, now, len(got), want)
			}
		}
		if w.Len() != 0 {
			t.Errorf("due %d: got %d entries left, want 0", due, w.Len())
		}
	}
}

func TestAPassedDeadlineIsDueAtTheNextTick(t *testing.T) {
	w := newTimers()
	w.Advance(50, nil)
	w.File(&timer{}, 3)
	if got := w.Advance(51, nil); len(got) != 1 {
		t.Fatalf("got %d entries, want 1", len(got))
	}
}

func TestALongPauseSkipsNoEntry(t *testing.T) {
	w := newTimers()
	for due := Tick(1); due <= 40; due++ {
		w.File(&timer{}, due)
	}
	if got := w.Advance(35, nil); len(got) != 35 {
		t.Fatalf("after a pause of 35 ticks: got %d entries, want 35", len(got))
	}
	if got := w.Advance(40, nil); len(got) != 5 {
		t.Fatalf("the rest: got %d entries, want 5", len(got))
	}
}

func TestFileMovesAnEntry(t *testing.T) {
	w := newTimers()
	e := &timer{}
	w.File(e, 30)
	w.File(e, 2)
	if w.Len() != 1 {
		t.Fatalf("got %d entries, want 1", w.Len())
	}
	if got := w.Advance(2, nil); len(got) != 1 || got[0] != e {
		t.Fatalf("got %v, want the entry at its new tick", got)
	}
	if got := w.Advance(30, nil); len(got) != 0 {
		t.Fatalf("got %d entries at the old tick, want 0", len(got))
	}
}

// The model is a list of deadlines that is searched at each step.
func TestAgainstAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	w := newTimers()
	all := make([]*timer, 50)
	for i := range all {
		all[i] = &timer{}
	}
	now := Tick(0)
	for step := range 100_000 {
		e := all[rng.IntN(len(all))]
		switch rng.IntN(4) {
		case 0, 1:
			e.want, e.live = now+Tick(rng.IntN(40)), true
			w.File(e, e.want)
		case 2:
			e.live = false
			w.Remove(e)
		case 3:
			now += Tick(rng.IntN(12))
			due := map[*timer]bool{}
			for _, e := range w.Advance(now, nil) {
				due[e] = true
			}
			if now > w.Now() {
				t.Fatalf("step %d: the wheel is at tick %d, want %d", step, w.Now(), now)
			}
			for i, e := range all {
				// An entry that was filed at the current tick is due at the next one.
				if want := e.live && e.want <= now; due[e] && !want {
					t.Fatalf("step %d: entry %d came early: due %d, now %d", step, i, e.want, now)
				} else if want && !due[e] && e.WheelLinks().due <= now {
					t.Fatalf("step %d: entry %d is missing: due %d, now %d", step, i, e.want, now)
				}
				if due[e] {
					e.live = false
				}
			}
		}
		live := 0
		for _, e := range all {
			if e.live {
				live++
			}
		}
		if w.Len() != live {
			t.Fatalf("step %d: got %d filed, want %d", step, w.Len(), live)
		}
	}
}

func TestFileDoesNotAllocate(t *testing.T) {
	w := newTimers()
	e := &timer{}
	if n := testing.AllocsPerRun(100, func() { w.File(e, w.Now()+5) }); n != 0 {
		t.Errorf("got %v allocations a filing, want 0", n)
	}
}

func TestEachVisitsEveryEntryOnce(t *testing.T) {
	w := newTimers()
	timers := make([]timer, 20)
	for i := range timers {
		w.File(&timers[i], Tick(i%11+1))
	}
	w.Remove(&timers[3])
	seen := map[*timer]int{}
	w.Each(func(e *timer) { seen[e]++ })
	for i := range timers {
		if want := min(i^3, 1); seen[&timers[i]] != want {
			t.Errorf("entry %d: got %d visits, want %d", i, seen[&timers[i]], want)
		}
	}
}

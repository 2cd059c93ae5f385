package session

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testTimeout is how long a test waits for an event that must come.
const testTimeout = time.Minute

func TestTasksRunInOrder(t *testing.T) {
	w := NewWorkers(2, 3, time.Hour)
	gate := make(chan struct{})
	var busy, most atomic.Int32
	order := make(chan int, 5)
	for i := range 5 {
		accepted := w.Do(netip.Addr{}, func() {
			if n := busy.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-gate
			order <- i
			busy.Add(-1)
		}, func() { t.Errorf("%d was refused", i) })
		if !accepted {
			t.Errorf("%d was not accepted", i)
		}
	}
	if w.Do(netip.Addr{}, func() { t.Error("more than may wait was done") }, func() { t.Error("and refused later") }) {
		t.Error("more was accepted than may wait")
	}
	if w.Length() != 3 {
		t.Errorf("got %d that wait, want 3", w.Length())
	}
	close(gate)
	w.Wait()
	if most.Load() > 2 || w.Length() != 0 || w.busy != 0 {
		t.Errorf("got %d at a time, %d that wait, %d busy; want 2, 0, 0", most.Load(), w.Length(), w.busy)
	}
	seen := 0
	for range 5 {
		seen |= 1 << <-order
	}
	if seen != 1<<5-1 {
		t.Errorf("got %b, want all five done", seen)
	}
}

func TestATaskHasAQueueTimeout(t *testing.T) {
	w := NewWorkers(1, 10, 0)
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	var refused atomic.Int32
	for range 3 {
		w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused.Add(1) })
	}
	time.Sleep(time.Millisecond) // longer than they may wait
	close(gate)
	w.Wait()
	if refused.Load() != 3 {
		t.Errorf("got %d refused, want 3", refused.Load())
	}
	done := false
	w.Do(netip.Addr{}, func() { done = true }, nil)
	w.Wait()
	if !done {
		t.Error("nothing is done behind a refusal")
	}
}

// What waits is refused when its time is over, not when somebody comes to look at it.
func TestTheQueueTimeoutIsOnTime(t *testing.T) {
	w := NewWorkers(1, 10, time.Millisecond)
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	refused := make(chan int, 6)
	for round := range 2 {
		for i := range 3 {
			w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused <- 3*round + i })
		}
		for i := range 3 {
			select {
			case got := <-refused:
				if got != 3*round+i {
					t.Errorf("got %d refused, want %d first", got, 3*round+i)
				}
			case <-time.After(testTimeout):
				t.Fatal("what waits is not refused while the others are busy")
			}
		}
	}
	close(gate)
	w.Wait()
	if w.Length() != 0 || w.busy != 0 {
		t.Errorf("got %d that wait, %d busy; want none", w.Length(), w.busy)
	}
}

// Each waits for its own time, not for that of the first.
func TestEachTaskHasItsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 10, time.Second)
		gate := make(chan struct{})
		w.Do(netip.Addr{}, func() { <-gate }, nil)
		start := time.Now()
		var refused []time.Duration
		for range 4 {
			w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused = append(refused, time.Since(start)) })
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{1000 * time.Millisecond, 1300 * time.Millisecond, 1600 * time.Millisecond, 1900 * time.Millisecond}
		if !slices.Equal(refused, want) {
			t.Errorf("got refusals after %v, want %v", refused, want)
		}
		close(gate)
		w.Wait()
	})
}

// A worker that comes to something late before anybody else refuses it.
func TestAWorkerRejectsALateTask(t *testing.T) {
	w := NewWorkers(1, 10, 0)
	w.watched = true // but nobody comes
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	refused := false
	w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused = true })
	close(gate)
	w.Wait()
	if !refused {
		t.Error("neither done nor refused")
	}
}

// The end waits for refusals that are under way, not only for work.
func TestWaitIncludesRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 10, time.Second)
		work, refusal := make(chan struct{}), make(chan struct{})
		w.Do(netip.Addr{}, func() { <-work }, nil)
		w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { <-refusal })
		time.Sleep(2 * time.Second) // it is being refused
		close(work)
		ended := false
		go func() {
			w.Wait()
			ended = true
		}()
		synctest.Wait()
		if ended {
			t.Error("the end does not wait for a refusal")
		}
		close(refusal)
		synctest.Wait()
		if !ended {
			t.Error("the end waits for nothing")
		}
	})
}

// Who asks for much at once waits for itself: addresses take turns, and where too much waits the heaviest one makes room.
func TestAddressesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c, d := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("192.0.2.4")
		w := NewWorkers(1, 6, time.Hour)
		gate := make(chan struct{})
		w.Do(a, func() { <-gate }, nil)
		var done, refused []string
		do := func(from netip.Addr, name string) bool {
			return w.Do(from, func() { done = append(done, name) }, func() { refused = append(refused, name) })
		}
		for i := range 6 {
			if !do(a, fmt.Sprint("a", i)) {
				t.Fatalf("a%d was not accepted", i)
			}
		}
		if !w.full(a) || do(a, "a6") {
			t.Error("one more of the heaviest was accepted")
		}
		for _, name := range []string{"b0", "c0", "b1", "d0"} {
			from := map[byte]netip.Addr{'b': b, 'c': c, 'd': d}[name[0]]
			if w.full(from) || !do(from, name) {
				t.Errorf("%s was not accepted, though most of what waits is of another address", name)
			}
			synctest.Wait() // for the refusal
		}
		// a and b have two, c and d one.
		if do(b, "b2") || do(c, "c1") {
			t.Error("b2 or c1 was accepted, where no address has more than theirs would")
		}
		if w.Length() != 6 {
			t.Errorf("got %d that wait, want 6", w.Length())
		}
		close(gate)
		w.Wait()
		if want := []string{"a0", "b0", "c0", "d0", "a1", "b1"}; !slices.Equal(done, want) {
			t.Errorf("got done in the order %v, want %v", done, want)
		}
		if want := []string{"a5", "a4", "a3", "a2"}; !slices.Equal(refused, want) {
			t.Errorf("got %v refused, want the newest of the heaviest: %v", refused, want)
		}
		if w.busy != 0 || w.waiting != 0 || len(w.queues) != 0 || len(w.turns) != 0 {
			t.Errorf("got %d busy, %d waiting, %d lines, %d turns; want none", w.busy, w.waiting, len(w.queues), len(w.turns))
		}
	})
}

// What is late is refused in its time, in whatever line it waits.
func TestTheTasksOfEachAddressHaveATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 100, time.Second)
		gate := make(chan struct{})
		w.Do(netip.Addr{}, func() { <-gate }, nil)
		start := time.Now()
		var refused []string
		for i := range 6 {
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 2)})
			w.Do(from, func() { t.Error("done too late") }, func() { refused = append(refused, fmt.Sprint(i, time.Since(start))) })
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []string{"0 1s", "1 1.1s", "2 1.2s", "3 1.3s", "4 1.4s", "5 1.5s"}; !slices.Equal(refused, want) {
			t.Errorf("got refused %v, want %v", refused, want)
		}
		if len(w.queues) != 0 || w.Length() != 0 {
			t.Errorf("got %d lines, %d that wait; want none", len(w.queues), w.Length())
		}
		close(gate)
		w.Wait()
	})
}

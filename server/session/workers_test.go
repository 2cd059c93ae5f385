package session

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

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
		}, func() { t.Errorf("%d was rejected", i) })
		if !accepted {
			t.Errorf("%d was not accepted", i)
		}
	}
	if w.Do(netip.Addr{}, func() { t.Error("a task over the queue limit was run") }, func() { t.Error("a task over the queue limit was rejected later") }) {
		t.Error("a task over the queue limit was accepted")
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
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 10, 0)
		gate := make(chan struct{})
		w.Do(netip.Addr{}, func() { <-gate }, nil)
		var rejected atomic.Int32
		for range 3 {
			w.Do(netip.Addr{}, func() { t.Error("run after its timeout") }, func() { rejected.Add(1) })
		}
		time.Sleep(time.Nanosecond) // longer than they may wait
		close(gate)
		w.Wait()
		if rejected.Load() != 3 {
			t.Errorf("got %d rejected, want 3", rejected.Load())
		}
		done := false
		w.Do(netip.Addr{}, func() { done = true }, nil)
		w.Wait()
		if !done {
			t.Error("no task runs after a rejection")
		}
	})
}

// A waiting task is rejected at its timeout, not when a worker takes it.
func TestTheQueueTimeoutIsOnTime(t *testing.T) {
	w := NewWorkers(1, 10, time.Millisecond)
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	rejected := make(chan int, 6)
	for round := range 2 {
		for i := range 3 {
			w.Do(netip.Addr{}, func() { t.Error("run after its timeout") }, func() { rejected <- 3*round + i })
		}
		for i := range 3 {
			select {
			case got := <-rejected:
				if got != 3*round+i {
					t.Errorf("got %d rejected, want %d first", got, 3*round+i)
				}
			case <-time.After(testkit.Timeout):
				t.Fatal("a waiting task is not rejected while the workers are busy")
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
		var rejected []time.Duration
		for range 4 {
			w.Do(netip.Addr{}, func() { t.Error("run after its timeout") }, func() { rejected = append(rejected, time.Since(start)) })
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{1000 * time.Millisecond, 1300 * time.Millisecond, 1600 * time.Millisecond, 1900 * time.Millisecond}
		if !slices.Equal(rejected, want) {
			t.Errorf("got rejections after %v, want %v", rejected, want)
		}
		close(gate)
		w.Wait()
	})
}

// A worker that comes to something late before anybody else refuses it.
func TestAWorkerRejectsALateTask(t *testing.T) {
	w := NewWorkers(1, 10, 0)
	w.watched = true // but there is no timer
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	rejected := false
	w.Do(netip.Addr{}, func() { t.Error("run after its timeout") }, func() { rejected = true })
	close(gate)
	w.Wait()
	if !rejected {
		t.Error("neither run nor rejected")
	}
}

// Wait also waits for rejections in progress.
func TestWaitIncludesRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 10, time.Second)
		work, refusal := make(chan struct{}), make(chan struct{})
		w.Do(netip.Addr{}, func() { <-work }, nil)
		w.Do(netip.Addr{}, func() { t.Error("run after its timeout") }, func() { <-refusal })
		time.Sleep(2 * time.Second) // its rejection is in progress
		close(work)
		ended := false
		go func() {
			w.Wait()
			ended = true
		}()
		synctest.Wait()
		if ended {
			t.Error("Wait returned during a rejection")
		}
		close(refusal)
		synctest.Wait()
		if !ended {
			t.Error("Wait did not return")
		}
	})
}

// Addresses take turns: one with many tasks delays only itself. If the queue is full, the address with most tasks loses its newest one.
func TestAddressesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c, d := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("192.0.2.4")
		w := NewWorkers(1, 6, time.Hour)
		gate := make(chan struct{})
		w.Do(a, func() { <-gate }, nil)
		var done, rejected []string
		do := func(from netip.Addr, name string) bool {
			return w.Do(from, func() { done = append(done, name) }, func() { rejected = append(rejected, name) })
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
		if want := []string{"a5", "a4", "a3", "a2"}; !slices.Equal(rejected, want) {
			t.Errorf("got %v rejected, want the newest of the heaviest: %v", rejected, want)
		}
		if w.busy != 0 || w.waiting != 0 || len(w.queues) != 0 || len(w.turns) != 0 {
			t.Errorf("got %d busy, %d waiting, %d lines, %d turns; want none", w.busy, w.waiting, len(w.queues), len(w.turns))
		}
	})
}

// A late task is rejected at its timeout, in every queue.
func TestTheTasksOfEachAddressHaveATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 100, time.Second)
		gate := make(chan struct{})
		w.Do(netip.Addr{}, func() { <-gate }, nil)
		start := time.Now()
		var rejected []string
		for i := range 6 {
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 2)})
			w.Do(from, func() { t.Error("run after its timeout") }, func() { rejected = append(rejected, fmt.Sprint(i, time.Since(start))) })
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []string{"0 1s", "1 1.1s", "2 1.2s", "3 1.3s", "4 1.4s", "5 1.5s"}; !slices.Equal(rejected, want) {
			t.Errorf("got rejected %v, want %v", rejected, want)
		}
		if len(w.queues) != 0 || w.Length() != 0 {
			t.Errorf("got %d lines, %d that wait; want none", len(w.queues), w.Length())
		}
		close(gate)
		w.Wait()
	})
}

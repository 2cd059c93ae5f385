package server

import (
	"sync"
	"time"
)

// workers does what must not be done on a poller. Each piece of work has a goroutine, of which there are so many at a time;
// more work waits its turn, first come, first served, up to a number and a time. Any goroutine may use it.
type workers struct {
	// Constant after newWorkers.
	most     int           // at a time
	queue    int           // that may wait
	patience time.Duration // how long each may wait

	mu      sync.Mutex // a leaf, not held over any work
	busy    int
	waiting []errand // the first to be done first

	running sync.WaitGroup
}

// errand is work that waits. If it waits too long it is refused instead.
type errand struct {
	work, refuse func()
	since        time.Time
}

func newWorkers(most, queue int, patience time.Duration) *workers {
	return &workers{most: most, queue: queue, patience: patience}
}

// do has work done soon, or refuse called where it had to wait for too long: one of them, once, on another goroutine. It is
// false, and neither is called, where too much waits already. It does not block.
func (w *workers) do(work, refuse func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy < w.most {
		w.busy++
		w.running.Go(func() { w.run(work) })
		return true
	}
	if len(w.waiting) >= w.queue {
		return false
	}
	w.waiting = append(w.waiting, errand{work, refuse, time.Now()})
	return true
}

// run does work, and then what waits, until nothing does.
func (w *workers) run(work func()) {
	for work != nil {
		work()
		work = w.next()
	}
}

// next is what to do next, nil for nothing.
func (w *workers) next() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.waiting = nil
		w.busy--
		return nil
	}
	first := w.waiting[0]
	w.waiting[0] = errand{}
	w.waiting = w.waiting[1:]
	if time.Since(first.since) > w.patience {
		return first.refuse
	}
	return first.work
}

// length is how much waits.
func (w *workers) length() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// wait waits until all is done. Nothing new may be given from then on.
func (w *workers) wait() { w.running.Wait() }

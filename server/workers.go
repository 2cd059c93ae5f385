package server

import (
	"runtime"
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
	watched bool     // refuseLate will come, while something waits

	running sync.WaitGroup
}

// errand is work that waits. If it waits too long it is refused instead.
type errand struct {
	work, refuse func()
	since        time.Time
}

func (e *errand) isLate(patience time.Duration) bool { return time.Since(e.since) >= patience }

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
	if !w.watched {
		w.watched = true
		time.AfterFunc(w.patience, w.refuseLate)
	}
	return true
}

// full says whether do would refuse now.
func (w *workers) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy >= w.most && len(w.waiting) >= w.queue
}

// refusedAtOnce is how many are refused before others get a turn: all may have come at one moment.
const refusedAtOnce = 64

// refuseLate refuses what has waited too long, and comes again when the next will have.
func (w *workers) refuseLate() {
	w.mu.Lock()
	if len(w.waiting) == 0 {
		w.watched = false
		w.mu.Unlock()
		return
	}
	// While something waits somebody is busy, so that wait has not seen the end yet.
	w.running.Add(1)
	defer w.running.Done()
	var late []errand
	for len(w.waiting) > 0 && w.waiting[0].isLate(w.patience) {
		late = append(late, w.takeFirst())
	}
	w.mu.Unlock()
	for i, e := range late {
		e.refuse()
		if (i+1)%refusedAtOnce == 0 {
			runtime.Gosched()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watched = len(w.waiting) > 0; w.watched {
		time.AfterFunc(w.patience-time.Since(w.waiting[0].since), w.refuseLate)
	}
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
	first := w.takeFirst()
	if first.isLate(w.patience) {
		return first.refuse
	}
	return first.work
}

// takeFirst takes what is first out of what waits. The lock must be held, and something wait.
func (w *workers) takeFirst() errand {
	first := w.waiting[0]
	w.waiting[0] = errand{}
	w.waiting = w.waiting[1:]
	return first
}

// length is how much waits.
func (w *workers) length() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// wait waits until all is done. Nothing new may be given from then on.
func (w *workers) wait() { w.running.Wait() }

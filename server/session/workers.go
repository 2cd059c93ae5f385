package session

import (
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

// workers runs tasks that would block a poller, each on its own goroutine, a limited number at a time. More tasks wait in queues, limited in number
// and time. The queues of all addresses take turns, and each queue keeps its order: an address with many tasks delays only itself. Any
// goroutine may use it.
type workers struct {
	// Constant after NewWorkers.
	Limit     int // tasks at a time
	maxQueued int // tasks that wait

	queueTimeout atomic.Int64 // time to wait, in nanoseconds

	mu      sync.Mutex // a leaf, not held while a task runs
	busy    int
	waiting int                       // tasks
	queues  map[netip.Addr]*taskQueue // not empty, by address
	turns   []*taskQueue              // the same, in the order of their turns
	watched bool                      // a timer calls rejectLate; true while tasks wait

	running sync.WaitGroup
}

// task is a queued task. If it waits longer than the queue timeout, reject is called instead of work.
type task struct {
	work, reject func()
	since        time.Time
}

// taskQueue has the tasks of one address in their order. It is never empty.
type taskQueue struct {
	from netip.Addr
	list []task
}

// Len returns the number of tasks that wait.
func (tasks *taskQueue) Len() int { return len(tasks.list) }

func (t *task) isLate(timeout time.Duration) bool { return time.Since(t.since) >= timeout }

// NewWorkers returns workers for so many tasks at a time, with a queue of so many tasks.
func NewWorkers(limit, maxQueued int, queueTimeout time.Duration) *workers {
	w := &workers{Limit: limit, maxQueued: maxQueued, queues: map[netip.Addr]*taskQueue{}}
	w.setTimeout(queueTimeout)
	return w
}

// setTimeout sets the queue timeout, also of the tasks that wait.
func (w *workers) setTimeout(d time.Duration) { w.queueTimeout.Store(int64(d)) }

func (w *workers) timeout() time.Duration { return time.Duration(w.queueTimeout.Load()) }

// Do runs work for an address, the zero Addr for none. It calls reject instead if work waits longer than the queue timeout, or is evicted by a task
// of another address. One of them is called, once, on another goroutine. If the queue is full, Do returns false and calls neither. It does
// not block.
func (w *workers) Do(from netip.Addr, work, reject func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy < w.Limit {
		w.busy++
		w.running.Go(func() { w.run(work) })
		return true
	}
	if w.waiting >= w.maxQueued {
		heaviest := w.heavierThan(from)
		if heaviest == nil {
			return false
		}
		w.running.Go(w.dropLast(heaviest).reject)
	}
	q := w.queues[from]
	if q == nil {
		q = &taskQueue{from: from}
		w.queues[from] = q
		w.turns = append(w.turns, q)
	}
	q.list = append(q.list, task{work, reject, time.Now()})
	w.waiting++
	if !w.watched {
		w.watched = true
		time.AfterFunc(w.timeout(), w.rejectLate)
	}
	return true
}

// full reports whether Do would return false now.
func (w *workers) full(from netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy >= w.Limit && w.waiting >= w.maxQueued && w.heavierThan(from) == nil
}

// heavierThan returns the longest queue, if it is longer than that of from would be with one more task; else nil. It does not search if from has
// its share already. The lock must be held.
func (w *workers) heavierThan(from netip.Addr) *taskQueue {
	own := 0
	if q := w.queues[from]; q != nil {
		own = len(q.list)
	}
	if own*len(w.queues) >= w.waiting {
		return nil
	}
	if heaviest, ok := limiter.HeavierThan(own, slices.Values(w.turns)); ok {
		return heaviest
	}
	return nil
}

// rejectedAtOnce is the number of tasks that rejectLate rejects before it yields the processor.
const rejectedAtOnce = 64

// rejectLate rejects the tasks that have waited too long, and sets the timer for the next ones.
func (w *workers) rejectLate() {
	w.mu.Lock()
	if w.waiting == 0 {
		w.watched = false
		w.mu.Unlock()
		return
	}
	// While tasks wait, a goroutine is busy: Wait has not returned yet, so Add is allowed.
	w.running.Add(1)
	defer w.running.Done()
	late := w.takeLate()
	w.mu.Unlock()
	for i, e := range late {
		e.reject()
		if (i+1)%rejectedAtOnce == 0 {
			runtime.Gosched()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watched = w.waiting > 0; w.watched {
		time.AfterFunc(w.timeout()-time.Since(w.oldest()), w.rejectLate)
	}
}

// takeLate removes and returns the tasks that have waited too long, the oldest first. The lock must be held.
func (w *workers) takeLate() (late []task) {
	for i := len(w.turns) - 1; i >= 0; i-- { // backwards: an empty queue is removed from Turns
		q := w.turns[i]
		n := 0
		for n < len(q.list) && q.list[n].isLate(w.timeout()) {
			n++
		}
		late = append(late, q.list[:n]...)
		w.drop(i, 0, n)
	}
	slices.SortStableFunc(late, func(a, b task) int { return a.since.Compare(b.since) })
	return late
}

// oldest returns the time of the oldest task. The lock must be held, and a task must wait.
func (w *workers) oldest() time.Time {
	first := w.turns[0].list[0].since
	for _, q := range w.turns[1:] {
		if since := q.list[0].since; since.Before(first) {
			first = since
		}
	}
	return first
}

// run runs work and then the waiting tasks, until none waits.
func (w *workers) run(work func()) {
	for work != nil {
		work()
		work = w.next()
	}
}

// next returns the next function to call; nil for none.
func (w *workers) next() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == 0 {
		w.turns = nil
		w.busy--
		return nil
	}
	q := w.turns[0]
	first := q.list[0]
	if w.drop(0, 0, 1) { // the other addresses first
		w.turns = append(w.turns[1:], q)
	}
	if first.isLate(w.timeout()) {
		return first.reject
	}
	return first.work
}

// dropLast removes and returns the newest task of a queue. The lock must be held.
func (w *workers) dropLast(q *taskQueue) task {
	n := len(q.list) - 1
	last := q.list[n]
	w.drop(slices.Index(w.turns, q), n, n+1)
	return last
}

// drop removes the tasks from to to of the queue at a turn, and the queue if none is left. It reports whether some are left. The lock must be
// held.
func (w *workers) drop(turn, from, to int) (left bool) {
	q := w.turns[turn]
	w.waiting -= to - from
	if from == 0 && to < len(q.list) {
		clear(q.list[:to])
		q.list = q.list[to:] // in constant time
	} else {
		q.list = slices.Delete(q.list, from, to)
	}
	if len(q.list) > 0 {
		return true
	}
	delete(w.queues, q.from)
	if turn == 0 {
		w.turns = w.turns[1:]
	} else {
		w.turns = slices.Delete(w.turns, turn, turn+1)
	}
	return false
}

// Length returns the number of waiting tasks.
func (w *workers) Length() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting
}

// Wait waits until all tasks are done. Do must not be called after it.
func (w *workers) Wait() { w.running.Wait() }

package session

import (
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

// workers does what must not be done on a poller. Each piece of work has a goroutine, of which there are so many at a time;
// more work waits its turn, up to a number and a time. Addresses take turns, and the work of one is done in its order: who asks for
// much at once waits for itself. Any goroutine may use it.
type workers struct {
	// Constant after newWorkers.
	Most     int           // at a time
	queue    int           // that may wait
	patience time.Duration // how long each may wait

	mu      sync.Mutex // a leaf, not held over any work
	Busy    int
	Waiting int                     // errands
	Lines   map[netip.Addr]*errands // of the addresses for which something waits
	Turns   []*errands              // the same, the one whose turn is next first
	Watched bool                    // refuseLate will come, while something waits

	running sync.WaitGroup
}

// errand is work that waits. If it waits too long it is refused instead.
type errand struct {
	work, refuse func()
	since        time.Time
}

// errands are those of one address: never empty, the first to be done first.
type errands struct {
	from netip.Addr
	list []errand
}

func (task *errand) isLate(patience time.Duration) bool { return time.Since(task.since) >= patience }

func NewWorkers(most, queue int, patience time.Duration) *workers {
	return &workers{Most: most, queue: queue, patience: patience, Lines: map[netip.Addr]*errands{}}
}

// Do has work done soon for an address (the zero Addr for nobody's in particular), or refuse called where it had to wait for too long, or
// must make room for another address: one of them, once, on another goroutine. It is false, and neither is called, where too much
// waits already. It does not block.
func (w *workers) Do(from netip.Addr, work, refuse func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Busy < w.Most {
		w.Busy++
		w.running.Go(func() { w.run(work) })
		return true
	}
	if w.Waiting >= w.queue {
		heaviest := w.heavierThan(from)
		if heaviest == nil {
			return false
		}
		w.running.Go(w.dropLast(heaviest).refuse)
	}
	line := w.Lines[from]
	if line == nil {
		line = &errands{from: from}
		w.Lines[from] = line
		w.Turns = append(w.Turns, line)
	}
	line.list = append(line.list, errand{work, refuse, time.Now()})
	w.Waiting++
	if !w.Watched {
		w.Watched = true
		time.AfterFunc(w.patience, w.refuseLate)
	}
	return true
}

// Full says whether do would refuse now.
func (w *workers) Full(from netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Busy >= w.Most && w.Waiting >= w.queue && w.heavierThan(from) == nil
}

// heavierThan returns the address for which the most waits, if that is more than would wait for from with one more; else nil. An address
// with its share already is refused without a search. The lock must be held.
func (w *workers) heavierThan(from netip.Addr) (heaviest *errands) {
	own := 0
	if line := w.Lines[from]; line != nil {
		own = len(line.list)
	}
	if own*len(w.Lines) >= w.Waiting {
		return nil
	}
	for _, line := range w.Turns {
		if heaviest == nil || len(line.list) > len(heaviest.list) {
			heaviest = line
		}
	}
	if len(heaviest.list) <= own+1 {
		return nil
	}
	return heaviest
}

// refusedAtOnce is how many are refused before others get a turn: all may have come at one moment.
const refusedAtOnce = 64

// refuseLate refuses what has waited too long, and comes again when the next will have.
func (w *workers) refuseLate() {
	w.mu.Lock()
	if w.Waiting == 0 {
		w.Watched = false
		w.mu.Unlock()
		return
	}
	// While something waits somebody is busy, so that wait has not seen the end yet.
	w.running.Add(1)
	defer w.running.Done()
	late := w.takeLate()
	w.mu.Unlock()
	for i, e := range late {
		e.refuse()
		if (i+1)%refusedAtOnce == 0 {
			runtime.Gosched()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Watched = w.Waiting > 0; w.Watched {
		time.AfterFunc(w.patience-time.Since(w.oldest()), w.refuseLate)
	}
}

// takeLate takes what has waited too long, the longest first. The lock must be held.
func (w *workers) takeLate() (late []errand) {
	for i := len(w.Turns) - 1; i >= 0; i-- { // backwards: a line that ends leaves turns
		line := w.Turns[i]
		n := 0
		for n < len(line.list) && line.list[n].isLate(w.patience) {
			n++
		}
		late = append(late, line.list[:n]...)
		w.drop(i, 0, n)
	}
	slices.SortStableFunc(late, func(a, b errand) int { return a.since.Compare(b.since) })
	return late
}

// oldest is since when the first to be late waits. The lock must be held, and something wait.
func (w *workers) oldest() time.Time {
	first := w.Turns[0].list[0].since
	for _, line := range w.Turns[1:] {
		if since := line.list[0].since; since.Before(first) {
			first = since
		}
	}
	return first
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
	if w.Waiting == 0 {
		w.Turns = nil
		w.Busy--
		return nil
	}
	line := w.Turns[0]
	first := line.list[0]
	if w.drop(0, 0, 1) { // others first
		w.Turns = append(w.Turns[1:], line)
	}
	if first.isLate(w.patience) {
		return first.refuse
	}
	return first.work
}

// dropLast takes the newest of an address out of what waits. The lock must be held.
func (w *workers) dropLast(line *errands) errand {
	n := len(line.list) - 1
	last := line.list[n]
	w.drop(slices.Index(w.Turns, line), n, n+1)
	return last
}

// drop takes some of the errands of the line at a turn out of what waits, and the line when it was all. It returns whether any are left
// there. The lock must be held.
func (w *workers) drop(turn, from, to int) (left bool) {
	line := w.Turns[turn]
	w.Waiting -= to - from
	if from == 0 && to < len(line.list) {
		clear(line.list[:to])
		line.list = line.list[to:] // in constant time
	} else {
		line.list = slices.Delete(line.list, from, to)
	}
	if len(line.list) > 0 {
		return true
	}
	delete(w.Lines, line.from)
	if turn == 0 {
		w.Turns = w.Turns[1:]
	} else {
		w.Turns = slices.Delete(w.Turns, turn, turn+1)
	}
	return false
}

// Length is how much waits.
func (w *workers) Length() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Waiting
}

// Wait waits until all is done. Nothing new may be given from then on.
func (w *workers) Wait() { w.running.Wait() }

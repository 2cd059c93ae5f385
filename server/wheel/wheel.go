// Package wheel is a hashed timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6). It stores many
// deadlines and returns those that have come, in O(1) for each entry. Its user passes the time, in ticks of any length. The wheel has no
// clock, no goroutine and no lock.
package wheel

// Tick is a time, in ticks since an epoch of the user. 2^32 ticks of half a second are 68 years.
type Tick uint32

// Links is the embedded part of an entry: 24 bytes, without an allocation. Only the wheel uses it.
type Links[T any] struct {
	next, prev *T
	due        Tick
	filed      bool
}

// Entry is a pointer to a struct that embeds Links.
type Entry[T any] interface {
	*T
	WheelLinks() *Links[T]
}

// Wheel stores entries by their deadlines. It is not safe for concurrent use.
type Wheel[T any, P Entry[T]] struct {
	slots []*T // heads of doubly linked lists
	now   Tick
	size  int
}

// New returns a wheel with one slot for each tick of its round. A later deadline is allowed: its entry is looked at once in each round.
func New[T any, P Entry[T]](slots int) *Wheel[T, P] {
	return &Wheel[T, P]{slots: make([]*T, slots)}
}

// Len returns the number of entries.
func (w *Wheel[T, P]) Len() int { return w.size }

// Now returns the tick of the last Advance.
func (w *Wheel[T, P]) Now() Tick { return w.now }

// File stores e at its deadline, and removes it from an earlier one. A deadline that has passed is due at the next tick.
func (w *Wheel[T, P]) File(e P, due Tick) {
	w.Remove(e)
	if due <= w.now {
		due = w.now + 1
	}
	l := e.WheelLinks()
	slot := &w.slots[int(due)%len(w.slots)]
	l.due, l.filed = due, true
	l.prev, l.next = nil, *slot
	if l.next != nil {
		P(l.next).WheelLinks().prev = (*T)(e)
	}
	*slot = (*T)(e)
	w.size++
}

// Remove removes e. It does nothing if e is not stored.
func (w *Wheel[T, P]) Remove(e P) {
	l := e.WheelLinks()
	if !l.filed {
		return
	}
	if l.next != nil {
		P(l.next).WheelLinks().prev = l.prev
	}
	if l.prev != nil {
		P(l.prev).WheelLinks().next = l.next
	} else {
		w.slots[int(l.due)%len(w.slots)] = l.next
	}
	*l = Links[T]{}
	w.size--
}

// Each calls f for every entry, in no order. f must not call File or Remove.
func (w *Wheel[T, P]) Each(f func(P)) {
	for _, e := range w.slots {
		for ; e != nil; e = P(e).WheelLinks().next {
			f(P(e))
		}
	}
}

// Advance moves the wheel to now, removes the entries that are due, and appends them to due. After a pause of more than a round it looks at
// each slot once.
func (w *Wheel[T, P]) Advance(now Tick, due []P) []P {
	if now <= w.now {
		return due
	}
	steps := min(int(now-w.now), len(w.slots))
	first := int(now) - steps + 1
	w.now = now
	for i := range steps {
		for e := w.slots[(first+i)%len(w.slots)]; e != nil; {
			l := P(e).WheelLinks()
			next := l.next
			if l.due <= now {
				w.Remove(P(e))
				due = append(due, P(e))
			}
			e = next
		}
	}
	return due
}

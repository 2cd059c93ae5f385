// Package wheel is a hashed timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6):
// it files very many deadlines and hands out those that have come, at O(1) an entry. It is told the time, in ticks of
// whatever length its user likes, and owns no clock, no goroutine and no lock.
package wheel

// Tick is a moment, counted in ticks since the user's epoch. 2^32 ticks of half a second last 68 years.
type Tick uint32

// Links is what an entry embeds: 24 bytes, no allocation. It belongs to the wheel.
type Links[T any] struct {
	next, prev *T
	due        Tick
	filed      bool
}

// Entry is what can be filed: a pointer to a struct that embeds Links.
type Entry[T any] interface {
	*T
	WheelLinks() *Links[T]
}

// Wheel files entries by their deadline. It is not safe for concurrent use.
type Wheel[T any, P Entry[T]] struct {
	slots []*T // heads of doubly linked lists
	now   Tick
	size  int
}

// New makes a wheel whose slots cover the given number of ticks. Deadlines further away are filed too; they only cost a
// look each time round.
func New[T any, P Entry[T]](slots int) *Wheel[T, P] {
	return &Wheel[T, P]{slots: make([]*T, slots)}
}

// Len is the number of entries filed.
func (w *Wheel[T, P]) Len() int { return w.size }

// Now is the tick that Advance last reached.
func (w *Wheel[T, P]) Now() Tick { return w.now }

// File puts e under its deadline, from wherever it was filed before. A deadline that has passed comes at the next tick.
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

// Remove takes e out. An entry that is not filed is left alone.
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

// Each calls f for every entry filed, in no order. f must not file or remove entries.
func (w *Wheel[T, P]) Each(f func(P)) {
	for _, e := range w.slots {
		for ; e != nil; e = P(e).WheelLinks().next {
			f(P(e))
		}
	}
}

// Advance moves the wheel to now and appends the entries whose deadline has come to due, taking them out. A wheel that
// slept for longer than a round looks into each slot once.
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

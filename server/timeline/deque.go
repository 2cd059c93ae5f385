package timeline

import "slices"

// deque is a list that mostly grows at its end and shrinks at its beginning, both in amortized constant time.
type deque[T comparable] struct {
	items []T
	head  int // index of the first element
}

func (d *deque[T]) len() int { return len(d.items) - d.head }

func (d *deque[T]) at(i int) T { return d.items[d.head+i] }

func (d *deque[T]) push(v T) {
	if len(d.items) == cap(d.items) && d.head > d.len() {
		d.compact()
	}
	d.items = append(d.items, v)
}

func (d *deque[T]) popFront() T {
	v := d.items[d.head]
	var none T
	d.items[d.head] = none
	d.head++
	switch {
	case d.len() == 0:
		*d = deque[T]{}
	case d.head > 3*d.len()+64:
		*d = deque[T]{items: slices.Clone(d.items[d.head:])} // return memory
	}
	return v
}

// compact moves the elements to the beginning.
func (d *deque[T]) compact() {
	n := copy(d.items, d.items[d.head:])
	clear(d.items[n:])
	d.items, d.head = d.items[:n], 0
}

// insert inserts v before the element with index i: O(n) except at the end.
func (d *deque[T]) insert(i int, v T) {
	if i == d.len() {
		d.push(v)
		return
	}
	d.items = slices.Insert(d.items, d.head+i, v)
}

// remove removes the element with index i: O(n) except at the beginning.
func (d *deque[T]) remove(i int) {
	if i == 0 {
		d.popFront()
		return
	}
	d.items = slices.Delete(d.items, d.head+i, d.head+i+1)
	if d.len() == 0 {
		*d = deque[T]{}
	}
}

// search returns the first index for which reached is true, or the length; reached must be true for all elements after it. It is quick near
// the end, where most readers are.
func (d *deque[T]) search(reached func(T) bool) int {
	lo, hi := 0, d.len()
	for step := 1; step < d.len(); step *= 4 {
		if i := d.len() - step; !reached(d.at(i)) {
			lo = i + 1
			break
		} else {
			hi = i
		}
	}
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); reached(d.at(mid)) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// offsets is a list of offsets in ascending order.
type offsets struct{ deque[uint64] }

// from returns the index of the first offset that is at least x.
func (o *offsets) from(x uint64) int {
	return o.search(func(v uint64) bool { return v >= x })
}

// after returns the number of offsets greater than x.
func (o *offsets) after(x uint64) int {
	return o.len() - o.search(func(v uint64) bool { return v > x })
}

// add inserts an offset and reports whether it is new.
func (o *offsets) add(x uint64) bool {
	i := o.from(x)
	if i < o.len() && o.at(i) == x {
		return false
	}
	o.insert(i, x)
	return true
}

// drop removes an offset and reports whether it was there.
func (o *offsets) drop(x uint64) bool {
	if o.len() > 0 && o.at(0) == x { // an eviction
		o.popFront()
		return true
	}
	i := o.from(x)
	if i == o.len() || o.at(i) != x {
		return false
	}
	o.remove(i)
	return true
}

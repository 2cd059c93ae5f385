package server

// recent is a table of bounded size in which the entry that was put longest ago makes room for a new one. Keys are hashes by a
// secret seed, so an entry takes the same memory whatever its name is. It has no pointers for the garbage collector to follow
// unless V has. The zero value keeps nothing: set most. Not safe for concurrent use.
type recent[V any] struct {
	most    int // entries
	count   int
	nodes   []recentNode[V]
	buckets []uint32 // the first node of each chain; a power of two of them. Nodes count from 1, 0 is none
	free    uint32   // first of a chain of nodes without an entry
	oldest  uint32
	newest  uint32
}

type recentNode[V any] struct {
	key          uint64
	value        V
	next         uint32 // in its bucket, or among the free
	older, newer uint32
}

const fewestBuckets = 16

func (r *recent[V]) node(n uint32) *recentNode[V] { return &r.nodes[n-1] }

func (r *recent[V]) bucket(key uint64) *uint32 { return &r.buckets[key&uint64(len(r.buckets)-1)] }

// get returns the value of a key, nil if there is none. It is valid until the next put.
func (r *recent[V]) get(key uint64) *V {
	if r.count == 0 {
		return nil
	}
	for n := *r.bucket(key); n != 0; n = r.node(n).next {
		if r.node(n).key == key {
			return &r.node(n).value
		}
	}
	return nil
}

// put makes an entry the newest. If there were most already, it returns the key of the oldest one, which is removed.
func (r *recent[V]) put(key uint64, value V) (dropped uint64, full bool) {
	if r.most == 0 {
		return key, true
	}
	r.remove(key)
	if full = r.count >= r.most; full {
		dropped = r.removeOldest()
	}
	if r.count >= len(r.buckets) {
		r.grow()
	}
	n := r.free
	if n != 0 {
		r.free = r.node(n).next
	} else {
		r.nodes = append(r.nodes, recentNode[V]{})
		n = uint32(len(r.nodes))
	}
	head := r.bucket(key)
	*r.node(n) = recentNode[V]{key: key, value: value, next: *head, older: r.newest}
	*head = n
	if r.newest != 0 {
		r.node(r.newest).newer = n
	} else {
		r.oldest = n
	}
	r.newest = n
	r.count++
	return dropped, full
}

// remove removes an entry; a key without one is left alone.
func (r *recent[V]) remove(key uint64) {
	if r.count == 0 {
		return
	}
	for link := r.bucket(key); *link != 0; link = &r.node(*link).next {
		n := *link
		e := r.node(n)
		if e.key != key {
			continue
		}
		*link = e.next
		if e.older != 0 {
			r.node(e.older).newer = e.newer
		} else {
			r.oldest = e.newer
		}
		if e.newer != 0 {
			r.node(e.newer).older = e.older
		} else {
			r.newest = e.older
		}
		*e = recentNode[V]{next: r.free}
		r.free = n
		r.count--
		return
	}
}

// first returns the value of the oldest entry, nil if there is none.
func (r *recent[V]) first() *V {
	if r.oldest == 0 {
		return nil
	}
	return &r.node(r.oldest).value
}

// removeOldest removes the oldest entry, which must exist, and returns its key.
func (r *recent[V]) removeOldest() uint64 {
	key := r.node(r.oldest).key
	r.remove(key)
	return key
}

// grow doubles the buckets.
func (r *recent[V]) grow() {
	r.buckets = make([]uint32, max(2*len(r.buckets), fewestBuckets))
	for n := r.oldest; n != 0; n = r.node(n).newer {
		head := r.bucket(r.node(n).key)
		r.node(n).next = *head
		*head = n
	}
}

// Package recent has a table of bounded size that evicts its oldest entries first.
package recent

// Table is a hash table of at most Most entries: a new entry evicts the entry with the oldest Put. Keys are hashes with a secret seed, so
// each entry has the same size. The garbage collector does not scan the entries unless V has pointers. The zero value stores nothing: set
// Most. Not safe for concurrent use.
type Table[V any] struct {
	Max     int // entries
	Count   int // entries; read only
	nodes   []Node[V]
	buckets []uint32 // the first node of each chain; the length is a power of two. Node numbers begin at 1; 0: none
	free    uint32   // first of a chain of unused nodes
	oldest  uint32
	newest  uint32
}

// Node is an entry.
type Node[V any] struct {
	key          uint64
	value        V
	next         uint32 // in its bucket, or of the unused nodes
	older, newer uint32
}

const fewestBuckets = 16

func (r *Table[V]) node(n uint32) *Node[V] { return &r.nodes[n-1] }

func (r *Table[V]) bucket(key uint64) *uint32 { return &r.buckets[key&uint64(len(r.buckets)-1)] }

// Get returns a pointer to the value of a key, nil if there is none. It is valid until the next Put.
func (r *Table[V]) Get(key uint64) *V {
	if r.Count == 0 {
		return nil
	}
	for n := *r.bucket(key); n != 0; n = r.node(n).next {
		if r.node(n).key == key {
			return &r.node(n).value
		}
	}
	return nil
}

// Put adds an entry as the newest, or replaces it. If the table was full, it evicts the oldest entry and returns its key.
func (r *Table[V]) Put(key uint64, value V) (dropped uint64, full bool) {
	if r.Max == 0 {
		return key, true
	}
	r.Remove(key)
	if full = r.Count >= r.Max; full {
		dropped = r.RemoveOldest()
	}
	if r.Count >= len(r.buckets) {
		r.grow()
	}
	n := r.free
	if n != 0 {
		r.free = r.node(n).next
	} else {
		r.nodes = append(r.nodes, Node[V]{})
		n = uint32(len(r.nodes))
	}
	head := r.bucket(key)
	*r.node(n) = Node[V]{key: key, value: value, next: *head, older: r.newest}
	*head = n
	if r.newest != 0 {
		r.node(r.newest).newer = n
	} else {
		r.oldest = n
	}
	r.newest = n
	r.Count++
	return dropped, full
}

// Remove removes the entry of a key, if there is one.
func (r *Table[V]) Remove(key uint64) {
	if r.Count == 0 {
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
		*e = Node[V]{next: r.free}
		r.free = n
		r.Count--
		return
	}
}

// First returns the value of the oldest entry, nil if there is none.
func (r *Table[V]) First() *V {
	if r.oldest == 0 {
		return nil
	}
	return &r.node(r.oldest).value
}

// All calls do with each value, the oldest first. do must not change the table.
func (r *Table[V]) All(do func(*V)) {
	for n := r.oldest; n != 0; n = r.node(n).newer {
		do(&r.node(n).value)
	}
}

// RemoveOldest removes the oldest entry and returns its key. The table must not be empty.
func (r *Table[V]) RemoveOldest() uint64 {
	key := r.node(r.oldest).key
	r.Remove(key)
	return key
}

// grow doubles the buckets.
func (r *Table[V]) grow() {
	r.buckets = make([]uint32, max(2*len(r.buckets), fewestBuckets))
	for n := r.oldest; n != 0; n = r.node(n).newer {
		head := r.bucket(r.node(n).key)
		r.node(n).next = *head
		*head = n
	}
}

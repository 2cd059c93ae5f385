package member

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"time"
)

// The order of the nodes that could own a log.

// Hears returns the names of the nodes that are alive.
func (t *Table) Hears(now time.Duration) []string {
	names := []string{}
	for m := range t.live(now) {
		names = append(names, m.Name)
	}
	return names
}

// Reach returns the number of nodes that are alive and hear this one, with this one.
func (t *Table) Reach(now time.Duration) int {
	reach := 1
	for m := range t.live(now) {
		if m.Hears == nil || slices.Contains(m.Hears, t.self) {
			reach++
		}
	}
	return reach
}

// rank is the order of the nodes that could own a log.
type rank struct {
	reach  int
	weight uint64
}

func (r rank) compare(to rank) int {
	return cmp.Or(cmp.Compare(r.reach, to.reach), cmp.Compare(r.weight, to.weight))
}

// rankOf returns the rank of another node for a log. mine is that of this node.
func (m *Member) rankOf(log int, mine rank) rank {
	return rank{cmp.Or(m.Reach, mine.reach), weight(m.Name, log)}
}

func (t *Table) rank(log int, now time.Duration) rank { return rank{t.Reach(now), weight(t.self, log)} }

// Best returns the name of the node that should own a log: one of the nodes that are alive and ready, with this one, and that have the greatest reach.
// These share the durable logs out evenly: in the order of their numbers, each log goes to the best node by weight of those that have not got their part
// yet. reaches is set if the nodes have a greater reach than this one.
func (t *Table) Best(log int, now time.Duration) (name string, reaches bool) {
	return t.best(log, now, false)
}

// best is Best, and with starting also of the nodes that are not ready.
func (t *Table) best(log int, now time.Duration, starting bool) (name string, reaches bool) {
	mine := t.Reach(now)
	nodes, reach := []string{t.self}, mine
	for m := range t.live(now) {
		switch r := cmp.Or(m.Reach, mine); {
		case !m.Ready && !starting:
		case r > reach:
			nodes, reach = []string{m.Name}, r
		case r == reach:
			nodes = append(nodes, m.Name)
		}
	}
	if log < 0 {
		return heaviest(nodes, log), reach > mine
	}
	return share(nodes, log, max(t.logs, log+1)), reach > mine
}

// share returns the node that gets a log if nodes share logs out evenly.
func share(nodes []string, log, logs int) string {
	part, more := logs/len(nodes), logs%len(nodes) // more: so many nodes get one log more than their part
	has := map[string]int{}
	for l := 0; ; l++ {
		best := heaviest(slices.DeleteFunc(slices.Clone(nodes), func(name string) bool {
			return has[name] > part || has[name] == part && more == 0
		}), l)
		if l == log {
			return best
		}
		if has[best] == part {
			more--
		}
		has[best]++
	}
}

// heaviest returns the node with the largest weight for a log.
func heaviest(nodes []string, log int) (best string) {
	most := uint64(0)
	for _, name := range nodes {
		if w := weight(name, log); best == "" || w > most {
			best, most = name, w
		}
	}
	return best
}

// first returns the name of the node with the greatest rank for a log, of those that are alive and ready, with this one.
func (t *Table) first(log int, now time.Duration) (name string) {
	mine := t.rank(log, now)
	name, best := t.self, mine
	for m := range t.live(now) {
		if r := m.rankOf(log, mine); m.Ready && r.compare(best) > 0 {
			name, best = m.Name, r
		}
	}
	return name
}

// Successor returns the name of the node that should own a log if this node gives it up: the best of the others; empty for none.
func (t *Table) Successor(log int, now time.Duration) (name string) {
	mine, best := t.rank(log, now), rank{}
	for m := range t.live(now) {
		if r := m.rankOf(log, mine); m.Ready && r.compare(best) > 0 {
			name, best = m.Name, r
		}
	}
	return name
}

// heir is the node that continues a log in memory, which its owner has left.
type heir struct {
	Claim
	since time.Duration
}

// Leave notes that the owner of a log in memory has left it. It may be this node.
func (t *Table) Leave(log int, c Claim, now time.Duration) {
	if before, is := t.heirs[log]; !is || c.Term > before.Term || c.Term == before.Term && c.To != before.To {
		t.heirs[log] = heir{c, now}
	}
}

// heirOf returns the name of the node that continues a log with records up to a term; empty for any. Nobody waits for a node that has died or takes too long.
func (t *Table) heirOf(log int, term uint64, now time.Duration) string {
	h := t.heirs[log]
	if h.To == "" || h.Term < term || now-h.since >= SuspectAfter {
		return ""
	}
	for m := range t.live(now) {
		if m.Name == h.To && m.Ready {
			return h.To
		}
	}
	if h.To == t.self {
		return t.self
	}
	return ""
}

// weight is the rendezvous hash of a node for a log.
func weight(node string, log int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(node + "/" + strconv.Itoa(log))) // never fails
	x := h.Sum64()
	// FNV changes the upper bits little with the last bytes: mix them (the finalizer of MurmurHash3).
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

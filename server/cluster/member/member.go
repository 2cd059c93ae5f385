// Package member knows which nodes of a cluster are alive, and which of them should own a log. It has no goroutine, no clock and no network: the
// caller passes heartbeats and the time.
//
// A node without a heartbeat for SuspectAfter is suspect: it does not count until its next heartbeat. The owner of a log is decided by the log itself
// (package home), or by its term if it is in memory (package memlog): this package only decides who tries. That is the live node that says that it owns the log, with the newest term; without one the
// best of the live nodes by a hash of its name and the log (rendezvous), with an even part of the durable logs for each, so that the logs move little.
// A second process with the name of a node that is alive does not replace it (runs.go).
//
// A partial partition: two nodes receive no heartbeats of each other, and both receive those of a third node. A heartbeat lists the nodes that its sender
// hears, and the number of them that hear the sender: its reach. A node does not try if a node with a greater reach is ready. An owner hands its logs
// over to such a node. Then all nodes reach the owner.
//
// State and its life: all of it is in memory, and a restart begins anew.
package member

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// The times of heartbeats.
const (
	Interval     = 300 * time.Millisecond
	SuspectAfter = 1500 * time.Millisecond
	FreshAfter   = 900 * time.Millisecond
	AloneAfter   = 2 * SuspectAfter // silence of the owner of a log in memory, for a node without a majority

	forgetAfter = time.Minute // silence of a node of a cluster of size 0: it has been removed
)

// Claim is what a node says about a log that it owns.
type Claim struct {
	Term  uint64 `json:"term"`
	First uint64 `json:"first,omitempty"` // number of the oldest record of a log in memory
	Last  uint64 `json:"last"`            // number of the newest record that it has committed
	To    string `json:"to,omitempty"`    // of a log that it has left: name of the node that continues it
}

// Copy is what a node says about its copy of a log in memory.
type Copy struct {
	Term  uint64 `json:"term"`  // of its last record
	Last  uint64 `json:"last"`  // number of its last record
	Owned bool   `json:"owned"` // it knows an owner that is alive
}

// compare orders copies: the one with more records of the latest owner is the larger one.
func (co Copy) compare(to Copy) int {
	return cmp.Or(cmp.Compare(co.Term, to.Term), cmp.Compare(co.Last, to.Last))
}

// Heartbeat is what a node says about itself.
type Heartbeat struct {
	Name    string        `json:"name"`
	ID      string        `json:"id"` // of this run
	Owns    map[int]Claim `json:"owns,omitempty"`
	Ready   bool          `json:"ready"` // it has read its logs, and may own them
	Leaving bool          `json:"leaving,omitempty"`
	Clients int64         `json:"clients"`
	Version string        `json:"version,omitempty"`
	Reads   int           `json:"messages,omitempty"` // newest version of the messages between nodes that it reads; 0: 2
	Memory  Copy          `json:"memory,omitzero"`
	Left    map[int]Claim `json:"left,omitempty"` // logs in memory that it owned: it appends nothing more
	Hears   []string      `json:"hears"`          // names of the nodes that are alive for it; nil: versions before 0.2 do not send it
	Reach   int           `json:"reach,omitempty"`
	// Terms has the latest term that it knows of each durable log: an owner with an earlier one has not noticed the next owner, which may be dead.
	Terms map[int]uint64 `json:"terms,omitempty"`
	Twins []string       `json:"twins,omitempty"` // IDs of runs that share their name with another process that is alive
	Peers []string       `json:"peers,omitempty"` // addresses of all nodes, in its settings
}

// Member is another node, which has sent a heartbeat and has not left.
type Member struct {
	Heartbeat
	Heard time.Duration // when its newest heartbeat arrived
}

// Table has the nodes of a cluster. It has no lock: its caller has one.
type Table struct {
	self    string // name of this node
	size    int    // nodes of the cluster; 0: not known, and who is cut off decides instead of a majority
	logs    int    // of durable rooms
	cut     bool   // this node is cut off; only with size 0
	started time.Duration
	left    time.Duration         // when a node has left, or has handed a log over
	unowned map[int]time.Duration // since when ShouldTry has found no owner of a durable log
	heirs   map[int]heir          // of the logs in memory that were left
	claimed map[int]bool          // the logs that this node or another one has owned
	members []*Member             // in the order of their names, without this node
	waiting map[string]*waiting   // by ID, runs of these that are no members
}

// New returns a table of a cluster of size nodes. 0: their number is not known, because an external storage has the majority that counts.
func New(self string, size int, now time.Duration) *Table {
	return &Table{self: self, size: size, started: now, heirs: map[int]heir{}, unowned: map[int]time.Duration{}, claimed: map[int]bool{},
		waiting: map[string]*waiting{}}
}

// Live returns the nodes that are alive, without this one, in the order of their names. The caller must not change them.
func (t *Table) Live(now time.Duration) []*Member {
	all := make([]*Member, 0, len(t.members))
	for m := range t.live(now) {
		all = append(all, m)
	}
	return all
}

// LiveCount returns the number of nodes that are alive, with this one.
func (t *Table) LiveCount(now time.Duration) int {
	count := 1
	for range t.live(now) {
		count++
	}
	return count
}

// live is Live without a list: it is for each wake of a node.
func (t *Table) live(now time.Duration) iter.Seq[*Member] {
	return func(yield func(*Member) bool) {
		for _, m := range t.members {
			if now-m.Heard < SuspectAfter && !yield(m) {
				return
			}
		}
	}
}

// Members returns the nodes that are alive or silent, without this one and those that have left, in the order of their names. The caller must not change
// them.
func (t *Table) Members() []*Member { return slices.Clone(t.members) }

// UseLogs notes the number of durable logs.
func (t *Table) UseLogs(n int) { t.logs = n }

// Claim notes logs that have an owner.
func (t *Table) Claim(logs map[int]Claim) {
	for log := range logs {
		t.claimed[log] = true
	}
}

// Cut notes whether this node is cut off from the storage of a cluster of size 0.
func (t *Table) Cut(off bool) { t.cut = off && t.size == 0 }

// HasMajority reports whether this node and the live ones are more than half of the cluster. Of a cluster of size 0, it reports whether this node reaches
// the storage.
func (t *Table) HasMajority(now time.Duration) bool { return !t.cut && 2*t.LiveCount(now) > t.size }

// FreshMajority is HasMajority, for nodes with a heartbeat within FreshAfter: when a partition has just begun, the nodes of the other side become silent one
// after another, and the first one must not look like the death of one node.
func (t *Table) FreshMajority(now time.Duration) bool {
	fresh, size := 1, t.size
	for _, m := range t.members {
		if now-m.Heard < FreshAfter {
			fresh++
		}
	}
	if size == 0 {
		size = 1 + len(t.members) // and those of the last minute
	}
	return !t.cut && 2*fresh > size
}

// Size returns the number of nodes of the cluster.
func (t *Table) Size() int { return t.size }

// ShouldTry reports whether this node should try to own a log: it has a majority, nobody who is alive owns the log, and it is the best of the nodes that could.
// Nobody tries before the heartbeats of the others had the time to arrive. A log that has had no owner yet waits for its part of the nodes that are not ready:
// they start with this one. Nodes that do not hear the same nodes may each take another one for the best: if nobody owns the log for AloneAfter, the first one
// by rank tries as well, and there is always one.
func (t *Table) ShouldTry(log int, now time.Duration) bool {
	if now-t.started < SuspectAfter || !t.HasMajority(now) || t.isOwned(log, now) {
		delete(t.unowned, log)
		return false
	}
	since, waits := t.unowned[log]
	if !waits {
		since, t.unowned[log] = now, now
	}
	waited := now - since
	best, _ := t.best(log, now, !t.claimed[log] && waited < AloneAfter)
	if best != t.self && (waited < AloneAfter || t.first(log, now) != t.self) {
		return false
	}
	delete(t.unowned, log)
	return true
}

// isOwned reports whether a node that is alive owns a log.
func (t *Table) isOwned(log int, now time.Duration) bool {
	for m := range t.live(now) {
		if _, owns := m.Owns[log]; owns {
			return true
		}
	}
	return false
}

// ShouldTryMemory reports whether this node should try to own a log in memory, of which it has a copy: nobody who is alive owns it, and this copy has the
// most records. It needs no majority. Without one it waits for longer: after a short break of the network the owner is back. A node that reaches as many nodes
// as this one may hear an owner that this one does not hear.
func (t *Table) ShouldTryMemory(log int, mine Copy, now time.Duration) bool {
	patience := SuspectAfter
	if !t.FreshMajority(now) {
		patience = AloneAfter
	}
	if now-t.started < patience {
		return false
	}
	me, heir := t.rank(log, now), t.heirOf(log, mine.Term, now)
	if heir != "" && heir != t.self {
		return false
	}
	for _, m := range t.members {
		if _, owns := m.Owns[log]; owns && now-m.Heard < patience {
			return false
		}
		if now-m.Heard >= SuspectAfter || !m.Ready {
			continue
		}
		rank, c := m.rankOf(log, me), mine.compare(m.Memory)
		switch {
		case m.Heard <= t.left:
			c = 0 // it has the last records of the node that has left as well, or soon
		case heir == "" && m.Memory.Owned && m.Reach >= me.reach:
			return false
		}
		if c < 0 || c == 0 && heir == "" && rank.compare(me) > 0 {
			return false
		}
	}
	return true
}

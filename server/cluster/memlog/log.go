package memlog

import (
	"sync"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// Log is the copy of this node. Any goroutine may call its methods; they do not block, except Sync.
type Log struct {
	id   string
	send func(to broker.NodeID, read bool, message []byte) // it must not block

	syncing sync.Mutex // held by Sync
	parts   chan part  // that Sync waits for

	mu       sync.Mutex // a leaf
	ring     ring
	claim    Claim  // the newest one of another node
	ended    Claim  // of an owner that has left: its last record
	heir     string // name of the node that continues that log
	heard    uint64 // latest term of the claims that are forgotten
	replaced bool   // by another copy: the next Replay reports it
	asked    uint64
	open     *handle
}

// Claim is what an owner says about its copy.
type Claim struct {
	Node        broker.NodeID
	Term        uint64
	First, Last uint64 // numbers of its records
}

// behind reports whether the owner has records that a copy does not have.
func (c *Claim) behind(ri *ring) bool {
	return c.Node != "" && (c.Term > ri.term() || c.Term == ri.term() && c.Last > ri.last())
}

// New returns an empty copy. id is the identity of the log, the same on all nodes. send sends a message of Log to a node, which passes it to
// ReceiveRead if read is set, else to ReceivePart.
func New(id string, send func(to broker.NodeID, read bool, message []byte)) *Log {
	return &Log{id: id, send: send, parts: make(chan part, 1), ring: newRing(1)}
}

// Position returns the numbers of the first and the last record, and the term of the last one.
func (l *Log) Position() (first, last, term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ring.first, l.ring.last(), l.ring.term()
}

// Receive handles a record of an owner, and returns whether it is the next one: then it is stored, and the rooms apply it. If not, and behind is set,
// Sync reads what is missing. b is lent.
func (l *Log) Receive(from broker.NodeID, seq uint64, b []byte) (apply, behind bool) {
	head, entries, err := record.Open(b)
	if err != nil {
		return false, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	term := l.ring.term()
	if head.Term < term || head.Term < l.claim.Term || head.Term == term && seq <= l.ring.last() {
		return false, false // of an owner before, or known
	}
	l.claim = Claim{Node: from, Term: head.Term, First: l.claim.First, Last: seq}
	next := seq == l.ring.last()+1 && head.Expected == seq-1
	if next && head.Term > term {
		before, isFence := fenceOf(entries)
		next = isFence && before == term
	}
	if !next {
		return false, true
	}
	l.ring.add(head.Term, append([]byte(nil), b...))
	return !l.replaced, l.replaced
}

// Claimed notes what an owner says, and returns whether this copy is behind it.
func (l *Log) Claimed(c Claim) (behind bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	term, last := l.ring.term(), l.ring.last()
	if c.Term < max(term, l.claim.Term) {
		return false
	}
	if c.Term == term && c.Last == last { // so the checkpoint of what it has removed is here, too
		l.ring.trim(c.First - min(c.First, 1))
	}
	if c.Term == l.claim.Term {
		c.Last = max(c.Last, l.claim.Last) // a heartbeat that a record has overtaken
	}
	l.claim = c
	return c.behind(&l.ring)
}

// Ended notes the last claim of an owner that leaves: it appends nothing more. heir is the name of the node that continues the log; empty for any.
func (l *Log) Ended(c Claim, heir string) (behind bool) {
	behind = l.Claimed(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Term >= l.ended.Term {
		l.ended, l.heir = c, heir
	}
	return behind
}

// IsWhole reports whether this copy has all that the owner of its last record has appended, because that owner has left in good order, to the node with a
// name: another node may be mistaken about the nodes that are alive, and two of them must not continue one epoch.
func (l *Log) IsWhole(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	isHeir := l.heir == "" || l.heir == name
	return l.ring.last() == 0 || isHeir && l.ended.Term == l.ring.term() && l.ended.Last == l.ring.last()
}

// Behind reports whether the owner, or this copy, has records behind the last one that is applied, or other records.
func (l *Log) Behind(applied uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replaced || l.ring.last() > applied || l.claim.behind(&l.ring)
}

// Lag returns the number of records that the owner, or this copy, has behind the last one that is applied.
func (l *Log) Lag(applied uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := l.ring.last()
	if l.claim.behind(&l.ring) {
		newest = l.claim.Last
	}
	return newest - min(newest, applied)
}

// Doubt notes that another node may have a later term than this copy.
func (l *Log) Doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = max(l.heard, l.ring.term()+1)
}

// Claimant returns the node with the newest claim; empty for none.
func (l *Log) Claimant() broker.NodeID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.claim.Node
}

// Owned reports whether a node claims the log, which has not left.
func (l *Log) Owned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.claim.Node != "" && (l.ended.Node != l.claim.Node || l.ended.Term < l.claim.Term)
}

// Forget forgets the claim of a node that is silent, or has ended.
func (l *Log) Forget(node broker.NodeID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.claim.Node == node {
		l.heard, l.claim = max(l.heard, l.claim.Term), Claim{}
	}
}

// Heard returns the latest term that any owner has claimed, as far as this node knows.
func (l *Log) Heard() (term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.ring.term(), l.claim.Term, l.heard)
}

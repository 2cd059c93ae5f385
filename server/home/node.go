package home

import "context"

// Node is what a home needs of a cluster. Its functions must not block or call the home.
type Node struct {
	Name string // of this run of this node, in its fences
	// Publish sends a record that this node has committed to the other nodes, whose homes get it by Apply. It does not keep record.
	Publish func(seq uint64, record []byte)
	// Fenced is called when the fence of another owner is applied: all that the owners before it have committed is applied.
	Fenced func(Owner)
	// Available returns why this node cannot commit now, or nil: it does not reach a majority.
	Available func() error
	// Memory is set if the log is a copy in the memory of each node.
	Memory *Memory
}

// Memory is what a home needs of a log that is a copy in the memory of each node.
type Memory struct {
	// Sync reads from the owner what the copy of this node does not have. It blocks.
	Sync func(ctx context.Context)
	// Behind reports whether the owner, or the copy of this node, has records behind the last one that is applied, or other records.
	Behind func(applied uint64) bool
	// Term returns the term of a new owner, or with renews the next term of the same one. It is larger than the given one, and no other node has it.
	Term func(last uint64, renews bool) uint64
	// Takeover returns what the rooms must assume when this node becomes the owner. It is called without locks.
	Takeover func() Takeover
}

// Takeover is what a new owner knows of the records of other owners. The zero value: it has all of them.
type Takeover struct {
	Uncertain bool // the owner before may have appended more, which its own clients have received
	Foreign   bool // another owner had a later term: the records of this node are not those of its clients
	Alone     bool // another owner may continue the epochs: clients with a position must learn the new ones
}

// Owner is the node that appends to a log, since its fence.
type Owner struct {
	Node  string // empty: not known
	Term  uint64
	Since uint64 // term of its first fence: Renew gives it later ones
}

// memory returns what a log in memory needs; nil for a log on disk.
func (no *Node) memory() *Memory {
	if no == nil {
		return nil
	}
	return no.Memory
}

func (no *Node) name() []byte {
	if no == nil {
		return nil
	}
	return []byte(no.Name)
}

func (no *Node) publish(seq uint64, record []byte) {
	if no != nil {
		no.Publish(seq, record)
	}
}

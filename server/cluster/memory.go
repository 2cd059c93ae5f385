package cluster

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/cluster/memlog"
	"github.com/throng-chat/throng/server/home"
)

// The log of the rooms in memory: each node has a copy. It goes on without a majority of the nodes, so a partition may have an owner on each side. After
// it the later term wins.
//
// A term is a rank and random bits: no two owners have the same one. A majority raises the rank by more than a node that is alone. An owner with a
// majority that loses a node takes a later term at once, so it wins against what that node does alone. A new owner with a majority raises the rank by more than that:
// the owner before may have taken a later term that no other node has received.

const (
	maxMemoryLog = 1 << 30

	termRandomBits = 20   // a term has 52 bits at most, so that JSON has it exactly
	majorityStep   = 1000 // of the rank, for a new owner with a majority
	renewStep      = 50   // for an owner with a majority
)

// memoryEngine is an engine whose log is the copy of this node. It does not need the disk.
type memoryEngine struct {
	broker.Engine
	log *memlog.Log
}

func (me memoryEngine) Open(context.Context, int) (broker.Log, error) { return me.log.Open(), nil }

func (me memoryEngine) Health() broker.Health { return broker.Health{} }

// homeMemory returns what the home of the log needs.
func (n *Node) homeMemory(lg *nodeLog) *home.Memory {
	return &home.Memory{
		Sync: lg.memory.Sync, Behind: lg.memory.Behind,
		Term: func(last uint64, renews bool) uint64 {
			step := uint64(1)
			switch {
			case !n.certain():
			case renews:
				step = renewStep
			default:
				step = majorityStep
			}
			rank := max(last, lg.memory.Heard())>>termRandomBits + step
			return rank<<termRandomBits | rand.Uint64N(1<<termRandomBits)
		},
		Takeover: func() home.Takeover {
			owner, _, _ := lg.log.Position()
			return n.takeover(lg, owner)
		},
	}
}

// takeover returns what the rooms must assume when this node becomes the owner, which has noted owner as the one before.
func (n *Node) takeover(lg *nodeLog, owner home.Owner) home.Takeover {
	_, last, term := lg.memory.Position()
	left := lg.left.Load()
	isMine := owner.Node == string(n.cfg.Engine.Self()) && owner.Term == term // a copy that has lost its fence may have another owner
	isBack := left != nil && left.Term == term && left.To != ""               // the heir may continue the epoch
	t := home.Takeover{
		Uncertain: last > 0 && (!isMine && !lg.memory.IsWhole(n.cfg.Name) || isBack),
		Foreign:   lg.memory.Heard() > term,
	}
	t.Alone = t.Foreign || t.Uncertain && (isBack || !n.certain())
	return t
}

// copy returns what this node says about its copy.
func (lg *nodeLog) copy() member.Copy {
	_, last, term := lg.memory.Position()
	return member.Copy{Term: term, Last: last, Owned: lg.memory.Owned()}
}

// claimMemory adds the copy of this node to a heartbeat.
func (lg *nodeLog) claimMemory(h *member.Heartbeat, state home.State) {
	first, last, term := lg.memory.Position()
	c := member.Claim{Term: term, First: first, Last: last}
	h.Memory = lg.copy()
	if state == home.Ready || lg.leading.Load() {
		h.Owns[lg.shard], h.Memory.Owned = c, true
	}
	if left := lg.left.Load(); left != nil {
		h.Left = map[int]member.Claim{lg.shard: *left}
	}
}

// hearMemory handles what a heartbeat says about the log in memory.
func (n *Node) hearMemory(lg *nodeLog, h *member.Heartbeat) {
	behind := false
	if c, owns := h.Owns[lg.shard]; owns {
		behind = lg.memory.Claimed(memlog.Claim{Node: broker.NodeID(h.ID), Term: c.Term, First: c.First, Last: c.Last})
		if !behind {
			lg.log.Heard(home.Owner{Node: h.ID, Term: c.Term}, c.Last)
		}
	} else if c, left := h.Left[lg.shard]; left {
		behind = lg.memory.Ended(memlog.Claim{Node: broker.NodeID(h.ID), Term: c.Term, First: c.First, Last: c.Last}, c.To)
	} else {
		lg.memory.Forget(broker.NodeID(h.ID)) // it has given the log up
	}
	if behind {
		lg.log.Heard(home.Owner{Term: lg.memory.Heard()}, 0)
	}
	// An owner before gives the log up: the node with the later term becomes the owner, or has another one that this node does not hear.
	if h.Memory.Term > 0 {
		lg.log.Heard(home.Owner{Term: h.Memory.Term}, 0)
	}
}

// receiveRecord handles a record of an owner.
func (lg *nodeLog) receiveRecord(from broker.NodeID, seq uint64, b []byte) {
	lg.bytes.Add(uint64(len(b)))
	if lg.memory == nil {
		lg.log.Apply(seq, b)
		return
	}
	apply, behind := lg.memory.Receive(from, seq, b)
	switch {
	case apply:
		lg.log.Apply(seq, b)
	case behind:
		lg.log.Heard(home.Owner{Term: lg.memory.Heard()}, 0)
	}
}

// keepMemory forgets the claim of a node that is silent. An owner that has lost a node, or has a majority again, takes a later term. Called by Run.
func (n *Node) keepMemory(now time.Duration) {
	n.mu.Lock()
	live := n.table.Live(now)
	before, reached, has := n.reached, len(live), n.majority
	n.reached = reached
	n.renews = has && (n.renews || reached < before)
	renew := n.renews && n.table.FreshMajority(now)
	if renew {
		n.renews = false
	}
	n.mu.Unlock()
	for _, lg := range n.logs.all() {
		if lg.memory == nil {
			continue
		}
		if c := lg.memory.Claimant(); c != "" && !isAmong(live, c) {
			lg.memory.Forget(c)
		}
		if renew && !lg.isOlder(live) {
			lg.log.Renew()
		}
	}
	if reached != before && (n.told == 0 || now-n.told >= member.Interval) {
		n.told = now
		n.beat(false) // another node may wait for what this one reaches. If it changes again soon, the next heartbeat has that
	}
}

// doubt is called when this node no longer reaches a majority: the others may have an owner soon, which continues the rooms with other publications. If this
// node is the owner, it gives the log up. As its next owner it begins new generations, so that the positions of clients of the other owner do not count.
func (lg *nodeLog) doubt() {
	if _, _, state := lg.log.Position(); state == home.Ready {
		lg.memory.Doubt()
		lg.log.Doubt(lg.memory.Heard())
	}
}

// isOlder reports whether a node has records of a later term than this one.
func (lg *nodeLog) isOlder(live []*member.Member) bool {
	_, _, term := lg.memory.Position()
	for _, m := range live {
		if m.Memory.Term > term {
			return true
		}
	}
	return false
}

func isAmong(members []*member.Member, id broker.NodeID) bool {
	for _, m := range members {
		if m.ID == string(id) {
			return true
		}
	}
	return false
}

// awaitClaim gives the owner of the log time for a heartbeat.
func (n *Node) awaitClaim(ctx context.Context, lg *nodeLog) {
	for end := n.now() + 2*member.Interval; n.now() < end && lg.memory.Claimant() == "" && ctx.Err() == nil; {
		time.Sleep(tick / 10)
	}
}

// closeMemory ends the goroutine of the log.
func (n *Node) closeMemory() {
	for _, lg := range n.logs.all() {
		if lg.memory != nil {
			lg.memory.Close()
		}
	}
}

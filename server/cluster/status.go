package cluster

import (
	"fmt"

	"github.com/throng-chat/throng/server/home"
)

// Status is what a node knows of its cluster.
type Status struct {
	Node     string       `json:"node"`
	Size     int          `json:"size"`          // nodes of the cluster; 0: not known, as with servers of NATS
	Majority bool         `json:"majority"`      // this node reaches a majority
	Why      string       `json:"why,omitempty"` // reason why this node rejects publications; empty if it accepts them
	Nodes    []NodeStatus `json:"nodes"`         // that are alive, this one first
	Links    []LinkStatus `json:"links"`         // to other nodes, also those that are silent
	Logs     []LogStatus  `json:"logs"`
	Missing  []string     `json:"missing,omitempty"` // what the cluster should have and does not, as text
	Faults   []string     `json:"faults,omitempty"`  // what is wrong with other nodes, as text
	Lost     uint64       `json:"unread_messages"`   // that this node could not read
}

// NodeStatus is one node that is alive.
type NodeStatus struct {
	Name    string  `json:"name"`
	Ready   bool    `json:"ready"`
	Clients int64   `json:"clients"`
	Version string  `json:"version,omitempty"`
	Heard   float64 `json:"heard_seconds_ago"`
}

// LogStatus is one log of the rooms.
type LogStatus struct {
	Name    string `json:"name"`
	Owner   string `json:"owner"` // name of a node; empty: nobody who is alive
	Term    uint64 `json:"term"`
	State   string `json:"state"`   // of this node
	Applied uint64 `json:"applied"` // number of the newest record on this node
	Waiting int    `json:"waiting"` // requests of this node without an answer
	Owned   bool   `json:"owned"`   // by this node
	Lag     uint64 `json:"lag"`     // records of the owner that this node has not applied
	Gaps    uint64 `json:"gaps"`    // times that records did not arrive, and were read from the log
	Resent  uint64 `json:"resent"`  // requests of this node that were sent again
	Changes uint64 `json:"owner_changes"`
	Bytes   uint64 `json:"bytes"` // of the records that this node has committed or received

	Wanted   int             `json:"replicas_wanted,omitempty"` // of a log on disk
	Replicas []ReplicaStatus `json:"replicas,omitempty"`
	Unknown  bool            `json:"replicas_unknown,omitempty"` // this node has not asked for the replicas yet
}

// Status returns what this node knows now.
func (n *Node) Status() Status {
	now := n.now()
	n.mu.Lock()
	s := Status{Node: n.cfg.Name, Size: n.table.Size(), Majority: n.majority, Lost: n.lost.Load()}
	members := n.table.Members()
	names := map[string]string{string(n.cfg.Engine.Self()): n.cfg.Name}
	s.Nodes = append(s.Nodes, NodeStatus{Name: n.cfg.Name, Ready: n.ready, Clients: n.hub.Live.Load(), Version: n.cfg.Version})
	for _, m := range n.table.Live(now) {
		names[m.ID] = m.Name
		s.Nodes = append(s.Nodes, NodeStatus{m.Name, m.Ready, m.Clients, m.Version, (now - m.Heard).Seconds()})
	}
	n.mu.Unlock()
	s.Links, s.Faults = n.links.status(members, now), n.faults()
	if gone := s.Size - len(s.Nodes); gone > 0 {
		s.Missing = append(s.Missing, fmt.Sprintf("%d of %d nodes", gone, s.Size))
	}
	for _, lg := range n.logs.all() {
		owner, last, state := lg.log.Position()
		l := LogStatus{Name: n.logs.nameOf(lg), Owner: names[owner.Node], Term: owner.Term, State: state.String(), Applied: last, Owned: state == home.Ready}
		if owner.Node == string(n.cfg.Engine.Self()) && !l.Owned {
			l.Owner = "" // this node was the owner, and does not know the next one
		}
		l.Waiting, _ = lg.sender.Waiting()
		l.Lag, l.Gaps, l.Resent, l.Changes, l.Bytes = lg.lag(last), lg.log.Gaps(), lg.sender.Resent(), lg.changes.Load(), lg.bytes.Load()
		if lg.memory == nil {
			l.addReplicas(n.cfg.Engine, lg.shard, n.viewReplicas(members, now))
			s.Missing = append(s.Missing, l.missing()...)
		}
		s.Logs = append(s.Logs, l)
		if l.Owner == "" && s.Why == "" {
			s.Why = "the " + l.Name + " log has no owner that is alive"
		}
	}
	if !s.Majority {
		s.Why = n.minority().Error()
	}
	if waits := n.Waits(); waits != "" {
		s.Why = "this node starts: " + waits
	}
	return s
}

// Unread returns the number of messages of other nodes that this node could not read.
func (n *Node) Unread() uint64 { return n.lost.Load() }

// Dropped returns the number of messages from or to other nodes that were dropped, because too many waited.
func (n *Node) Dropped() uint64 { return n.cfg.Engine.Health().Dropped }

// Accepts reports whether publications of this node are accepted: it reaches a majority, and each log has an owner that is alive. why is the
// reason if they are not.
func (n *Node) Accepts() (ok bool, why string) {
	why = n.Status().Why
	return why == "", why
}

package cluster

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
)

const (
	replicaSilentAfter = 3 * time.Second  // without an answer to the leader, which sends something each second
	lookHolds          = 10 * time.Second // an answer of the leader: one look at all logs may take seconds. In a large cluster it holds for longer
)

// ReplicaStatus is a copy of a log on the disk of a node, or of a server of NATS.
type ReplicaStatus struct {
	Name   string  `json:"name"`
	State  string  `json:"state"`                    // "current", "behind", "offline", or "silent": nobody knows what it has
	Lag    uint64  `json:"lag,omitempty"`            // entries of the replication that it lacks: records, and steps of the replication itself
	Silent float64 `json:"silent_seconds,omitempty"` // of a replica with the state "silent"
	Leader bool    `json:"leader,omitempty"`
}

// storer is an engine that knows where its logs are stored.
type storer interface{ Stored() []broker.StoredLog }

// replicaView is what decides whether an answer about the replicas still counts.
type replicaView struct {
	members []*member.Member // the other nodes, if they store the logs, and not servers of NATS
	now     time.Duration
	holds   time.Duration // an answer of the leader
}

// viewReplicas returns the view of this node. The nodes of a cluster together ask three times a second for a log.
func (n *Node) viewReplicas(members []*member.Member, now time.Duration) *replicaView {
	if n.cfg.Size == 0 {
		return &replicaView{now: now, holds: lookHolds}
	}
	return &replicaView{members, now, lookHolds + time.Duration(n.cfg.Size)*time.Second/3}
}

// addReplicas adds what the engine saw last of the replicas of a log. What it saw does not count for a node that is silent.
func (ls *LogStatus) addReplicas(e broker.Engine, shard int, view *replicaView) {
	of, knows := e.(storer)
	if !knows {
		return
	}
	ls.Unknown = true
	for _, stored := range of.Stored() {
		if stored.Shard != shard {
			continue
		}
		ls.Unknown, ls.Wanted = false, stored.Wanted
		for _, r := range stored.Replicas {
			rs := ReplicaStatus{Name: r.Name, State: "behind", Lag: r.Lag, Leader: r.Name == stored.Leader}
			silent := view.silence(&r, stored.Seen)
			switch {
			case r.Offline:
				rs.State = "offline"
			case silent > 0:
				rs.State, rs.Silent, rs.Lag = "silent", silent.Seconds(), 0
			case r.Current:
				rs.State = "current"
			}
			ls.Replicas = append(ls.Replicas, rs)
		}
	}
}

// silence returns for how long a replica was not heard; 0 if what was seen of it holds.
func (rv *replicaView) silence(r *broker.Replica, seen time.Time) (silent time.Duration) {
	if r.Silent >= replicaSilentAfter {
		silent = r.Silent
	}
	if since := time.Since(seen); since >= rv.holds {
		silent = max(silent, since)
	}
	for _, m := range rv.members {
		if m.Name == r.Name && rv.now-m.Heard >= member.SuspectAfter {
			silent = max(silent, rv.now-m.Heard)
		}
	}
	return silent
}

// String is the state for operators.
func (rs *ReplicaStatus) String() string {
	if rs.State == "silent" {
		return fmt.Sprintf("not heard for %.0f s", rs.Silent)
	}
	return rs.State
}

// missing returns what the log lacks.
func (ls *LogStatus) missing() (list []string) {
	if ls.Wanted > 1 && len(ls.Replicas) == 0 {
		return []string{"the leader of the " + ls.Name + " log, which knows its replicas"}
	}
	for _, r := range ls.Replicas {
		switch r.State {
		case "current":
		case "silent":
			list = append(list, fmt.Sprintf("the replica of the %s log on %s: %s", ls.Name, r.Name, r.String()))
		default:
			list = append(list, fmt.Sprintf("the replica of the %s log on %s: it is %s", ls.Name, r.Name, r.State))
		}
	}
	return list
}

// MissingReplicas returns the number of replicas that are not current, of all logs on disk.
func (s *Status) MissingReplicas() (n int) {
	for _, l := range s.Logs {
		current := 0
		for _, r := range l.Replicas {
			if r.State == "current" {
				current++
			}
		}
		n += max(0, l.Wanted-current)
	}
	return n
}

//go:build !nonats

package natsbroker

import (
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// looksTogether is the number of questions a second about a log that all nodes of a cluster ask together. The storage passes each one to all nodes.
const looksTogether = 3

// lookSchedule decides which of the looks of the keeper, one each keeperInterval, ask where the logs are stored. In a large cluster whose logs have all of
// their replicas, only some ask. After a change of what a node sees without a question, the next look asks.
type lookSchedule struct {
	nodes   int  // of the cluster; 0: external servers, each look asks
	waited  int  // looks since the last one that asked
	logs    int  // at the last look
	remotes int  // nodes that were connected at the last look
	whole   bool // all replicas were current when it asked
}

// due reports whether a look asks. logs is the number of logs that are open, remotes that of the other nodes that are connected.
func (ls *lookSchedule) due(logs, remotes int) bool {
	changed := logs != ls.logs || remotes != ls.remotes
	ls.logs, ls.remotes = logs, remotes
	ls.waited++
	if ls.whole && !changed && ls.waited*looksTogether < ls.nodes {
		return false
	}
	ls.waited = 0
	return true
}

// replicaSilentAfter is the time after which a replica that the leader does not hear may be behind: the leader sends something each second.
const replicaSilentAfter = 3 * time.Second

// isShort reports whether a log lacks its leader or a replica that is heard and current.
func isShort(l broker.StoredLog) bool {
	current := 0
	for _, r := range l.Replicas {
		if r.Current && !r.Offline && r.Silent < replicaSilentAfter {
			current++
		}
	}
	return current < l.Wanted
}

// remotes returns the number of other nodes that are connected: none with external servers.
func (i *instance) remotes() int {
	if i.server == nil {
		return 0
	}
	return i.server.NumRemotes()
}

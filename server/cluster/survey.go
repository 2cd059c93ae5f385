package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/member"
)

// Commands of the application on connections of all nodes. A call answers when every live node has done it. A node without a majority cannot know that the
// silent ones are dead: its calls fail, and name them.

// commandTimeout is the time for a command of another node.
const commandTimeout = 5 * time.Second

// surveys are the commands that wait for other nodes. Guarded by Node.mu.
type surveys struct {
	last uint64 // number
	open map[uint64]*survey
}

// survey is one command that waits.
type survey struct {
	waiting map[broker.NodeID]string // names of the nodes that have not answered
	first   *chat.Rejection
	done    chan struct{} // closed when all have answered
}

// Execute implements chat.Others.
func (n *Node) Execute(ctx context.Context, cmd chat.TargetedCommand) *chat.Rejection {
	return n.survey(ctx, oldestVersion, func(number uint64) []byte { return commandOf(number, cmd, n.reachedHere()) })
}

// survey sends a message to all nodes that are alive and read a version, and waits for their answers.
func (n *Node) survey(ctx context.Context, version int, message func(number uint64) []byte) *chat.Rejection {
	sv := &survey{waiting: map[broker.NodeID]string{}, done: make(chan struct{})}
	n.mu.Lock()
	for _, m := range n.table.Live(n.now()) {
		if versionOf(&m.Heartbeat) >= version {
			sv.waiting[broker.NodeID(m.ID)] = m.Name
		}
	}
	n.surveys.last++
	number, unreached := n.surveys.last, n.unreachedLocked()
	if len(sv.waiting) == 0 {
		n.mu.Unlock()
		return unanswered(unreached)
	}
	n.surveys.open[number] = sv
	asked := slices.Collect(maps.Keys(sv.waiting))
	n.mu.Unlock()
	if version == oldestVersion {
		n.cfg.Engine.Broadcast(message(number)) // a node that is suspect executes it when it is back
	} else {
		for _, id := range asked {
			n.cfg.Engine.Send(id, message(number))
		}
	}
	select {
	case <-sv.done:
	case <-ctx.Done():
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.surveys.open, number)
	if sv.first != nil {
		return sv.first
	}
	return unanswered(append(unreached, slices.Collect(maps.Values(sv.waiting))...))
}

// unreachedLocked returns the names of the silent nodes, if this node does not reach a majority: they may run. Node.mu is held.
func (n *Node) unreachedLocked() (names []string) {
	if n.majority {
		return nil
	}
	now := n.now()
	for _, m := range n.table.Members() {
		if now-m.Heard >= member.SuspectAfter {
			names = append(names, m.Name)
		}
	}
	return names
}

// unanswered returns the rejection of a call that nodes have not answered; nil for none.
func unanswered(nodes []string) *chat.Rejection {
	if len(nodes) == 0 {
		return nil
	}
	slices.Sort(nodes)
	return &chat.Rejection{Cause: chat.CauseTimeout, Detail: "nodes that have not answered: " + strings.Join(nodes, ", ")}
}

// Tell implements chat.Others.
func (n *Node) Tell(cmd chat.TargetedCommand) { n.cfg.Engine.Broadcast(commandOf(0, cmd, nil)) }

// receiveCommand executes a command of another node. It returns false if it cannot be read.
func (n *Node) receiveCommand(from broker.NodeID, b []byte) bool {
	w, cmd, ok := parseCommand(b)
	switch {
	case !ok:
		return false
	case w.Number == 0:
		except := ""
		if len(cmd.Except) > 0 {
			except = cmd.Except[0]
		}
		n.hub.TellHere(cmd.User, except, cmd.Command)
		return true
	}
	go func() { // it waits for connections
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		if !n.awaitReached(ctx, w.Reached) {
			return // the caller does not wait any more, and names this node
		}
		result := executed{Number: w.Number}
		if cmd.Command != nil {
			if e := n.hub.ExecuteHere(ctx, cmd); e != nil {
				result.Rejected, result.Cause, result.Detail = true, uint8(e.Cause), e.Detail
			}
		}
		n.cfg.Engine.Send(from, jsonMessage(kindExecuted, result))
	}()
	return true
}

// receiveExecuted handles the result of a command. It returns false if it cannot be read.
func (n *Node) receiveExecuted(from broker.NodeID, b []byte) bool {
	var result executed
	if json.Unmarshal(b, &result) != nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	sv := n.surveys.open[result.Number]
	if sv == nil {
		return true
	}
	if result.Rejected && sv.first == nil {
		sv.first = chat.RejectionOf(result.Cause, result.Detail)
	}
	sv.endLocked(from)
	return true
}

// surveyEnded ends the wait for a node that has ended: it has no connections.
func (n *Node) surveyEnded(id broker.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sv := range n.surveys.open {
		sv.endLocked(id)
	}
}

// endLocked ends the wait for one node. Node.mu is held.
func (sv *survey) endLocked(id broker.NodeID) {
	if _, waits := sv.waiting[id]; !waits {
		return
	}
	delete(sv.waiting, id)
	if len(sv.waiting) == 0 {
		close(sv.done)
	}
}

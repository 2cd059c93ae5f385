package cluster

import (
	"encoding/binary"
	"encoding/json"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/home"
)

// receive handles a message of another node. Called on the goroutine of the engine; b is lent.
func (n *Node) receive(from broker.NodeID, b []byte) {
	n.links.received(from, len(b))
	if len(b) < 2 || b[0] < oldestVersion || int(b[0]) > n.cfg.Reads || !n.handle(from, b[1], b[2:]) {
		n.lost.Add(1)
	}
}

// handle returns false if the message cannot be read.
func (n *Node) handle(from broker.NodeID, kind byte, b []byte) bool {
	switch {
	case kind == kindHeartbeat:
		var h member.Heartbeat
		if json.Unmarshal(b, &h) != nil || h.ID != string(from) {
			return false
		}
		if n.admits(&h) {
			n.hear(h)
		}
		return true
	case n.logs.all() == nil:
		return true // this node has no rooms yet: it gets all of that later
	}
	switch kind {
	case kindCommand:
		return n.receiveCommand(from, b)
	case kindExecuted:
		return n.receiveExecuted(from, b)
	case kindPresence:
		return n.receivePresence(from, b)
	case kindWanted:
		n.presence.want(from)
		n.wakeUp()
		return true
	}
	shard, size := binary.Varint(b)
	lg := n.logs.of(int(shard))
	if size <= 0 || lg == nil {
		return false
	}
	b = b[size:]
	switch kind {
	case kindRecord:
		seq, size := binary.Uvarint(b)
		if size <= 0 {
			return false
		}
		lg.receiveRecord(from, seq, b[size:])
		return true
	case kindRead:
		return lg.memory != nil && lg.memory.ReceiveRead(from, b)
	case kindPart:
		return lg.memory != nil && lg.memory.ReceivePart(b)
	case kindRequests:
		return n.serve(lg, from, b)
	case kindAnswers:
		return lg.receiveAnswers(b)
	}
	return false
}

// hear handles a heartbeat.
func (n *Node) hear(h member.Heartbeat) {
	n.mu.Lock()
	n.hearTwin(&h)
	ended, ignored := n.table.Hear(h, n.now())
	n.mu.Unlock()
	if ignored {
		return
	}
	n.links.named(broker.NodeID(h.ID), h.Name)
	for _, lg := range n.logs.all() {
		if ended != "" {
			lg.forget(link.Edge(ended))
		}
		if lg.memory != nil {
			n.hearMemory(lg, &h)
			continue
		}
		if c, owns := h.Owns[lg.shard]; owns && !h.Leaving {
			lg.log.Heard(home.Owner{Node: h.ID, Term: c.Term}, c.Last)
		}
		lg.log.Heard(home.Owner{Term: h.Terms[lg.shard]}, 0)
	}
	if ended != "" {
		n.surveyEnded(broker.NodeID(ended))
		n.wakeUp()
	}
}

// forget forgets the requests of a run of a node that has ended.
func (lg *nodeLog) forget(edge uint64) {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.receiver.Forget(edge)
}

package cluster

import (
	"encoding/binary"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
)

// sendRequests sends the requests of this node to the owner of a log. If this node is the owner by now, it does them itself.
func (n *Node) sendRequests(lg *nodeLog) {
	for {
		owner, _, state := lg.log.Position()
		switch {
		case owner.Node == "" || state == home.Opening || state == home.Closing:
			return
		case state != home.Ready && owner.Node == string(n.cfg.Engine.Self()):
			return // this node was the owner: the next fence decides
		}
		b := lg.sender.Next(owner.Term)
		if b == nil {
			return
		}
		if state == home.Ready {
			n.serve(lg, n.cfg.Engine.Self(), b)
			lg.sender.Served(owner.Term)
		} else {
			n.cfg.Engine.Send(broker.NodeID(owner.Node), requestsMessage(lg.shard, b))
		}
	}
}

// serve does requests of a node, if this node is the owner of the log with their term. It returns false if the message cannot be read. b is lent.
func (n *Node) serve(lg *nodeLog, from broker.NodeID, b []byte) bool {
	owner, _, state := lg.log.Position()
	head, entries, err := record.Open(b)
	if err != nil {
		return false
	}
	if state != home.Ready || head.Term != owner.Term {
		return true // the node sends them again after the next fence
	}
	var request []record.Entry
	for {
		var e record.Entry
		more, err := entries.Next(&e)
		if err != nil {
			return false
		}
		if len(request) > 0 && (!more || e.EdgeNumber != request[0].EdgeNumber) {
			n.serveOne(lg, from, owner, head, request)
			request = request[:0]
		}
		if !more {
			return true
		}
		request = append(request, e)
	}
}

// serveOne does one request, unless it was done before.
func (n *Node) serveOne(lg *nodeLog, from broker.NodeID, owner home.Owner, head record.Header, request []record.Entry) {
	origin := link.Origin{Edge: request[0].Edge, Number: request[0].EdgeNumber}
	lg.mu.Lock()
	accepted, again := lg.receiver.Accept(origin, owner.Since, head.Expected)
	lg.mu.Unlock()
	answer := func(a link.Answer) { n.answer(lg, from, origin.Edge, owner, a) }
	switch {
	case accepted:
		n.hub.Serve(lg.log, origin, request, answer)
	case again != nil:
		answer(*again)
	}
}

// answer queues an answer for a node. Any goroutine may call it; it does not block.
func (n *Node) answer(lg *nodeLog, to broker.NodeID, edge uint64, owner home.Owner, a link.Answer) {
	term := owner.Term
	lg.mu.Lock()
	lg.receiver.Keep(edge, owner.Since, a)
	out := lg.answers[to]
	if out == nil || out.term != term {
		out = &outgoing{term: term}
		lg.answers[to] = out
	}
	out.b = link.AppendAnswer(out.b, &a)
	lg.mu.Unlock()
	n.wakeUp()
}

// maxAnswers is the size of a message of answers, about.
const maxAnswers = 256 << 10

// sendAnswers sends the queued answers.
func (n *Node) sendAnswers(lg *nodeLog) {
	lg.mu.Lock()
	if len(lg.answers) == 0 {
		lg.mu.Unlock()
		return
	}
	answers := lg.answers
	lg.answers = map[broker.NodeID]*outgoing{}
	lg.mu.Unlock()
	for to, out := range answers {
		for b := out.b; len(b) > 0; {
			part := partOf(b)
			b = b[len(part):]
			if to == n.cfg.Engine.Self() {
				lg.takeAnswers(out.term, part)
			} else {
				n.cfg.Engine.Send(to, answersMessage(lg.shard, out.term, part))
			}
		}
	}
}

// partOf returns the first answers of b, of about maxAnswers bytes.
func partOf(b []byte) []byte {
	rest := b
	for len(rest) > 0 && len(b)-len(rest) < maxAnswers {
		_, next, err := link.NextAnswer(rest)
		if err != nil {
			panic(err) // answer has encoded them
		}
		rest = next
	}
	return b[:len(b)-len(rest)]
}

// receiveAnswers handles answers of the owner. It returns false if they cannot be read.
func (lg *nodeLog) receiveAnswers(b []byte) bool {
	term, size := binary.Uvarint(b)
	if size <= 0 {
		return false
	}
	return lg.takeAnswers(term, b[size:])
}

// takeAnswers handles answers of the owner with a term. It returns false if they cannot be read.
func (lg *nodeLog) takeAnswers(term uint64, b []byte) bool {
	if owner, _, _ := lg.log.Position(); owner.Term > term {
		return true // of an owner before this one: the request was sent again
	}
	for len(b) > 0 {
		a, rest, err := link.NextAnswer(b)
		if err != nil {
			return false
		}
		lg.sender.Answered(a)
		b = rest
	}
	return true
}

package brokertest

import (
	"context"
	"slices"

	"github.com/throng-chat/throng/server/broker"
)

// node is one run of one node of a Fake. Its fields are under Fake.mu, except fake, id and ended.
type node struct {
	fake  *Fake
	id    broker.NodeID
	ended chan struct{} // closed with the node

	closed  bool
	killed  bool // closed, and no done is called any more
	logs    []*fakeLog
	inbox   []message // in the order of their sending
	receive func(from broker.NodeID, b []byte)
	lost    func()
	missed  bool // messages were lost, and lost is to be called
}

type message struct {
	from broker.NodeID
	b    []byte
}

func (n *node) Self() broker.NodeID { return n.id }

func (n *node) Logs(ctx context.Context, wanted int) (int, error) {
	f := n.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.readableLocked(ctx, n); err != nil {
		return 0, err
	}
	if f.records[0] == nil {
		f.shardLocked(0)
		f.logs = wanted
	}
	return max(f.logs, 1), nil
}

// shardLocked returns the records of a log. Its first call creates it.
func (f *Fake) shardLocked(number int) *shard {
	s := f.records[number]
	if s == nil {
		s = &shard{id: f.newIDLocked(), first: 1}
		f.records[number] = s
	}
	return s
}

func (n *node) Open(ctx context.Context, number int) (broker.Log, error) {
	f := n.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.readableLocked(ctx, n); err != nil {
		return nil, err
	}
	s := f.shardLocked(number)
	l := &fakeLog{node: n, shard: s}
	n.logs = append(n.logs, l)
	return l, nil
}

func (n *node) Health() broker.Health {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	if n.closed {
		return broker.Health{Err: broker.ErrClosed}
	}
	return broker.Health{Err: n.fake.stateLocked(), Stored: n.fake.storedLocked(), Lost: n.fake.lost}
}

func (n *node) Table(ctx context.Context, name string) (broker.Table, error) {
	if err := broker.CheckKey(name); err != nil {
		return nil, err
	}
	f := n.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.readableLocked(ctx, n); err != nil {
		return nil, err
	}
	data := f.tables[name]
	if data == nil {
		data = &tableData{keys: map[string]*value{}, changed: make(chan struct{})}
		f.tables[name] = data
	}
	return &table{node: n, data: data}, nil
}

func (n *node) Send(to broker.NodeID, b []byte) {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	for _, other := range n.fake.nodes {
		if other.id == to {
			n.postLocked(other, b)
		}
	}
}

func (n *node) Broadcast(b []byte) {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	for _, other := range n.fake.nodes {
		if other != n {
			n.postLocked(other, b)
		}
	}
}

func (n *node) postLocked(to *node, b []byte) {
	f := n.fake
	switch {
	case n.closed || to.closed || !f.network.passes(n.id, to.id):
	case f.down || f.chanceLocked(f.faults.Drop):
		if f.random.IntN(2) == 0 && f.bug != "losses are not reported" {
			to.missed = true
		}
	default:
		to.inbox = append(to.inbox, message{n.id, b})
	}
	f.wakeLocked()
}

func (n *node) Receive(f func(from broker.NodeID, b []byte)) {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	n.receive = f
	n.fake.wakeLocked()
}

func (n *node) Lost(f func()) {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	n.lost = f
	n.fake.wakeLocked()
}

func (n *node) Close(ctx context.Context) error {
	n.fake.mu.Lock()
	n.stopLocked()
	n.fake.mu.Unlock()
	return n.fake.complete(ctx)
}

// stopLocked ends the node. Each open append is stored or not.
func (n *node) stopLocked() {
	if n.closed {
		return
	}
	n.closed = true
	close(n.ended)
	n.inbox = nil
	for _, l := range n.logs {
		l.endLocked()
	}
	n.logs = nil
	n.fake.nodes = slices.DeleteFunc(n.fake.nodes, func(other *node) bool { return other == n })
}

// eventsLocked returns what the node can do now.
func (n *node) eventsLocked() (events []func() func()) {
	for _, l := range n.logs {
		if event := l.eventLocked(); event != nil {
			events = append(events, event)
		}
	}
	if len(n.inbox) > 0 && n.receive != nil && !n.fake.network.delayed[n.id] {
		events = append(events, n.deliverLocked)
	}
	if n.missed && n.lost != nil {
		events = append(events, n.reportLocked)
	}
	return events
}

func (n *node) deliverLocked() func() {
	m, receive := n.inbox[0], n.receive
	n.inbox = n.inbox[1:]
	return func() { receive(m.from, m.b) }
}

func (n *node) reportLocked() func() {
	n.missed = false
	return n.lost
}

package server

import (
	"encoding/json"
	"fmt"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	judge "github.com/throng-chat/throng/server/oracle"
	"github.com/throng-chat/throng/server/session"
)

// clusterClient is a client, which has at most one connection.
type clusterClient struct {
	*modelClient
	model    *clusterModel
	name     string
	conn     *clusterConn
	conns    int                          // that it has had
	leftFrom map[string]string            // node where it was in a room
	got      map[string]map[uint64]string // what it received in a room, since it was told that it missed something
}

// clusterConn is a connection to a node.
type clusterConn struct {
	client *clusterClient
	node   *clusterNode
	number uint32 // of its last publication
	open   int    // publications without an answer
}

// maxOpen is the number of publications that a client sends without waiting.
const maxOpen = 4

func newClusterClient(m *clusterModel, i int) *clusterClient {
	return &clusterClient{
		model: m, name: fmt.Sprint("client", i), leftFrom: map[string]string{}, got: map[string]map[uint64]string{},
		modelClient: &modelClient{places: map[string]chat.StreamPosition{}, joined: map[*session.Subscription]bool{}},
	}
}

// isOpen reports whether the client has this connection.
func (cc *clusterConn) isOpen() bool { return cc != nil && cc.client.conn == cc }

// name is the publisher of a connection: the order of its publications is kept.
func (cc *clusterConn) name() string { return fmt.Sprint(cc.client.name, "-", cc.client.conns) }

// connect connects the client to a random node that is ready. It returns false if there is none.
func (c *clusterClient) connect() bool {
	n := c.model.nodes[c.model.random.IntN(len(c.model.nodes))]
	return c.connectTo(n)
}

func (c *clusterClient) connectTo(n *clusterNode) bool {
	if !n.isUp() || !n.ready.Load() {
		return false
	}
	c.conns++
	id := uint64(c.conns)*100 + uint64(len(n.conns)) + 1
	s := &session.Session{Conn: &fanout.Conn{Shard: n.sessions.Shards[c.model.random.IntN(2)], ID: id}, Sessions: n.sessions, Encoding: session.JSONEncoding}
	c.conn = &clusterConn{client: c, node: n}
	s.Identity.Store(&chat.ClientInfo{User: c.name, Client: c.conn.name()})
	n.conns[id] = c.conn
	c.session, c.awaiting = s, map[*session.JoinAttempt]chat.StreamPosition{}
	return true
}

func (c *clusterClient) disconnect() {
	c.session.End()
	c.conn = nil
}

// move reconnects the client, to any node.
func (c *clusterClient) move() {
	if c.conn != nil {
		c.disconnect()
	}
	if c.connect() {
		c.model.did["moved"]++
	}
}

func (c *clusterClient) join(room string) {
	if c.conn == nil && !c.connect() || c.session.Find(room) != nil {
		return
	}
	attempt := &session.JoinAttempt{Requested: &protocol.SubscribeRequest{Channel: room}, Info: c.session.Info()}
	if at, been := c.places[room]; been && c.model.random.IntN(10) > 0 {
		attempt.Requested.Recover, attempt.Requested.Offset, attempt.Requested.Epoch = true, at.Offset, at.Epoch
		c.awaiting[attempt] = at
	}
	c.session.Join([]*session.JoinAttempt{attempt}, func() []*protocol.Reply { return []*protocol.Reply{{Subscribe: attempt.Result}} })
	switch e := attempt.Err; {
	case e == nil:
	case attempt.Requested.Recover && e == chat.RejectUnavailable:
		c.model.did["told to recover later"]++
		delete(c.awaiting, attempt)
	default:
		c.model.t.Errorf("%s cannot join %s: %v", c.name, room, e)
	}
}

func (c *clusterClient) leave(room string) {
	if c.conn == nil {
		return
	}
	if sub := c.session.Find(room); sub != nil {
		c.session.Leave(sub)
		c.conn.node.work(1 << 20) // it waits for the reply
	}
}

// answered handles the reply to a join.
func (c *clusterClient) answered(attempt *session.JoinAttempt) {
	m, room, r := c.model, attempt.Requested.Channel, attempt.Result
	from, asked := c.awaiting[attempt]
	delete(c.awaiting, attempt)
	recovered := asked && r.Recovered
	if recovered && (isDurable(room) && r.Epoch != from.Epoch || r.Offset != from.Offset) {
		m.t.Errorf("%s recovered in %s from %v: got %d %s", c.name, room, from, r.Offset, r.Epoch)
	}
	if room == judgedRoom {
		m.heard = append(m.heard, judge.Heard{
			Event: judge.Subscribed, Subscriber: c.name, Room: room, Position: judge.Position{Offset: r.Offset, Epoch: r.Epoch}, Recovered: recovered,
		})
	}
	c.places[room] = chat.StreamPosition{Offset: r.Offset, Epoch: r.Epoch}
	if !recovered {
		c.got[room] = map[uint64]string{}
	}
	switch {
	case recovered:
		m.did["recovered"]++
		if c.leftFrom[room] != c.conn.node.name {
			m.did["recovered on another node"]++
		}
	case asked:
		m.did["told that it missed something"]++
		if r.Epoch == from.Epoch && r.Offset == from.Offset {
			m.t.Errorf("%s in %s: nothing was missed after offset %d, but the recovery failed", c.name, room, r.Offset)
		}
		c.conn.node.talk.load(c.modelClient, room)
	default:
		m.did["came"]++
		c.conn.node.talk.load(c.modelClient, room)
	}
	c.leftFrom[room] = c.conn.node.name
	for i := range attempt.RecoveredPublications {
		m.did["recovered publications"]++
		c.hear(room, &attempt.RecoveredPublications[i])
	}
}

// hear handles a publication that the client receives.
func (c *clusterClient) hear(room string, p *chat.Publication) {
	m, at := c.model, c.places[room]
	if p.Offset != at.Offset+1 {
		m.t.Errorf("%s on %s, %s: received offset %d after %d", c.name, c.conn.node.name, room, p.Offset, at.Offset)
		return
	}
	at.Offset = p.Offset
	c.places[room] = at
	if isTalk(room) {
		c.conn.node.talk.hear(c.modelClient, room, p)
		return
	}
	c.got[room][p.Offset] = string(p.Data)
	if isDurable(room) { // a room in memory may have a new epoch, and its members get no notice of it
		m.learn(place{room, at}, string(p.Data))
	}
	if room == judgedRoom {
		m.heard = append(m.heard, judge.Heard{
			Event: judge.Publication, Subscriber: c.name, Room: room, ID: idOf(p.Data), Position: judge.Position{Offset: p.Offset},
		})
	}
}

// learn checks that a place has one publication, for all who receive or read it.
func (m *clusterModel) learn(at place, data string) {
	if before, known := m.seen[at]; known && before != data {
		m.t.Errorf("%v is %s, and was %s", at, data, before)
	}
	m.seen[at] = data
}

func idOf(data []byte) (id judge.ID) {
	if err := json.Unmarshal(data, &id); err != nil {
		panic(err) // the model has published it
	}
	return id
}

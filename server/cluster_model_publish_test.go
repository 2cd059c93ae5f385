package server

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/chat"
	judge "github.com/throng-chat/throng/server/oracle"
	"github.com/throng-chat/throng/server/session"
)

// publish publishes in a room, unless too many publications wait.
func (c *clusterClient) publish(room *chat.RoomOptions) {
	if c.conn == nil && !c.connect() || c.conn.open >= maxOpen {
		return
	}
	m := c.model
	m.said++
	if isTalk(room.Pattern) {
		m.talks.publish(c, room.Pattern)
		return
	}
	p := &publishing{clusterClient: c, room: room.Pattern}
	if m.random.IntN(4) == 0 {
		p.key = fmt.Sprint("key", m.said)
		p.id = judge.ID{Publisher: p.key, Number: 1} // it may be published again after others
	} else {
		c.conn.number++
		p.id = judge.ID{Publisher: c.conn.name(), Number: c.conn.number}
	}
	p.send()
}

// publishing is a publication on its way.
type publishing struct {
	*clusterClient
	room, key string
	id        judge.ID
	tries     int
}

// send sends it by the connection of now.
func (p *publishing) send() {
	m, conn, since := p.model, p.conn, time.Now()
	p.tries++
	conn.open++
	data, err := json.Marshal(p.id)
	if err != nil {
		panic(err)
	}
	pub, _ := session.PublicationOf(data)
	pub.Info = p.session.Info()
	m.propose(conn.node, p.room, pub, chat.PublishOptions{IdempotencyKey: p.key}, func(at chat.StreamPosition, e *chat.Rejection) {
		conn.open--
		if took := time.Since(since); took > 14*time.Second {
			m.t.Errorf("%v in %s: answered after %v", p.id, p.room, took)
		}
		switch {
		case e == nil:
			m.did["acknowledged"]++
			if p.tries > 1 {
				m.did["repeated with its key"]++
			}
			m.learn(place{p.room, at}, string(data))
			if p.room == judgedRoom {
				m.acks = append(m.acks, judge.Ack{Room: p.room, ID: p.id, Position: judge.Position{Offset: at.Offset, Epoch: at.Epoch}})
			}
		case e.Cause != chat.CauseUnavailable && e.Cause != chat.CauseRate:
			m.t.Errorf("%v in %s: %+v", p.id, p.room, e)
		default:
			m.did["rejected"]++
			if p.key != "" && p.conn != nil && p.conn.open < maxOpen && p.tries < 5 {
				p.send()
			}
		}
	})
}

// propose publishes by a node, as a session does. done is called on the goroutine of the test.
func (m *clusterModel) propose(n *clusterNode, room string, pub chat.Publication, o chat.PublishOptions, done chat.Done) {
	in := n.sessions.RoomRef(room)
	later := func(at chat.StreamPosition, e *chat.Rejection) { m.result(func() { done(at, e) }) }
	switch {
	case in.Options.IsChat() && in.Options.Durable:
		n.sessions.ProposeTalk(in, pub, o, later)
	case in.Options.IsChat():
		_, at, e := n.sessions.PublishTalk(in, pub, o)
		later(at, e)
	case in.Options.Durable:
		n.sessions.Propose(in, pub, o, later)
	default:
		_, at := n.sessions.Publish(in, pub, o)
		later(at, nil)
	}
}

package server

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/dump"
	judge "github.com/throng-chat/throng/server/oracle"
	"github.com/throng-chat/throng/server/record"
)

// healTime is the time after which a cluster without faults must have answered everything that waits.
const healTime = 14 * time.Second

// heal ends all faults. All requests get an answer, and then each node accepts publications of each room at once.
func (m *clusterModel) heal() {
	m.endFault()
	m.await("three nodes that accept publications", 12*time.Second, func() bool {
		m.startAgain(time.Now())
		return m.isWhole()
	})
	if m.t.Failed() {
		return
	}
	for _, c := range m.clients {
		if c.conn == nil {
			for !c.connect() {
			}
		}
	}
	m.await("an answer to each request", healTime, func() bool {
		for _, n := range m.nodes {
			if slices.ContainsFunc(n.node.Status().Logs, func(l cluster.LogStatus) bool { return l.Waiting > 0 }) {
				return false
			}
		}
		return true
	})
	m.probe()
}

// probe publishes by each node in each room, and joins all clients to all rooms.
func (m *clusterModel) probe() {
	waiting := 0
	for i, c := range m.clients {
		c.disconnect()
		c.connectTo(m.nodes[i%len(m.nodes)])
		for _, room := range m.cfg.Rooms {
			c.join(room.Pattern)
			data := fmt.Sprintf(`{"publisher":"probe of %s in %s","number":1,"id":"probe-%s","text":"probe"}`, c.name, room.Pattern, c.name)
			waiting++
			m.propose(c.conn.node, room.Pattern, chat.Publication{Data: []byte(data), Form: chat.FormJSON, Info: c.session.Info()}, chat.PublishOptions{}, func(at chat.StreamPosition, e *chat.Rejection) {
				waiting--
				if e == nil && room.Pattern == judgedRoom {
					m.acks = append(m.acks, judge.Ack{Room: judgedRoom, ID: idOf([]byte(data)), Position: judge.Position{Offset: at.Offset, Epoch: at.Epoch}})
				}
				if e != nil {
					m.t.Errorf("the publication of %s in %s, without any fault, is rejected: %+v", c.name, room.Pattern, e)
				}
			})
		}
	}
	m.await("an acknowledgement of each publication without faults", 500*time.Millisecond, func() bool { return waiting == 0 })
	m.await("all nodes to have everything", 2*time.Second, func() bool {
		for _, n := range m.nodes {
			n.work(1 << 20)
		}
		for _, c := range m.clients { // those that were told to recover later
			for _, room := range m.cfg.Rooms {
				c.join(room.Pattern)
			}
		}
		return m.isEqual()
	})
	m.await("the presence of all nodes to be that of their clients", 8*time.Second, func() bool { return m.presenceDiffers() == "" })
	if why := m.presenceDiffers(); why != "" {
		m.t.Error(why)
	}
}

// isEqual reports whether all nodes are at the same position in all rooms, and all clients, too.
func (m *clusterModel) isEqual() bool {
	for _, room := range m.cfg.Rooms {
		_, want, _ := m.nodes[0].sessions.Read(room.Pattern, nil, 0, 1<<20, false)
		for _, n := range m.nodes {
			if _, at, _ := n.sessions.Read(room.Pattern, nil, 0, 1<<20, false); at != want {
				return false
			}
		}
		for _, c := range m.clients {
			if at := c.places[room.Pattern]; at != want && (isDurable(room.Pattern) || at.Offset != want.Offset) {
				return false
			}
		}
	}
	return true
}

// presenceDiffers returns how the presence of a node differs from the clients that are there.
func (m *clusterModel) presenceDiffers() string {
	var want []string
	for _, c := range m.clients {
		want = append(want, c.conn.name())
	}
	slices.Sort(want)
	for _, n := range m.nodes {
		var got []string
		for _, info := range n.sessions.Presence(presentRoom) {
			got = append(got, info.Client)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Sprintf("node %s lists %v, want %v", n.name, got, want)
		}
	}
	return ""
}

// finish compares the nodes, and lets the oracle judge.
func (m *clusterModel) finish() {
	if m.t.Failed() {
		return
	}
	for _, room := range m.cfg.Rooms {
		m.compareHistories(room.Pattern)
		if isTalk(room.Pattern) {
			m.talks.compare(room.Pattern)
		}
	}
	m.acknowledgedIsThere()
	if m.cfg.DataBytes >= 1<<20 { // the log has all records
		m.judge()
	}
}

// compareHistories compares the histories of a room on all nodes.
func (m *clusterModel) compareHistories(room string) {
	var first []string
	stored := map[uint64]string{}
	for i, n := range m.nodes {
		var list []string
		since := &chat.StreamPosition{}
		for {
			pubs, at, _ := n.sessions.Read(room, since, 300, 1<<20, false)
			for _, p := range pubs {
				list = append(list, fmt.Sprintf("%d %s", p.Offset, p.Data))
				stored[p.Offset] = string(p.Data)
				if !isTalk(room) {
					m.learn(place{room, chat.StreamPosition{Offset: p.Offset, Epoch: at.Epoch}}, string(p.Data))
				}
				since = &chat.StreamPosition{Offset: p.Offset, Epoch: at.Epoch}
			}
			if len(pubs) == 0 {
				list = append(list, at.Epoch)
				break
			}
		}
		if i == 0 {
			first = list
		} else if !slices.Equal(first, list) {
			m.t.Errorf("%s: node %s has\n%s\nnode %s has\n%s", room, m.nodes[0].name, strings.Join(first, "\n"), n.name, strings.Join(list, "\n"))
		}
	}
	m.compareReceived(room, stored)
}

// compareReceived compares what the clients received with a history.
func (m *clusterModel) compareReceived(room string, stored map[uint64]string) {
	for _, c := range m.clients {
		for offset, data := range c.got[room] {
			if want, is := stored[offset]; is && want != data {
				m.t.Errorf("%s: %s received %s at %d, and the history has %s", room, c.name, data, offset, want)
			}
		}
	}
}

// acknowledgedIsThere checks that the history of the judged room has what was acknowledged in its epoch.
func (m *clusterModel) acknowledgedIsThere() {
	_, now, _ := m.nodes[0].sessions.Read(judgedRoom, nil, 0, 1<<20, false)
	for _, a := range m.acks {
		if a.Epoch != now.Epoch || a.Offset > now.Offset {
			m.t.Errorf("%+v is acknowledged, and the room is at %v", a, now)
		}
	}
}

// judge lets the oracle judge the log, the acknowledgements and what the clients received.
func (m *clusterModel) judge() {
	log, err := m.fake.Start("judge").Open(context.Background(), record.LogOf(judgedRoom, m.cfg.ClusterLogs))
	if err != nil {
		m.t.Fatal(err)
	}
	var lines bytes.Buffer
	if _, err := dump.Export(context.Background(), log, &lines, func(p dump.Problem) { m.t.Errorf("the log: %v", p) }); err != nil {
		m.t.Fatal(err)
	}
	o := judge.New()
	if err := o.ReadLog("log", &lines); err != nil {
		m.t.Fatal(err)
	}
	for i := range m.acks {
		o.Acked(&m.acks[i])
	}
	for _, c := range m.clients {
		m.heard = append(m.heard, judge.Heard{Event: judge.Complete, Subscriber: c.name, Room: judgedRoom})
	}
	for i := range m.heard {
		if err := o.Heard(&m.heard[i]); err != nil {
			m.t.Fatal(err)
		}
	}
	v := o.Verdict()
	if why := v.Empty(); why != "" {
		m.t.Errorf("the oracle: %s", why)
	}
	if !v.OK() {
		var text strings.Builder
		if err := v.WriteText(&text); err != nil {
			m.t.Fatal(err)
		}
		m.t.Errorf("the oracle: %s", text.String())
	}
	m.did["judged"]++
}

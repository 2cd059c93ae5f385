package server

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
)

const fanoutTick = fanout.TickLength

// clusterNode is a node of the model, without sockets: the model does the jobs of its shards.
type clusterNode struct {
	model *clusterModel
	name  string

	// Of this run.
	engine   broker.Engine // nil while it is down
	sessions *session.Sessions
	node     *cluster.Node
	talk     *talkModel
	heard    map[*fanout.Topic]map[*fanout.Member]*clusterConn
	conns    map[uint64]*clusterConn
	ready    *atomic.Bool // its logs are read
	cancel   context.CancelFunc
	running  *sync.WaitGroup
	back     time.Time // when it starts again
}

// clusterMetrics are those of all nodes: they take time to make.
var clusterMetrics = sync.OnceValue(func() *metrics.Metrics { return metrics.New(fanout.CloseLabels()) })

func (n *clusterNode) isUp() bool { return n.engine != nil }

// start starts a run, in the way of Server.Run.
func (n *clusterNode) start() {
	m := n.model
	cfg := m.cfg
	cfg.Node = n.name
	n.engine = m.fake.Start(n.name)
	n.sessions = newHub(cfg, m.log.With("node", n.name), clusterMetrics(), nil, 2)
	n.sessions.Heartbeat = fanout.NewHeartbeat(&n.sessions.Core, cfg.PingInterval, cfg.PingTimeout)
	n.node = useData(&cfg, n.engine, n.sessions)
	n.heard, n.conns = map[*fanout.Topic]map[*fanout.Member]*clusterConn{}, map[uint64]*clusterConn{}
	n.talk = m.talks.on(n.sessions)
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.running, n.ready = cancel, &sync.WaitGroup{}, &atomic.Bool{}
	node, sessions, running, ready := n.node, n.sessions, n.running, n.ready
	running.Go(func() { node.Run(ctx) })
	running.Go(func() {
		if err := node.Start(ctx); err != nil {
			return // it was killed
		}
		for _, d := range sessions.Logs() {
			running.Go(func() { d.Run(ctx) })
		}
		ready.Store(true)
	})
	time.Sleep(time.Duration(1+m.random.IntN(7)) * time.Millisecond) // the nodes do not tick at the same time
	synctest.Wait()
}

// kill ends a run as kill -9 does.
func (n *clusterNode) kill() {
	n.model.fake.Kill(n.engine)
	n.gone()
}

// stop ends a run gracefully, in the way of Server.shutdown: accepted publications are stored, and acknowledged.
func (n *clusterNode) stop() {
	m := n.model
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := n.node.HandOver(ctx); err != nil {
			m.log.Info("a node could not hand over its logs", "error", err)
		}
	}()
	for open := true; open; {
		m.pass(time.Millisecond, m.random.IntN(20))
		select {
		case <-done:
			open = false
		default:
		}
	}
	n.work(1 << 20)
	for _, c := range m.clients {
		if c.conn != nil && c.conn.node == n {
			c.disconnect()
		}
	}
	if err := n.engine.Close(context.Background()); err != nil {
		m.t.Errorf("close the engine of %s: %v", n.name, err)
	}
	n.gone()
}

// gone ends the goroutines of a run, and its connections.
func (n *clusterNode) gone() {
	for _, c := range n.model.clients {
		if c.conn != nil && c.conn.node == n {
			c.conn = nil
		}
	}
	n.cancel()
	n.running.Wait()
	n.engine = nil
}

func (m *clusterModel) stopAll() {
	for _, n := range m.nodes {
		if n.isUp() {
			n.kill()
		}
	}
}

// tick does what the heartbeat of the process does.
func (n *clusterNode) tick(now time.Time) {
	if !n.isUp() || !n.ready.Load() {
		return
	}
	clock := n.sessions.Clock
	clock.Ticks.Add(1)
	n.sessions.OnTick(now, clock.Tick())
}

// watchOwners counts the changes of owners.
func (n *clusterNode) watchOwners() {
	if !n.isUp() || !n.ready.Load() {
		return
	}
	for i, log := range n.sessions.Logs() {
		if o, _, state := log.Position(); state == home.Ready && o.Term > n.model.terms[i] {
			n.model.terms[i] = o.Term
			n.model.did["another owner"]++
		}
	}
}

// workSome does some jobs of the shards.
func (n *clusterNode) workSome() {
	if n.isUp() {
		n.work(n.model.random.IntN(40))
	}
}

// work does jobs of each shard, most at most.
func (n *clusterNode) work(most int) {
	for _, s := range n.sessions.Shards {
		s.Mu.Lock()
		count := min(most, len(s.Inbox))
		jobs := s.Inbox[:count:count]
		s.Inbox = append([]fanout.Job(nil), s.Inbox[count:]...)
		s.Mu.Unlock()
		for i := range jobs {
			if jobs[i].Do == fanout.CallBack {
				n.gap(s, jobs[i+1:])
			} else {
				n.do(&jobs[i])
			}
		}
	}
}

// gap does the job of a shard that ends memberships because their positions do not count any more: the model ends all of the shard, and the clients
// resubscribe. jobs are the next ones of the shard.
func (n *clusterNode) gap(s *fanout.Shard, jobs []fanout.Job) {
	n.model.did["resubscribed"]++
	for _, c := range n.model.clients {
		if c.conn == nil || c.conn.node != n || c.session.Conn.Shard != s {
			continue
		}
		for _, members := range n.heard {
			maps.DeleteFunc(members, func(_ *fanout.Member, conn *clusterConn) bool { return conn == c.conn })
		}
		s.Mu.Lock()
		c.conn.endJoins(jobs)
		c.conn.endJoins(s.Inbox)
		s.Mu.Unlock()
		for _, room := range n.model.cfg.Rooms {
			if sub := c.session.Find(room.Pattern); sub != nil {
				c.session.Leave(sub)
				c.join(room.Pattern)
			}
		}
	}
}

// endJoins ends what waits of memberships: the client joins again.
func (cc *clusterConn) endJoins(jobs []fanout.Job) {
	own := cc.client.session.Conn
	for i := range jobs {
		switch j := &jobs[i]; {
		case j.Do == fanout.JoinTopic && j.Member.Conn == own:
			j.Do = fanout.LeaveTopic
		case j.Do == fanout.SendReply && j.Conn == own:
			j.Reply = &session.ReplyFrame{}
		}
	}
}

// do does a job of a shard.
func (n *clusterNode) do(j *fanout.Job) {
	switch j.Do {
	case fanout.SendReply:
		frame := j.Reply.(*session.ReplyFrame)
		if frame.Join == nil {
			return
		}
		for _, attempt := range frame.Join.Attempts {
			if attempt.Err == nil {
				attempt.Result = attempt.SubscribeResult()
				if conn := n.conns[j.Conn.ID]; conn.isOpen() {
					conn.client.answered(attempt)
				}
			}
		}
	case fanout.JoinTopic:
		if n.heard[j.Member.Topic] == nil {
			n.heard[j.Member.Topic] = map[*fanout.Member]*clusterConn{}
		}
		n.heard[j.Member.Topic][j.Member] = n.conns[j.Member.Conn.ID]
	case fanout.LeaveTopic:
		delete(n.heard[j.Member.Topic], j.Member)
	case fanout.Deliver:
		said := j.Message.(*chat.Message)
		for _, conn := range n.heard[j.Topic] {
			if conn.isOpen() {
				conn.client.hear(said.Room.Name, &said.Pub)
			}
		}
	}
}

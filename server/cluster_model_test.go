package server

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

const (
	clusterSeeds = 500
	clusterTime  = 4500 * time.Millisecond // of the random part of one seed, in virtual time
)

// The model of a cluster: three nodes on one Fake with a virtual clock, clients that publish, move between the nodes and recover, and random
// faults: parted nodes, messages lost in one way, lost at random or delayed, appends that fail or have no outcome, kills and restarts. Then all
// heals, and the oracle judges what each client knows. THRONG_MODEL_SEED runs one seed, with the log of the nodes. THRONG_MODEL_STEPS takes other
// seeds in each run.
func TestAClusterKeepsItsPromises(t *testing.T) {
	t.Parallel()
	_, random := stepsOf(0)
	first, seeds := modelSeeds(t, clusterSeeds, random)
	log := slog.DiscardHandler
	if seeds == 1 {
		log = slog.NewTextHandler(t.Output(), nil)
	}
	did := map[string]int{}
	for seed := first; seed < first+uint64(seeds) && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			runClusterModel(t, seed, did, slog.New(log))
		})
	}
	checkCases(t, did, seeds, clusterSeeds, append([]string{
		"acknowledged", "rejected", "came", "moved", "recovered", "recovered on another node", "recovered publications", "told that it missed something",
		"repeated with its key", "another owner", "judged", "compared", "message", "edit", "delete", "reaction", "role", "read",
	}, faultNames()...))
}

// A node that was parted for so long that the owner has removed what it missed reads the whole log: its clients have no gap that they do not know of.
func TestClientsOfANodeThatIsTooFarBehindResubscribe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		m := newClusterModel(t, 4, map[string]int{}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})))
		defer m.stopAll()
		parted, c := m.nodes[0], m.clients[0]
		for _, other := range m.clients[1:] {
			other.connectTo(parted)
			other.join(judgedRoom)
		}
		c.connectTo(m.nodes[1])
		m.fake.Split(parted.engine)
		for range 2000 {
			c.publish(&m.cfg.Rooms[0])
			m.pass(5*time.Millisecond, 1<<20)
			parted.work(1 << 20)
		}
		if t.Failed() {
			return
		}
		m.heal()
		m.finish()
		if m.did["resubscribed"] == 0 {
			t.Error("no client has resubscribed")
		}
		if strings.Contains(log.String(), "are lost") { // then all durable rooms get a new epoch
			t.Errorf("records that the owner has removed count as lost: %s", log.String())
		}
	})
}

// A node that starts when the fence of the owner of rooms in memory was removed takes the owner from its heartbeats.
func TestANodeThatStartsLateKnowsTheOwnerInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newClusterModel(t, 4, map[string]int{}, slog.New(slog.DiscardHandler))
		defer m.stopAll()
		late, others := m.nodes[0], m.nodes[1:]
		if late.sessions.InMemory.Owns() {
			late, others = m.nodes[1], []*clusterNode{m.nodes[0], m.nodes[2]}
		}
		m.kill(late)
		late.back = time.Now().Add(time.Hour)
		for i, c := range m.clients {
			c.connectTo(others[i%2])
		}
		in := m.cfg.Rooms[slices.IndexFunc(m.cfg.Rooms, func(o chat.RoomOptions) bool { return o.Pattern == memoryPlace })]
		for n := range 2000 {
			m.clients[n%len(m.clients)].publish(&in)
			m.pass(5*time.Millisecond, 1<<20)
		}
		late.start()
		if !t.Failed() {
			m.heal()
			m.finish()
		}
	})
}

// Two nodes do not reach each other, while both reach the third one. That one becomes the owner of the logs of both, and stays it. Publications by all nodes
// are accepted and reach all nodes.
func TestThreeNodesOfWhichTwoArePartedHaveOneOwner(t *testing.T) {
	t.Parallel()
	for log := range 2 {
		synctest.Test(t, func(t *testing.T) {
			m := newClusterModel(t, 1, map[string]int{}, slog.New(slog.DiscardHandler))
			defer m.stopAll()
			at := slices.IndexFunc(m.nodes, func(n *clusterNode) bool { return n.sessions.Logs()[log].Owns() })
			owner, parted, third := m.nodes[at], m.nodes[(at+1)%3], m.nodes[(at+2)%3]
			for i, c := range m.clients {
				c.connectTo(m.nodes[i%3])
				for _, room := range m.cfg.Rooms {
					c.join(room.Pattern)
				}
			}
			m.cutBoth(owner, parted)
			m.await("the node that all reach to own the log", 6*time.Second, func() bool { return third.sessions.Logs()[log].Owns() })
			m.await("all nodes to accept publications", 2*time.Second, m.allAccept)
			terms, rejected := maps.Clone(m.terms), m.did["rejected"]
			for n := range 1500 {
				room := m.cfg.Rooms[n%len(m.cfg.Rooms)]
				m.clients[n%len(m.clients)].publish(&room)
				m.pass(25*time.Millisecond, 1<<20)
				for _, n := range m.nodes {
					n.work(1 << 20)
				}
			}
			if m.terms[log] != terms[log] || m.did["rejected"] != rejected {
				t.Errorf("log %d: terms %v after %v, %d rejected publications", log, m.terms, terms, m.did["rejected"]-rejected)
			}
			m.await("all nodes to have everything", 2*time.Second, m.isEqual)
			if !t.Failed() {
				m.heal()
				m.finish()
			}
		})
	}
}

// allAccept reports whether each node accepts publications.
func (m *clusterModel) allAccept() bool {
	return !slices.ContainsFunc(m.nodes, func(n *clusterNode) bool { ok, _ := n.node.Accepts(); return !ok })
}

func runClusterModel(t *testing.T, seed uint64, did map[string]int, log *slog.Logger) {
	m := newClusterModel(t, seed, did, log)
	defer m.stopAll()
	for end := time.Now().Add(clusterTime); time.Now().Before(end) && !t.Failed(); {
		m.act()
		m.pass(time.Duration(m.random.IntN(30))*time.Millisecond, m.random.IntN(20))
	}
	if !t.Failed() {
		m.heal()
		m.finish()
	}
}

// pass lets the nodes do steps, and then time pass.
func (m *clusterModel) pass(d time.Duration, steps int) {
	for ; steps > 0; steps-- {
		synctest.Wait()
		if !m.fake.Step() {
			break
		}
	}
	time.Sleep(d)
	synctest.Wait()
	m.end()
	if now := time.Now(); now.Sub(m.ticked) >= fanoutTick {
		m.ticked = m.ticked.Add(fanoutTick)
		for _, n := range m.nodes {
			n.tick(now)
		}
	}
	for _, n := range m.nodes {
		n.watchOwners()
	}
}

// end handles the results of requests.
func (m *clusterModel) end() {
	m.mu.Lock()
	results := m.results
	m.results = nil
	m.mu.Unlock()
	for _, f := range results {
		f()
	}
}

// result passes a result to the goroutine of the test. Any goroutine may call it.
func (m *clusterModel) result(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = append(m.results, f)
}

// await lets time pass until a condition holds. Nothing is delayed meanwhile.
func (m *clusterModel) await(what string, most time.Duration, holds func() bool) {
	for end := time.Now().Add(most); ; {
		m.pass(5*time.Millisecond, 1<<20)
		switch {
		case m.t.Failed() || holds():
			return
		case time.Now().After(end):
			m.t.Errorf("not within %v: %s", most, what)
			for _, n := range m.nodes {
				if n.isUp() {
					m.t.Logf("%s: %+v", n.name, n.node.Status())
				}
			}
			return
		}
	}
}

// isWhole reports whether all nodes see each other, accept publications, and have the same records: a node that has missed some repeats after a second what
// it requests.
func (m *clusterModel) isWhole() bool {
	var records []uint64
	for _, n := range m.nodes {
		if !n.isUp() || !n.ready.Load() {
			return false
		}
		if ok, _ := n.node.Accepts(); !ok || len(n.node.Status().Nodes) != len(m.nodes) {
			return false
		}
		for _, l := range n.node.Status().Logs {
			records = append(records, l.Applied)
		}
	}
	for i := range records {
		if records[i] != records[i%(m.cfg.ClusterLogs+1)] {
			return false
		}
	}
	return true
}

// act does something random.
func (m *clusterModel) act() {
	m.stepFault()
	c := m.clients[m.random.IntN(len(m.clients))]
	room := m.cfg.Rooms[m.random.IntN(len(m.cfg.Rooms))]
	switch n := m.random.IntN(100); {
	case n < 50:
		c.publish(&room)
	case n < 62:
		c.join(room.Pattern)
	case n < 64:
		c.leave(room.Pattern)
	case n < 70:
		c.move()
	case n < 73:
		m.talks.people(c, &room)
	default:
		for _, n := range m.nodes {
			n.workSome()
		}
	}
}

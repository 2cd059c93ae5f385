package server

import (
	"maps"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
)

// clusterFaults are the faults of the model. Each lasts until the fault ends, or until the node starts again.
var clusterFaults = map[string]func(m *clusterModel, n, other *clusterNode){
	"a node is parted":           func(m *clusterModel, n, _ *clusterNode) { m.fake.Split(n.engine) },
	"two nodes are killed":       func(m *clusterModel, n, other *clusterNode) { m.kill(n); m.kill(other) },
	"a node is killed":           func(m *clusterModel, n, _ *clusterNode) { m.kill(n) },
	"a node is stopped":          func(m *clusterModel, n, _ *clusterNode) { n.stop(); m.startLater(n) },
	"a node is not heard by one": func(m *clusterModel, n, other *clusterNode) { m.fake.Cut(n.engine, other.engine, true) },
	"two nodes do not reach each other": func(m *clusterModel, n, other *clusterNode) {
		m.cutBoth(n, other)
		m.until = m.until.Add(1500 * time.Millisecond) // so that a log moves to the third one
	},
	"a node is not heard":         func(m *clusterModel, n, _ *clusterNode) { m.cutFrom(n) },
	"a node does not hear others": func(m *clusterModel, n, _ *clusterNode) { m.cutTo(n) },
	"messages to a node wait":     func(m *clusterModel, n, _ *clusterNode) { m.fake.Delay(n.engine, true) },
	"messages are lost":           func(m *clusterModel, _, _ *clusterNode) { m.fake.Faults(brokertest.Faults{Drop: 0.2}) },
	"appends fail": func(m *clusterModel, _, _ *clusterNode) {
		m.fake.Faults(brokertest.Faults{Lose: 0.1, LoseAck: 0.1, Drop: 0.05})
	},
	"appends have no outcome": func(m *clusterModel, _, _ *clusterNode) { m.fake.Stall(true) },
	"a node is killed while another is parted": func(m *clusterModel, n, other *clusterNode) {
		m.fake.Split(other.engine)
		m.kill(n)
	},
}

func faultNames() []string { return slices.Sorted(maps.Keys(clusterFaults)) }

// stepFault begins or ends a fault, and starts nodes again.
func (m *clusterModel) stepFault() {
	now := time.Now()
	m.startAgain(now)
	switch {
	case m.faulty && now.After(m.until):
		m.endFault()
	case !m.faulty && m.random.IntN(4) == 0 && m.allUp():
		names := faultNames()
		name := names[m.random.IntN(len(names))]
		order := m.random.Perm(len(m.nodes))
		m.did[name]++
		m.faulty, m.until = true, now.Add(time.Duration(50+m.random.IntN(2200))*time.Millisecond)
		m.log.Info("fault", "name", name, "node", m.nodes[order[0]].name, "other", m.nodes[order[1]].name)
		clusterFaults[name](m, m.nodes[order[0]], m.nodes[order[1]])
	}
}

// startAgain starts the nodes whose time has come.
func (m *clusterModel) startAgain(now time.Time) {
	for _, n := range m.nodes {
		if !n.isUp() && now.After(n.back) {
			n.start()
		}
	}
}

func (m *clusterModel) allUp() bool {
	return !slices.ContainsFunc(m.nodes, func(n *clusterNode) bool { return !n.isUp() })
}

func (m *clusterModel) endFault() {
	m.faulty = false
	m.fake.Heal()
	m.fake.Stall(false)
	m.fake.Faults(brokertest.Faults{})
	m.log.Info("the fault ends")
}

func (m *clusterModel) kill(n *clusterNode) {
	n.kill()
	m.startLater(n)
}

func (m *clusterModel) startLater(n *clusterNode) {
	n.back = time.Now().Add(time.Duration(m.random.IntN(2500)) * time.Millisecond)
}

func (m *clusterModel) cutBoth(n, other *clusterNode) {
	m.fake.Cut(n.engine, other.engine, true)
	m.fake.Cut(other.engine, n.engine, true)
}

func (m *clusterModel) cutFrom(n *clusterNode) {
	for _, other := range m.nodes {
		m.fake.Cut(n.engine, other.engine, true)
	}
}

func (m *clusterModel) cutTo(n *clusterNode) {
	for _, other := range m.nodes {
		m.fake.Cut(other.engine, n.engine, true)
	}
}

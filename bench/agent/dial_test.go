package agent

import (
	"net/netip"
	"testing"
)

// An address has few ports for one server, so two agents of a machine must not use the same address.
func TestAgentsDialFromAddressesOfTheirOwn(t *testing.T) {
	if !manySources {
		t.Skip("this machine has one loopback address")
	}
	const ports = 28_232
	to := func(host string, connections int) *Plan {
		return &Plan{Targets: []Target{{Address: netip.AddrPortFrom(netip.MustParseAddr(host), 80)}}, RoomOf: make([]int32, connections), Agents: 1}
	}
	for _, tt := range []struct{ connections, agents, each int }{
		{11_292, 3, 0}, // one address is enough for all: the kernel chooses
		{19_800, 1, 2},
		{19_800, 3, 1},
		{60_000, 4, 2},
		{1_000_000, 64, 2},
	} {
		seen := map[string]int{}
		plan := to("127.0.0.1", tt.connections)
		plan.Agents = tt.agents
		for agent := range tt.agents {
			plan.Agent = agent
			sources := loopbackSources(plan, ports)
			if len(sources) != tt.each {
				t.Errorf("%d connections, agent %d of %d: got %d addresses, want %d", tt.connections, agent, tt.agents, len(sources), tt.each)
			}
			for _, s := range sources {
				if other, ok := seen[s.String()]; ok {
					t.Errorf("%d connections: agents %d and %d dial from %s", tt.connections, other, agent, s)
				}
				seen[s.String()] = agent
			}
		}
	}
	if got := loopbackSources(to("192.0.2.1", 60_000), ports); got != nil {
		t.Errorf("another host: got %v, want the kernel's choice", got)
	}
}

package agent

import (
	"net/netip"
	"testing"
)

// The ports of one address to one server are few: no two agents of a machine may dial from the same address.
func TestAgentsDialFromAddressesOfTheirOwn(t *testing.T) {
	if !manySources {
		t.Skip("this machine has one loopback address")
	}
	loopback, ports := netip.MustParseAddr("127.0.0.1"), 28_232
	for _, tt := range []struct{ connections, agents, each int }{
		{11_292, 3, 0}, // one address does for all: the kernel chooses
		{19_800, 1, 2},
		{19_800, 3, 1},
		{60_000, 4, 2},
		{1_000_000, 64, 2},
	} {
		seen := map[string]int{}
		for agent := range tt.agents {
			sources := loopbackSources(loopback, tt.connections, ports, agent, tt.agents)
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
	if got := loopbackSources(netip.MustParseAddr("192.0.2.1"), 60_000, ports, 0, 1); got != nil {
		t.Errorf("another host: got %v, want the kernel's choice", got)
	}
}

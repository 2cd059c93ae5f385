package testkit

import (
	"fmt"
	"net"
	"sync"
	"testing"
)

// Tests that run at the same time get different ports, although nobody listens on them. A port is free after its test.
func TestEachTestHasPortsOfItsOwn(t *testing.T) {
	const tests, each = 4, 20
	var mu sync.Mutex
	given := map[int]int{}
	t.Run("tests", func(t *testing.T) {
		var all sync.WaitGroup
		for range tests {
			all.Go(func() {
				portsTried.Store(0) // all begin at the same port, as other processes may
				for _, port := range Ports(t, each) {
					mu.Lock()
					given[port]++
					mu.Unlock()
				}
			})
		}
		all.Wait()
	})
	if len(given) != tests*each {
		t.Errorf("got %d different ports, want %d", len(given), tests*each)
	}
	for port := range given {
		mark, err := net.ListenPacket("udp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			t.Errorf("port %d after its test: %v", port, err)
			continue
		}
		if err := mark.Close(); err != nil {
			t.Error(err)
		}
	}
}

package cluster

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A node without a majority closes its clients after 15 s, once for each loss of the majority, and stops when it has one again.
func TestAPartedNodeSendsItsClientsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, sendsAway)
}

func sendsAway(t *testing.T) {
	n := newNode("a")
	begun := make(chan context.Context, 9)
	n.closeClients = func(ctx context.Context) { begun <- ctx }
	n.ready, n.majority, n.since = true, false, time.Minute
	for _, now := range []time.Duration{time.Minute, time.Minute + awayAfter - 1} {
		n.sendAway(t.Context(), now)
	}
	if n.stay != nil {
		t.Fatal("the clients are closed too early")
	}
	for range 3 {
		n.sendAway(t.Context(), time.Minute+awayAfter)
	}
	closing := <-begun
	n.majority = true
	n.sendAway(t.Context(), time.Minute+awayAfter+1)
	if closing.Err() == nil {
		t.Error("the clients are closed although the node has a majority again")
	}
	n.majority, n.since = false, 2*time.Minute
	n.sendAway(t.Context(), 3*time.Minute)
	<-begun
	synctest.Wait()
	if len(begun) > 0 {
		t.Error("the clients are closed more than once")
	}
}

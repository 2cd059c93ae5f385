//go:build !nonats

package natsbroker

import (
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

// A log without a leader has the replicas that somebody saw last. The node without a name among them is none.
func TestALogWithoutALeaderHasNoReplicas(t *testing.T) {
	t.Parallel()
	peers := []*jetstream.PeerInfo{{Name: "b", Current: true}, {Name: "c", Lag: 3}}
	for leader, want := range map[string][]broker.Replica{
		"":  nil,
		"a": {{Name: "a", Current: true}, {Name: "b", Current: true}, {Name: "c", Lag: 3}},
	} {
		if got := replicasOf(&jetstream.ClusterInfo{Leader: leader, Replicas: peers}); !slices.Equal(got, want) {
			t.Errorf("leader %q: got %+v, want %+v", leader, got, want)
		}
	}
}

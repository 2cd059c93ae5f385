//go:build !nonats

package natsbroker

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/testkit"
)

// A log without a leader has the replicas that somebody saw last. The node without a name among them is none.
func TestALogWithoutALeaderHasNoReplicas(t *testing.T) {
	t.Parallel()
	peers := []*jetstream.PeerInfo{{Name: "b", Current: true}, {Name: "c", Lag: 3}}
	for leader, want := range map[string][]broker.Replica{
		"":  nil,
		"a": {{Name: "a", Current: true}, {Name: "b", Current: true}, {Name: "c", Lag: 3}},
	} {
		if got := replicasOf(&jetstream.ClusterInfo{Leader: leader, Replicas: peers}, 0); !slices.Equal(got, want) {
			t.Errorf("leader %q: got %+v, want %+v", leader, got, want)
		}
	}
}

// Under load, a record is on its way to a replica at each moment. A replica that has all that was appended before the last look is not behind: an operator could
// never stop a node. Without load, one that lacks a record is behind.
func TestAReplicaOfALogUnderLoadIsCurrent(t *testing.T) {
	t.Parallel()
	var ends recordEnds
	for _, look := range []struct {
		what      string
		last, lag uint64
		want      bool
	}{
		{"the first look", 100, 5, false},
		{"10 records later", 110, 5, true},
		{"10 records later", 120, 10, true},
		{"10 records later, and it lacks more", 130, 11, false},
		{"no record later", 130, 1, false},
		{"a record later", 131, 1, true},
		{"with all records", 131, 0, true},
		{"the log was created again", 3, 1, false},
	} {
		c := &jetstream.ClusterInfo{Leader: "a", Replicas: []*jetstream.PeerInfo{{Name: "b", Current: look.lag == 0, Lag: look.lag}}}
		want := broker.Replica{Name: "b", Current: look.want, Lag: look.lag}
		if got := replicasOf(c, ends.appended("LOG_0", look.last)); got[1] != want {
			t.Errorf("%s: got %+v, want %+v", look.what, got[1], want)
		}
	}
	c := &jetstream.ClusterInfo{Leader: "a", Replicas: []*jetstream.PeerInfo{{Name: "b"}}}
	if got := replicasOf(c, 10); got[1].Current {
		t.Error("a replica is current, but its leader does not know what it has")
	}

}

// Each log without a leader costs the time of a question. The keeper has other work each second, and a server that answers no question is left for another one
// after silentAfter.
func TestLogsAreAskedForSideBySide(t *testing.T) {
	t.Parallel()
	const logs = 4
	i := silentInstance(t)
	var mu sync.Mutex
	questions := map[string]*nats.Msg{} // of this look, by subject
	if _, err := i.conn.Subscribe("$JS.API.STREAM.INFO.*", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		questions[m.Subject] = m
		if len(questions) < logs {
			return
		}
		for _, q := range questions {
			if err := q.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"num_replicas":1},"state":{},"cluster":{"leader":"a"}}`)); err != nil {
				t.Error(err)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	e := &engine{options: i.options, opened: map[string]int{}}
	for n := range logs {
		e.opened[fmt.Sprint("LOG_", n)] = n
	}
	testkit.Eventually(t, "answers to questions that are open together", func() bool { // on a slow machine not the first time
		mu.Lock()
		clear(questions)
		mu.Unlock()
		e.looks.whole = false
		e.look(i)
		return e.looks.whole
	})
}

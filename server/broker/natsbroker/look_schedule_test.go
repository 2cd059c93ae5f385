//go:build !nonats

package natsbroker

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/throng-chat/throng/server/broker"
)

// A question about a log reaches all nodes. If each of many nodes asked each second, a node would spend its time with the questions of the others.
func TestManyNodesAskRarelyWhereALogIsStored(t *testing.T) {
	t.Parallel()
	i := silentInstance(t)
	var questions atomic.Int32
	if _, err := i.conn.Subscribe("$JS.API.STREAM.INFO.LOG_0", func(m *nats.Msg) {
		questions.Add(1)
		if err := m.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"LOG_0","num_replicas":3},"state":{},
			"cluster":{"leader":"a","replicas":[{"name":"b","current":true},{"name":"c","current":true}]}}`)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for nodes, want := range map[int]int32{3: 21, 5: 11, 21: 3} {
		e := &engine{options: i.options, opened: map[string]int{"LOG_0": 0}, looks: lookSchedule{nodes: nodes}}
		questions.Store(0)
		for range 1 + 20 { // the first one asks, and 20 s
			e.look(i)
		}
		if got := questions.Load(); got != want {
			t.Errorf("%d nodes: a node has asked %d times in 20 s, want %d", nodes, got, want)
		}
		if stored := e.Stored(); len(stored) != 1 || len(stored[0].Replicas) != 3 {
			t.Errorf("%d nodes: got %+v, want the three replicas of the log", nodes, stored)
		}
	}
}

// While a replica is missing, and after a change, each look asks: an operator may wait for the answer before the next node is stopped.
func TestAChangeIsAskedForAtOnce(t *testing.T) {
	t.Parallel()
	ls := lookSchedule{nodes: 28}
	steps := []struct {
		what          string
		whole         bool // what the look before has found
		logs, remotes int
		want          bool
	}{
		{"the first look", false, 0, 0, true},
		{"logs are open", true, 4, 27, true},
		{"a replica is missing", false, 4, 27, true},
		{"it is still missing", false, 4, 27, true},
		{"all are current", true, 4, 27, false},
		{"a node has left", true, 4, 26, true},
		{"it has not been asked for", true, 4, 26, false},
		{"another node is back", true, 4, 27, true},
		{"no change", true, 4, 27, false},
		{"another log is open", true, 5, 27, true},
	}
	for _, st := range steps {
		ls.whole = st.whole
		if got := ls.due(st.logs, st.remotes); got != st.want {
			t.Errorf("%s: the look asks: %t, want %t", st.what, got, st.want)
		}
	}
}

// A replica is missing for the schedule if the leader does not hear it, also while it counts as current: a log without a majority commits nothing.
func TestALogWithASilentReplicaIsShort(t *testing.T) {
	t.Parallel()
	whole := broker.StoredLog{Wanted: 2, Replicas: []broker.Replica{{Name: "a", Current: true}, {Name: "b", Current: true, Silent: time.Second}}}
	if isShort(whole) {
		t.Error("a log with all replicas is short")
	}
	for what, r := range map[string]broker.Replica{
		"silent": {Name: "b", Current: true, Silent: replicaSilentAfter}, "offline": {Name: "b", Current: true, Offline: true}, "behind": {Name: "b"},
	} {
		if short := (broker.StoredLog{Wanted: 2, Replicas: []broker.Replica{whole.Replicas[0], r}}); !isShort(short) {
			t.Errorf("a log with a replica that is %s has all replicas", what)
		}
	}
	if !isShort(broker.StoredLog{Wanted: 3}) {
		t.Error("a log without a leader has all replicas")
	}
}

package cluster

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
)

// storingEngine is an engine that knows where its logs are stored.
type storingEngine struct {
	broker.Engine
	logs []broker.StoredLog
}

func (se storingEngine) Stored() []broker.StoredLog { return se.logs }

// The status names each replica that the durable log lacks. It does not claim what a replica has that is silent: for the leader, or for this node.
func TestTheStatusNamesMissingReplicas(t *testing.T) {
	t.Parallel()
	const now = time.Minute
	members := []*member.Member{{Heartbeat: member.Heartbeat{Name: "b"}, Heard: now - 100*time.Millisecond}, {Heartbeat: member.Heartbeat{Name: "c"}, Heard: now - 7*time.Second}}
	current := func(name string) broker.Replica {
		return broker.Replica{Name: name, Current: true, Silent: time.Second}
	}
	for name, c := range map[string]struct {
		logs    []broker.StoredLog
		members []*member.Member
		ago     time.Duration // of the look
		missing []string
		count   int
		unknown bool
	}{
		"all are current": {
			logs: []broker.StoredLog{{Wanted: 3, Leader: "a", Replicas: []broker.Replica{{Name: "a", Current: true}, {Name: "b", Current: true}, {Name: "c", Current: true}}}},
		},
		"one is behind, one is offline": {
			logs: []broker.StoredLog{{Wanted: 3, Leader: "a", Replicas: []broker.Replica{
				{Name: "a", Current: true}, {Name: "b", Lag: 5}, {Name: "c", Offline: true, Current: true},
			}}},
			missing: []string{"the replica of the durable log on b: it is behind", "the replica of the durable log on c: it is offline"}, count: 2,
		},
		"nobody leads":         {logs: []broker.StoredLog{{Wanted: 3}}, missing: []string{"the leader of the durable log, which knows its replicas"}, count: 3},
		"a server by itself":   {logs: []broker.StoredLog{{Wanted: 1, Leader: "n", Replicas: []broker.Replica{{Name: "n", Current: true}}}}},
		"not looked at so far": {unknown: true},
		"one is silent for the leader": {
			logs:    []broker.StoredLog{{Wanted: 2, Leader: "a", Replicas: []broker.Replica{current("a"), {Name: "b", Current: true, Silent: 4 * time.Second}}}},
			members: members, missing: []string{"the replica of the durable log on b: not heard for 4 s"}, count: 1,
		},
		"one is silent for this node": {
			logs:    []broker.StoredLog{{Wanted: 3, Leader: "a", Replicas: []broker.Replica{current("a"), current("b"), {Name: "c", Lag: 5}}}},
			members: members, missing: []string{"the replica of the durable log on c: not heard for 7 s"}, count: 1,
		},
		"the leader is silent for this node": {
			logs:    []broker.StoredLog{{Wanted: 2, Leader: "c", Replicas: []broker.Replica{current("c"), current("b")}}},
			members: members, missing: []string{"the replica of the durable log on c: not heard for 7 s"}, count: 1,
		},
		"nobody has answered for long": {
			logs: []broker.StoredLog{{Wanted: 1, Leader: "n", Replicas: []broker.Replica{current("n")}}}, ago: 12 * time.Second,
			missing: []string{"the replica of the durable log on n: not heard for 12 s"}, count: 1,
		},
	} {
		for i := range c.logs {
			c.logs[i].Seen = time.Now().Add(-c.ago)
		}
		l := LogStatus{Name: "durable"}
		l.addReplicas(storingEngine{logs: c.logs}, 0, &replicaView{c.members, now, lookHolds})
		s := Status{Logs: []LogStatus{l}}
		if got := l.missing(); !slices.Equal(got, c.missing) || s.MissingReplicas() != c.count || l.Unknown != c.unknown {
			t.Errorf("%s: got %q and %d, unknown %t, want %q and %d, unknown %t", name, got, s.MissingReplicas(), l.Unknown, c.missing, c.count, c.unknown)
		}
	}
}

package cluster

import (
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/broker"
)

// storingEngine is an engine that knows where its logs are stored.
type storingEngine struct {
	broker.Engine
	logs []broker.StoredLog
}

func (se storingEngine) Stored() []broker.StoredLog { return se.logs }

// The status names each replica that the durable log lacks.
func TestTheStatusNamesMissingReplicas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		logs    []broker.StoredLog
		missing []string
		count   int
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
		"not looked at so far": {},
	} {
		l := LogStatus{Name: "durable"}
		l.addReplicas(storingEngine{logs: c.logs}, 0)
		s := Status{Logs: []LogStatus{l}}
		if got := l.missing(); !slices.Equal(got, c.missing) || s.MissingReplicas() != c.count {
			t.Errorf("%s: got %q and %d, want %q and %d", name, got, s.MissingReplicas(), c.missing, c.count)
		}
	}
}

//go:build !nonats

package natsbroker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/testkit"
)

// joinOptions are the options of a node whose peers do not run. A peer that runs has the time to answer that it needs on a busy machine.
func joinOptions(t testing.TB) Options {
	o := testOptions(t)
	o.Cluster, o.patience = "test", testkit.Timeout
	peers := testkit.Addresses(t, MinPeers)
	o.Join = &Join{Node: "a", Listen: peers[0], Peers: peers, Secret: strings.Repeat("s", MinSecret)}
	return o
}

// A server that cannot start its part of the cluster, as with a full disk, must not run without it: it would answer alone, with old records. It starts
// again until it can.
func TestANodeStartsWithItsClusterOrNotAtAll(t *testing.T) {
	f := openFaulty(t, joinOptions(t))
	i, err := f.engine.running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(i.server.StoreDir(), "$SYS", "_js_", "_meta_", "peers.idx.tmp")
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	f.setDown(true)
	i.stop()
	if second, err := startInstance(f.engine.options, f.engine.dir.Engine()); !errors.Is(err, broker.ErrUnavailable) {
		second.stop()
		t.Fatalf("a server that cannot join its cluster: got %v, want ErrUnavailable", err)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	f.setDown(false)
	testkit.Eventually(t, "engine that works again", func() bool { return f.engine.Health().Err == nil })
}

// After a write that failed, a node of a cluster starts its server again, also if it owns no log.
func TestANodeStartsAgainAfterAFailedWrite(t *testing.T) {
	f := openFaulty(t, joinOptions(t))
	i, err := f.engine.running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i.log.Errorf("JetStream stream '%s > %s' critical write error: %v", "$G", "LOG", errors.New("input/output error"))
	testkit.Eventually(t, "another run of the server", func() bool {
		now, err := f.engine.running(t.Context())
		return err == nil && now != i
	})
}

// Only answers that stay short for long are a loss of records.
func TestALogOfAClusterThatIsShortIsAskedAgain(t *testing.T) {
	e := &engine{options: joinOptions(t), short: map[string]short{}}
	for n := range shortAnswers + 5 {
		if err := e.waitForRecords("log", 5, 7); !errors.Is(err, broker.ErrUnavailable) {
			t.Fatalf("short answer %d within %v: %v, want ErrUnavailable", n, shortFor, err)
		}
	}
	late := e.short["log"]
	late.since = late.since.Add(-shortFor)
	e.short["log"] = late
	if err := e.waitForRecords("log", 5, 7); err != nil {
		t.Errorf("short for %v: %v, want a loss", shortFor, err)
	}
	if err := e.waitForRecords("log", 7, 7); err != nil || len(e.short) > 0 {
		t.Errorf("the log has its records again: %v and %d short logs", err, len(e.short))
	}
	late.answers = 3
	e.short["log"] = late
	if err := e.waitForRecords("log", 5, 7); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("short answer 4 after a pause: %v, want ErrUnavailable", err)
	}
}

// If the queue of messages between nodes is full, dropped messages are counted in both directions. The receiver learns of those to this node.
func TestDroppedMessagesBetweenNodesAreCounted(t *testing.T) {
	ma := newMailbox(&engine{options: joinOptions(t), self: "a"})
	ma.receive = func(broker.NodeID, []byte) {}
	full := make([]byte, maxOutgoing)
	for range 2 {
		ma.post("all", full)
		ma.arrive(&nats.Msg{Reply: "b", Data: full[:maxIncoming]})
	}
	if got := ma.dropped.Load(); got != 2 || !ma.missed {
		t.Errorf("got %d dropped messages (missed: %t), want the second of each direction", got, ma.missed)
	}
}

package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
)

// lateTables is an engine whose tables do not report changes while it is held.
type lateTables struct {
	broker.Engine
	held sync.RWMutex // locked: held
}

type lateTable struct {
	broker.Table
	held *sync.RWMutex
}

func (lt *lateTables) Table(ctx context.Context, name string) (broker.Table, error) {
	t, err := lt.Engine.Table(ctx, name)
	return lateTable{t, &lt.held}, err
}

func (lt lateTable) Watch(ctx context.Context, f func(key string, value []byte, revision uint64, current bool)) error {
	return lt.Table.Watch(ctx, func(key string, value []byte, revision uint64, current bool) {
		lt.held.RLock()
		defer lt.held.RUnlock()
		f(key, value, revision, current)
	})
}

// startLateCluster starts three nodes. The changes of tables reach the last one late.
func startLateCluster(t *testing.T, fake *brokertest.Fake, rooms ...chat.RoomOptions) (nodes []testNode, late *lateTables) {
	t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, startNodeWith(t, fake, name, func(c *Config) {
			c.Rooms = rooms
			if name == "c" {
				late = &lateTables{Engine: c.Engine}
				c.Engine = late
			}
		}))
	}
	awaitOwners(t, nodes...)
	return nodes, late
}

// wantUnanswered fails the test unless a call returns error 100 that names node c, which does not know of the change.
func wantUnanswered(t *testing.T, s *Server, method, params string) {
	t.Helper()
	_, names, _ := strings.Cut(call(t, s, method, params), "nodes that have not answered: ")
	if names, _, _ = strings.Cut(names, `"`); !slices.Contains(strings.Split(names, ", "), "c") {
		t.Errorf("%s %s: the error names %q, want c", method, params, names)
	}
}

// untilDone repeats a call while its error is temporary: the machine may be slow.
func untilDone(t *testing.T, s *Server, method, params string) {
	t.Helper()
	eventually(t, method, func() bool { return call(t, s, method, params) == `{"result":{}}` })
}

// A call that imposes a sanction returns when it holds on all nodes. Otherwise its error names the nodes, and they end what it denies when they know of it.
func TestASanctionHoldsOnAllNodes(t *testing.T) {
	t.Parallel()
	nodes, late := startLateCluster(t, newFake(t), memoryRoom("m*"), memoryRoom("n*"))
	ann, ben, cat, dan := connectSDK(t, nodes[2].Server, tokenOf("ann")), connectSDK(t, nodes[2].Server, tokenOf("ben")),
		connectSDK(t, nodes[2].Server, tokenOf("cat")), connectSDK(t, nodes[2].Server, tokenOf("dan"))
	for _, c := range []*sdk{ann, ben, cat, dan} {
		c.enter("m1")
	}
	late.held.Lock()
	var calls sync.WaitGroup
	for method, params := range map[string]string{
		"mute": `{"user":"ann"}`, "slow_mode": `{"channel":"n1","seconds":100}`, "ban": `{"user":"ben"}`, "revoke": `{"user":"cat"}`,
	} {
		calls.Go(func() { wantUnanswered(t, nodes[0].Server, method, params) })
	}
	calls.Go(func() { wantUnanswered(t, nodes[1].Server, "ban", `{"user":"dan","channel":"m1"}`) })
	calls.Wait()
	late.held.Unlock()
	ben.expectCloseCode(3507)
	cat.expectCloseCode(3500)
	if got := dan.line(); !strings.Contains(got, `"unsubscribe":`) {
		t.Errorf("got %s, want the end of the subscription", got)
	}
	for i := range 20 { // the call has returned, so it holds
		late.held.Lock()
		returned := make(chan string, 1)
		go func() { returned <- call(t, nodes[0].Server, []string{"mute", "unmute"}[i%2], `{"user":"ann"}`) }()
		eventually(t, "the sanction to hold on this node, or the call to be rejected", func() bool {
			return len(returned) > 0 || nodes[0].sessions.Moderation.Denies("ann", chat.ToPublish, "m1") == (i%2 == 0)
		})
		late.held.Unlock()
		if strings.Contains(<-returned, "temporary") { // the machine is slow
			continue
		}
		if got := nodes[2].sessions.Moderation.Denies("ann", chat.ToPublish, "m1"); got != (i%2 == 0) {
			t.Fatalf("call %d has returned: node c denies: %v", i, got)
		}
	}
}

// A call that changes a roster or a history returns when all nodes have the change.
func TestAChangeHoldsOnAllNodesWhenItsCallReturns(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, durableRoom("d*"), rosterRooms("team*"))
	owns, others := owner(t, 1, nodes...)
	late := others[0] // not the owner: the change waits for that one
	ben := connectSDK(t, late.Server, tokenOf("ben"))
	for i := range 10 {
		by, lag := owns, func(on bool) { fake.Delay(late.engine, on) }
		if i%2 == 1 { // the command of another node overtakes the record
			by, lag = others[1], func(on bool) { fake.Cut(owns.engine, late.engine, on) }
		}
		lag(true)
		returned := make(chan string, 1)
		go func() { returned <- call(t, by.Server, "members_add", `{"channel":"team1","users":["ben"]}`) }()
		eventually(t, "the member on this node, or the call to be rejected", func() bool { return len(returned) > 0 || by.sessions.RoleOf("team1", "ben") > 0 })
		for wait := 0; i%2 == 1 && wait < 50 && len(returned) == 0; wait++ { // a call that does not wait returns now
			time.Sleep(time.Millisecond)
		}
		if early := i%2 == 1 && len(returned) > 0; early {
			answer := <-returned
			if !strings.Contains(answer, "temporary") {
				t.Fatalf("change %d: the call has returned %s, and a node lacks the change", i, answer)
			}
			returned <- answer
		}
		lag(false)
		if strings.Contains(<-returned, "temporary") { // the machine is slow
			untilDone(t, owns.Server, "members_add", `{"channel":"team1","users":["ben"]}`)
		}
		if got := ben.answerTo(`"subscribe":{"channel":"team1"}`); !strings.Contains(got, `"subscribe":{`) {
			t.Fatalf("change %d: got %s, want a subscription: the call has returned", i, got)
		}
		untilDone(t, others[1].Server, "members_remove", `{"channel":"team1","users":["ben"]}`)
		if got := ben.answerTo(`"subscribe":{"channel":"team1"}`); !strings.Contains(got, `"code":103`) {
			t.Fatalf("change %d: got %s, want error 103: the call has returned", i, got)
		}
		call(t, nodes[i%3].Server, "publish", fmt.Sprintf(`{"channel":"d1","data":"secret %d"}`, i))
		untilDone(t, nodes[0].Server, "history_remove", `{"channel":"d1"}`)
		for _, n := range nodes {
			if got := call(t, n.Server, "history", `{"channel":"d1","limit":-1}`); strings.Contains(got, "secret") {
				t.Fatalf("node %s has %s: the call has returned", n.cfg.Node, got)
			}
		}
	}
}

// A node without a majority does what a call wants of its clients. The call fails and names the nodes that it does not reach: they may run, and have clients of
// the user.
func TestACallWithoutAMajorityNamesTheOthers(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake)
	here, there := connectSDK(t, nodes[0].Server, tokenOf("ann")), connectSDK(t, nodes[1].Server, tokenOf("ann"))
	fake.Split(nodes[0].engine)
	eventually(t, "silence on both sides", func() bool {
		return !nodes[0].node.Status().Majority && len(nodes[1].node.Status().Nodes) == 2
	})
	const want = `{"error":{"code":100,"message":"not finished: not all connections have answered within 5 s: nodes that have not answered: b, c","temporary":true}}`
	if got := call(t, nodes[0].Server, "disconnect", `{"user":"ann"}`); got != want {
		t.Errorf("disconnect on the smaller side: got %s, want %s", got, want)
	}
	here.expectCloseCode(3503)
	untilDone(t, nodes[1].Server, "disconnect", `{"user":"ann"}`) // the larger side does not wait for the node that it takes for dead
	there.expectCloseCode(3503)
}

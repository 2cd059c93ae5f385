package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// testNode is a server that is a node of a cluster in this process.
type testNode struct {
	*Server
	engine broker.Engine
}

var testPeers = []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}

// startNode starts a node of a cluster of three. name is a, b or c.
func startNode(t testing.TB, fake *brokertest.Fake, name string, rooms ...chat.RoomOptions) testNode {
	t.Helper()
	return startNodeWith(t, fake, name, func(c *Config) { c.Rooms = rooms })
}

// startNodeWith is startNode with other settings.
func startNodeWith(t testing.TB, fake *brokertest.Fake, name string, change func(*Config)) testNode {
	t.Helper()
	n := testNode{engine: fake.Start(name)}
	n.Server = startServer(t, func(c *Config) {
		c.Engine, c.API.Key = n.engine, strings.Repeat("k", minSecret)
		c.OtherRooms, c.Token.HMACSecret = chat.RoomsOpen, testSecret
		c.Cluster, c.Node, c.Peers, c.ClusterListen = "test", name, testPeers, testPeers[name[0]-'a']
		c.ClusterLogs = 1
		change(c)
	})
	return n
}

// startCluster starts three nodes, and waits until each log has an owner.
func startCluster(t testing.TB, fake *brokertest.Fake, rooms ...chat.RoomOptions) (nodes []testNode) {
	t.Helper()
	return startClusterWith(t, fake, func(c *Config) { c.Rooms = rooms })
}

// startClusterWith is startCluster with other settings.
func startClusterWith(t testing.TB, fake *brokertest.Fake, change func(*Config)) (nodes []testNode) {
	t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, startNodeWith(t, fake, name, change))
	}
	awaitOwners(t, nodes...)
	return nodes
}

// awaitOwners waits until nodes see each other, and an owner of each log.
func awaitOwners(t testing.TB, nodes ...testNode) {
	t.Helper()
	eventually(t, "each log to have an owner", func() bool {
		for _, n := range nodes {
			if ok, _ := n.node.Accepts(); !ok || len(n.node.Status().Nodes) != len(nodes) {
				return false
			}
		}
		return true
	})
}

// owner returns the node that owns a log, and the others.
func owner(t testing.TB, log int, nodes ...testNode) (owns testNode, others []testNode) {
	t.Helper()
	for _, n := range nodes {
		if n.sessions.Logs()[log].Owns() {
			owns = n
		} else {
			others = append(others, n)
		}
	}
	if owns.Server == nil {
		t.Fatal("no node owns the log")
	}
	return owns, others
}

func memoryRoom(pattern string) chat.RoomOptions {
	o := roomWithHistory(pattern)
	o.Durable = false
	return o
}

// Clients of different nodes share rooms of each kind: all receive all publications, in one order, with the same offsets.
func TestClientsOfAllNodesShareTheirRooms(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, newFake(t), durableRoom("d*"), memoryRoom("m*"), chatRoom("talk*"))
	for _, room := range []string{"d1", "m1", "talk1", "none"} {
		var clients []*sdk
		var plain []*client
		for _, n := range nodes {
			c := connectSDK(t, n.Server, "")
			c.enter(room)
			clients, plain = append(clients, c), append(plain, dial(t, n.Server, room))
		}
		for i, c := range clients {
			c.sendLine(`{"id":9,"publish":{"channel":%q,"data":{"id":"id%d","text":"from %d"}}}`, room, i, i)
			for k, other := range clients {
				got := other.line()
				if !strings.Contains(got, fmt.Sprintf(`"text":"from %d"}`, i)) {
					t.Fatalf("%s: client %d got %s, want the publication of client %d", room, k, got, i)
				}
				if offset := fmt.Sprintf(`"offset":%d`, 2*i+1); room != "none" && !strings.Contains(got, offset) {
					t.Errorf("%s: client %d got %s, want %s", room, k, got, offset)
				}
				plain[k].next()
			}
			c.expectLine(`{"id":9,"publish":{}}`)
			plain[i].send(ws.OpText, fmt.Sprintf("plain %d", i))
			for k, other := range clients {
				if got := other.line(); !strings.Contains(got, fmt.Sprintf("plain %d", i)) {
					t.Fatalf("%s: client %d got %s, want the message of the plain client %d", room, k, got, i)
				}
				plain[k].next()
			}
		}
		if room == "none" {
			continue
		}
		want := call(t, nodes[0].Server, "history", fmt.Sprintf(`{"channel":%q,"limit":-1}`, room))
		for _, n := range nodes[1:] {
			wantCall(t, n.Server, "history", fmt.Sprintf(`{"channel":%q,"limit":-1}`, room), want)
		}
	}
}

// A client that comes from another node may be ahead of its new node. It gets a temporary error until that node has what it received, and then
// recovers. Before, it was told that it could not recover.
func TestAClientAheadOfItsNodeRecovers(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, durableRoom("d*"), memoryRoom("m*"))
	for log, room := range []string{"d1", "m1"} {
		owns, others := owner(t, log, nodes...)
		behind := others[0]
		call(t, owns.Server, "publish", fmt.Sprintf(`{"channel":%q,"data":1}`, room))
		before := call(t, owns.Server, "history", fmt.Sprintf(`{"channel":%q}`, room))
		awaitCall(t, "history", fmt.Sprintf(`{"channel":%q}`, room), before, nodes...)
		_, epoch, _ := strings.Cut(before, `"epoch":"`)
		epoch, _, _ = strings.Cut(epoch, `"`)
		c := connectSDK(t, behind.Server, "")
		fake.Delay(behind.engine, true)
		call(t, owns.Server, "publish", fmt.Sprintf(`{"channel":%q,"data":2}`, room))
		for rejected := 0; ; rejected++ {
			got := c.answerTo(fmt.Sprintf(`"subscribe":{"channel":%q,"recover":true,"offset":2,"epoch":%q}`, room, epoch))
			if strings.Contains(got, `"recovered":true`) {
				break
			}
			if !strings.Contains(got, `"code":100`) || !strings.Contains(got, `"temporary":true`) || rejected > 10_000 {
				t.Fatalf("%s: got %s after %d temporary errors, want another one or a recovery", room, got, rejected)
			}
			fake.Heal()
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// Changes of a history, idempotency keys, rosters and markers are those of all nodes.
func TestChangesHoldOnAllNodes(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, newFake(t), durableRoom("d*"), memoryRoom("m*"), chatRoom("talk*"))
	a, b, c := nodes[0].Server, nodes[1].Server, nodes[2].Server
	for _, room := range []string{"d1", "m1"} {
		first := call(t, a, "publish", fmt.Sprintf(`{"channel":%q,"data":"secret","idempotency_key":"k"}`, room))
		wantCall(t, b, "publish", fmt.Sprintf(`{"channel":%q,"data":"again","idempotency_key":"k"}`, room), first)
		call(t, c, "publish", fmt.Sprintf(`{"channel":%q,"data":"state","version":5,"version_epoch":"e"}`, room))
		call(t, a, "publish", fmt.Sprintf(`{"channel":%q,"data":"older","version":4,"version_epoch":"e"}`, room))
		untilDone(t, b, "redact", fmt.Sprintf(`{"channel":%q,"offset":1}`, room))
		wantError(t, c, "redact", fmt.Sprintf(`{"channel":%q,"offset":77}`, room), 107, "no publication with that offset")
		var got []string
		for _, n := range nodes {
			got = append(got, call(t, n.Server, "history", fmt.Sprintf(`{"channel":%q,"limit":-1}`, room)))
		}
		if got[0] != got[1] || got[1] != got[2] || strings.Contains(got[0], "secret") || strings.Contains(got[0], "older") {
			t.Errorf("got the histories\n%s", strings.Join(got, "\n"))
		}
	}
	for i, n := range nodes {
		call(t, n.Server, "members_add", fmt.Sprintf(`{"channel":"talk1","users":["user%d"]}`, i))
	}
	for _, n := range nodes {
		if got := call(t, n.Server, "members", `{"channel":"talk1"}`); strings.Count(got, `"user`) < 3 {
			t.Errorf("got the members %s, want three", got)
		}
	}
}

// A call to one node reaches the clients of all.
func TestCallsReachTheClientsOfAllNodes(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, newFake(t), memoryRoom("m*"))
	for i, n := range nodes {
		other := nodes[(i+1)%len(nodes)].Server
		guest, plain := connectSDK(t, n.Server, ""), dial(t, n.Server, "m2")
		guest.enter("m2")
		untilDone(t, other, "room_delete", `{"channel":"m2"}`)
		guest.expectLine(`{"push":{"channel":"m2","unsubscribe":{"code":2000,"reason":"room deleted"}}}`)
		plain.expectClose(ws.ClosePolicy, "room deleted")
		c := connectSDK(t, n.Server, signed(map[string]any{"sub": "ann"}))
		untilDone(t, other, "subscribe", `{"user":"ann","channel":"m1"}`)
		if got := c.line(); !strings.Contains(got, `"subscribe":`) {
			t.Fatalf("got %s, want a subscription", got)
		}
		untilDone(t, other, "unsubscribe", `{"user":"ann","channel":"m1"}`)
		if got := c.line(); !strings.Contains(got, `"unsubscribe":`) {
			t.Fatalf("got %s, want the end of the subscription", got)
		}
		untilDone(t, other, "disconnect", `{"user":"ann"}`)
		c.expectCloseCode(3503)
	}
}

// The death of the owner of a log loses nothing that was acknowledged, and what waits for it is published once, by the next owner.
func TestTheDeathOfAnOwnerLosesNothing(t *testing.T) {
	t.Parallel()
	for log, room := range []string{"d1", "m1"} {
		t.Run(room, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			nodes := startCluster(t, fake, durableRoom("d*"), memoryRoom("m*"))
			owns, others := owner(t, log, nodes...)
			c, reader := connectSDK(t, others[0].Server, ""), connectSDK(t, others[1].Server, "")
			c.enter(room)
			epoch := field(t, reader.enter(room), "epoch")
			_, program := received(t, others[1].Server, room, SubscribeOptions{})
			publish := func(n int) {
				c.sendLine(`{"id":9,"publish":{"channel":%q,"data":%d}}`, room, n)
			}
			check := func(n int) {
				t.Helper()
				for _, each := range []*sdk{c, reader} {
					if got := each.line(); !strings.Contains(got, fmt.Sprintf(`"data":%d,`, n)) || !strings.Contains(got, fmt.Sprintf(`"offset":%d`, n)) {
						t.Fatalf("got %s, want publication %d at its offset", got, n)
					}
				}
				c.expectLine(`{"id":9,"publish":{}}`)
				expect(t, program, fmt.Sprintf("%d %d", n, n))
			}
			publish(1)
			check(1)
			fake.Kill(owns.engine)
			publish(2) // it waits for the next owner
			check(2)
			for n := 3; n < 20; n++ {
				publish(n)
				check(n)
			}
			late := connectSDK(t, others[1].Server, "")
			late.sendLine(`{"id":2,"subscribe":{"channel":%q,"recover":true,"offset":1,"epoch":%q}}`, room, epoch)
			if got := late.line(); !strings.Contains(got, `"recovered":true`) || strings.Count(got, `"data"`) != 18 {
				t.Errorf("got %s, want 18 recovered publications", got)
			}
		})
	}
}

// A node that is parted from the majority rejects publications in durable rooms. After it has joined again, its clients have those of the others, in order.
func TestAPartedNodeRejectsAndCatchesUp(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, durableRoom("d*"))
	owns, others := owner(t, 0, nodes...)
	for _, n := range nodes {
		if got := value(t, n.Server, "throng_durable_available", ""); got != 1 {
			t.Errorf("throng_durable_available is %v on a node of a cluster without faults, want 1", got)
		}
	}
	c, other := connectSDK(t, owns.Server, ""), connectSDK(t, others[0].Server, "")
	c.enter("d1")
	other.enter("d1")
	fake.Split(owns.engine)
	eventually(t, "the node to notice", func() bool { ok, _ := owns.node.Accepts(); return !ok })
	c.sendLine(`{"id":9,"publish":{"channel":"d1","data":"lost"}}`)
	if got := c.line(); !strings.Contains(got, `"code":100`) {
		t.Errorf("got %s, want a temporary error", got)
	}
	eventually(t, "another owner", func() bool { ok, _ := others[0].node.Accepts(); return ok })
	for n := 1; n <= 3; n++ {
		call(t, others[1].Server, "publish", fmt.Sprintf(`{"channel":"d1","data":%d}`, n))
	}
	fake.Split()
	for n := 1; n <= 3; n++ {
		for _, each := range []*sdk{other, c} {
			if got := each.line(); !strings.Contains(got, fmt.Sprintf(`"data":%d,"offset":%d`, n, n)) {
				t.Fatalf("got %s, want publication %d", got, n)
			}
		}
	}
	awaitOwners(t, nodes...)
}

package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// What the table "From any node" of docs/cluster.md lists, and no other test has: each call and command by another node than that of the client. One cluster
// does all, because a start costs more than a call.
func TestCallsAndCommandsWorkFromAnyNode(t *testing.T) {
	t.Parallel()
	rooms := []chat.RoomOptions{durableRoom("d*"), memoryRoom("m*"), chatRoom("talk-r"), chatRoom("talk*"), chatRoom("team*")}
	for i := range rooms {
		rooms[i].Publish, rooms[i].ReadHistory = chat.Anyone, chat.Anyone
	}
	rooms[2].Receipts = true
	nodes := startCluster(t, newFake(t), rooms...)
	for _, each := range []struct {
		name string
		test func(*testing.T, []testNode)
	}{
		{"slow mode", slowModeOfAllNodes},
		{"slow mode of plain clients", slowModeOfPlainClientsOfAllNodes},
		{"refresh and kick", refreshAndKick},
		{"timeline, search, unread", readsOfAllNodes},
		{"markers", markersOfAllNodes},
		{"receipts", receiptsOfAllNodes},
		{"moderators", moderatorsOfAllNodes},
	} {
		t.Run(each.name, func(t *testing.T) { each.test(t, nodes) })
	}
}

// slowCounts returns the number of publishers that slow mode counts on all nodes.
func slowCounts(nodes []testNode) (n int) {
	for _, each := range nodes {
		waiting, _ := each.sessions.Moderation.SlowModePublishers()
		n += waiting
	}
	return n
}

// ownersOf returns the terms of the owners of all logs, as each node knows them.
func ownersOf(nodes []testNode) (terms string) {
	for _, each := range nodes {
		for _, log := range each.node.Status().Logs {
			terms += fmt.Sprint(log.Name, " ", log.Term, " ")
		}
	}
	return terms
}

// A user with connections to several nodes may publish once in a pause. A publication that is rejected does not count.
func slowModeOfAllNodes(t *testing.T, nodes []testNode) {
	const wait, done = `{"id":77,"error":{"code":111,"message":"too many requests","temporary":true}}`, `{"id":77,"publish":{}}`
	for first := range nodes {
		for _, room := range []string{"d", "m", "talk"} {
			room = fmt.Sprint(room, "-slow", first)
			untilDone(t, nodes[0].Server, "slow_mode", fmt.Sprintf(`{"channel":%q,"seconds":1000}`, room))
			before, owners := slowCounts(nodes), ownersOf(nodes)
			for i := range nodes {
				n := nodes[(first+i)%len(nodes)]
				want := wait
				if i == 0 {
					want = done
				}
				c := connectSDK(t, n.Server, tokenOf("ann"))
				command := fmt.Sprintf(`"publish":{"channel":%q,"data":{"id":"x%d","text":"hello"}}`, room, i)
				if got := c.answerTo(command); got != want {
					t.Errorf("%s by node %s: got %s, want %s", room, n.cfg.Node, got, want)
				}
				if got, other := connectSDK(t, n.Server, tokenOf(fmt.Sprint("ben", i))).answerTo(strings.Replace(command, `"x`, `"y`, 1)), done; got != other {
					t.Errorf("%s by node %s, another user: got %s, want %s", room, n.cfg.Node, got, other)
				}
				c.conn.Close()
			}
			// The node of the client and the owner count each publication: of four users, one of them by the owner itself, or ann as well. An owner that
			// took over meanwhile counts, too.
			if got := slowCounts(nodes) - before; got != 6 && got != 7 && ownersOf(nodes) == owners {
				t.Errorf("%s: the nodes count %d publishers, want those of four publications", room, got)
			}
			untilDone(t, nodes[1].Server, "slow_mode", fmt.Sprintf(`{"channel":%q,"seconds":0}`, room))
		}
	}
}

// Plain clients count by their address on all nodes.
func slowModeOfPlainClientsOfAllNodes(t *testing.T, nodes []testNode) {
	untilDone(t, nodes[0].Server, "slow_mode", `{"channel":"m-plain","seconds":1000}`)
	var clients []*client
	for _, n := range nodes {
		clients = append(clients, dial(t, n.Server, "m-plain"))
	}
	clients[0].send(ws.OpText, "one")
	for _, c := range clients {
		c.expect(ws.OpText, "one")
	}
	for _, c := range clients[1:] {
		c.send(ws.OpText, "two")
		c.expectClose(ws.ClosePolicy, "too many messages: this room is in slow mode")
	}
}

func refreshAndKick(t *testing.T, nodes []testNode) {
	for i, n := range nodes {
		other := nodes[(i+1)%len(nodes)].Server
		c := connectSDK(t, n.Server, tokenOf("ann"))
		untilDone(t, other, "refresh", fmt.Sprintf(`{"user":"ann","expire_at":%d}`, time.Now().Unix()+1000))
		if got := c.line(); !strings.HasPrefix(got, `{"push":{"refresh":{"expires":true,`) {
			t.Errorf("got %s, want a new expiry", got)
		}
		c.enter("m1")
		untilDone(t, other, "kick", `{"user":"ann","channel":"m1"}`)
		c.expectLine(`{"push":{"channel":"m1","unsubscribe":{"code":2000,"reason":"kicked"}}}`)
		untilDone(t, other, "refresh", `{"user":"ann","expired":true}`)
		c.expectCloseCode(3005)
	}
}

// Messages of a client of one node are in the timeline, the search and the unread counts of clients of all nodes.
func readsOfAllNodes(t *testing.T, nodes []testNode) {
	for i, n := range nodes {
		room := fmt.Sprint("talk", i)
		call(t, nodes[0].Server, "members_add", fmt.Sprintf(`{"channel":%q,"users":["cat"]}`, room))
		ann := connectSDK(t, n.Server, tokenOf("ann"))
		ann.enter(room)
		if got := ann.publishIn(room, `{"id":"m","text":"an aardvark","mentions":["cat"]}`); got != `{"id":50,"publish":{}}` {
			t.Fatalf("got %s", got)
		}
		for _, of := range nodes {
			cat := connectSDK(t, of.Server, tokenOf("cat"))
			eventually(t, "the message in "+room+" on node "+of.cfg.Node, func() bool {
				list := cat.timelineOf(fmt.Sprintf(`{"channel":%q}`, room))
				return len(list) == 1 && list[0].Text == "an aardvark"
			})
			found := cat.search(fmt.Sprintf(`{"text":"aardvark","channel":%q}`, room))
			if got := strings.Join(found.ids(), " "); got != room+"/m" {
				t.Errorf("%s, node %s: got %s", room, of.cfg.Node, got)
			}
			if got := cat.rpc("unread", fmt.Sprintf(`{"channels":[%q]}`, room)); !strings.Contains(got, `"unread":1,"mentions":1,"upto":0`) {
				t.Errorf("%s, node %s: got %s, want one mention", room, of.cfg.Node, got)
			}
			cat.conn.Close()
		}
	}
}

// A marker that one device sets by one node is that of the devices of all nodes.
func markersOfAllNodes(t *testing.T, nodes []testNode) {
	call(t, nodes[0].Server, "members_add", `{"channel":"talk-read","users":["dan"]}`)
	var devices []*sdk
	for i, n := range nodes {
		devices = append(devices, connectSDK(t, n.Server, tokenOf("dan")))
		call(t, n.Server, "publish", fmt.Sprintf(`{"channel":"talk-read","data":{"id":"m%d","text":"x"}}`, i))
	}
	for i, by := range devices {
		eventually(t, "the messages on each node", func() bool {
			return strings.Contains(by.rpc("unread", `{"channels":["talk-read"]}`), `"offset":3`)
		})
		by.wantRPC("read", fmt.Sprintf(`{"channel":"talk-read","upto":%d}`, i+1), fmt.Sprintf(`{"upto":%d}`, i+1))
		for k, other := range devices {
			if k != i {
				other.expectLine(fmt.Sprintf(`{"push":{"message":{"data":{"type":"read","channel":"talk-read","upto":%d}}}}`, i+1))
			}
			eventually(t, "the marker on each node", func() bool {
				got := other.rpc("unread", `{"channels":["talk-read"]}`)
				return strings.Contains(got, fmt.Sprintf(`"unread":%d,"mentions":0,"upto":%d`, 2-i, i+1)) || i == 2 && strings.Contains(got, `"upto":3`)
			})
		}
	}
}

// A receipt reaches the clients of all nodes, wherever the marker was set.
func receiptsOfAllNodes(t *testing.T, nodes []testNode) {
	var members []*sdk
	for i, n := range nodes {
		members = append(members, connectSDK(t, n.Server, tokenOf(fmt.Sprint("reader", i))))
		members[i].enter("talk-r")
	}
	call(t, nodes[0].Server, "publish", `{"channel":"talk-r","data":{"id":"m","text":"x"}}`)
	for _, c := range members {
		c.line()
	}
	for i, by := range members {
		by.sendLine(`{"id":9,"rpc":{"method":"read","data":{"channel":"talk-r","upto":1}}}`)
		want := fmt.Sprintf(`{"push":{"channel":"talk-r","pub":{"data":{"type":"receipts","upto":{"reader%d":1}}}}}`, i)
		for k, c := range members {
			got := c.line()
			if k == i && strings.HasPrefix(got, `{"id":9,`) {
				got = c.line()
			}
			if got != want {
				t.Errorf("reader %d: got %s, want %s", k, got, want)
			}
		}
	}
}

// A moderator acts by its node on the clients of all nodes.
func moderatorsOfAllNodes(t *testing.T, nodes []testNode) {
	untilDone(t, nodes[0].Server, "members_add", `{"channel":"team1","users":["mod"],"role":"moderator"}`)
	for i, n := range nodes {
		mod, eve := connectSDK(t, nodes[(i+1)%3].Server, tokenOf("mod")), connectSDK(t, n.Server, tokenOf("eve"))
		act := func(method, params string) {
			t.Helper()
			eventually(t, method, func() bool { return mod.rpc(method, `{"channel":"team1",`+params+`}`) == "{}" })
		}
		publish := func(id, want string) {
			t.Helper()
			if got := eve.answerTo(fmt.Sprintf(`"publish":{"channel":"team1","data":{"id":"%s%d","text":"x"}}`, id, i)); !strings.Contains(got, want) {
				t.Errorf("node %s: got %s, want %s", n.cfg.Node, got, want)
			}
		}
		eve.enter("team1")
		act("silence", `"user":"eve"`)
		publish("a", `"code":103`)
		act("unsilence", `"user":"eve"`)
		publish("b", `"publish":{}`)
		act("slow", `"seconds":1000`)
		publish("c", `"publish":{}`)
		publish("d", `"code":111`)
		act("slow", `"seconds":0`)
		act("redact", fmt.Sprintf(`"offset":%d`, lastOffset(n.Server, "team1")))
		for _, of := range nodes {
			eventually(t, "the redaction on each node", func() bool {
				return strings.Contains(call(t, of.Server, "timeline", `{"channel":"team1","limit":1}`), `"deleted":true`)
			})
		}
		eve.conn.Close()
		eve = connectSDK(t, n.Server, tokenOf("eve"))
		eve.enter("team1")
		act("kick", `"user":"eve"`)
		eve.expectLine(`{"push":{"channel":"team1","unsubscribe":{"code":2000,"reason":"kicked"}}}`)
		eve.enter("team1")
		act("ban", `"user":"eve"`)
		eve.expectLine(`{"push":{"channel":"team1","unsubscribe":{"code":2000,"reason":"banned"}}}`)
		if got := eve.answerTo(`"subscribe":{"channel":"team1"}`); !strings.Contains(got, `"code":103`) {
			t.Errorf("got %s, want no subscription", got)
		}
		act("unban", `"user":"eve"`)
	}
}

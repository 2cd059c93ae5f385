package server

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// awaitCall waits until a method of the server API of each node returns an answer.
func awaitCall(t *testing.T, method, params, answer string, nodes ...testNode) {
	t.Helper()
	for _, each := range nodes {
		eventually(t, fmt.Sprintf("node %s to answer %s %s with %s", each.cfg.Node, method, params, answer), func() bool {
			return call(t, each.Server, method, params) == answer
		})
	}
}

// Each node lists the rooms of all nodes, with the members of all, plain clients included.
func TestTheMembersOfAllNodesCount(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, presenceRoom("p*"), memoryRoom("m*"))
	var clients []*sdk
	for i, n := range nodes {
		c := connectSDK(t, n.Server, signed(map[string]any{"sub": fmt.Sprint("user", i)}))
		c.enter("m1")
		clients = append(clients, c)
		dial(t, n.Server, "p1")
	}
	dial(t, nodes[2].Server, "x/only")
	awaitCall(t, "channels", "{}", `{"result":{"channels":{"m1":{"num_clients":3},"p1":{"num_clients":3},"x/only":{"num_clients":1}}}}`, nodes...)
	awaitCall(t, "channels", `{"pattern":"x*"}`, `{"result":{"channels":{"x/only":{"num_clients":1}}}}`, nodes...)
	awaitCall(t, "presence_stats", `{"channel":"p1"}`, `{"result":{"num_clients":3,"num_users":1}}`, nodes...)

	clients[0].sendLine(`{"id":3,"unsubscribe":{"channel":"m1"}}`)
	awaitCall(t, "channels", `{"pattern":"m*"}`, `{"result":{"channels":{"m1":{"num_clients":2}}}}`, nodes...)
	late := startNode(t, fake, "c", presenceRoom("p*"), memoryRoom("m*")) // another run: it gets all numbers
	fake.Kill(nodes[2].engine)
	awaitCall(t, "channels", "{}", `{"result":{"channels":{"m1":{"num_clients":1},"p1":{"num_clients":2}}}}`, nodes[0], nodes[1], late)
}

// A room is full when it has max-members on all nodes together. The members of a node that has died may join again before these have left.
func TestMaxMembersIsThatOfAllNodes(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	small := presenceRoom("small*")
	small.MaxMembers = 3
	nodes := startCluster(t, fake, small)
	join := func(n testNode, user string) (reply string) {
		c := connectSDK(t, n.Server, tokenOf(user))
		return c.answerTo(`"subscribe":{"channel":"small1"}`)
	}
	for i, n := range nodes {
		if got := join(n, fmt.Sprint("user", i)); !strings.Contains(got, `"subscribe":`) {
			t.Fatalf("got %s, want a subscription", got)
		}
		awaitMembers(t, "small1", i+1, nodes...)
		awaitCall(t, "channels", "{}", fmt.Sprintf(`{"result":{"channels":{"small1":{"num_clients":%d}}}}`, i+1), nodes...)
	}
	for _, n := range nodes {
		eventually(t, "a rejection for ever", func() bool { // a temporary one if the heartbeats are late
			got := join(n, "more")
			if strings.Contains(got, `"subscribe":`) {
				t.Fatalf("node %s: got %s, want a rejection: the room is full", n.cfg.Node, got)
			}
			return strings.Contains(got, `"code":106`)
		})
	}
	fake.Kill(nodes[2].engine)
	eventually(t, "a member of the dead node to join again", func() bool {
		return strings.Contains(join(nodes[0], "user2"), `"subscribe":`)
	})
	if got := call(t, nodes[0].Server, "channels", "{}"); !strings.Contains(got, `"num_clients":4`) {
		t.Errorf("got %s: the member joined after those of the dead node had left", got)
	}
}

// A user with more connections to all nodes than max-connections-user loses the newest ones, wherever they are.
func TestTheConnectionsOfAUserToAllNodesCount(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startClusterWith(t, fake, func(c *Config) { c.MaxConnectionsUser = 2 })
	var clients []*sdk
	for i := range 4 {
		clients = append(clients, connectSDK(t, nodes[i%3].Server, tokenOf("ann")))
		before := time.Now().UnixMilli()
		eventually(t, "the next millisecond", func() bool { return time.Now().UnixMilli() > before })
	}
	other := connectSDK(t, nodes[2].Server, tokenOf("ben"))
	clients[2].expectClose(3504, "connection limit")
	clients[3].expectClose(3504, "connection limit")
	eventually(t, "node a to serve still", func() bool { return strings.Contains(call(t, nodes[0].Server, "info", "{}"), `"num_clients":`) })
	for _, c := range []*sdk{clients[0], clients[1], other} {
		if got := c.answerTo(`"rpc":{"method":"none"}`); !strings.Contains(got, `"error"`) {
			t.Errorf("got %s, want an answer of an open connection", got)
		}
	}
	fake.Kill(nodes[0].engine) // its connection does not count any more
	again := connectSDK(t, nodes[2].Server, tokenOf("ann"))
	eventually(t, "the members of the dead node to leave", func() bool { return len(nodes[1].sessions.UsersElsewhere("ann")) == 1 })
	if got := again.answerTo(`"rpc":{"method":"none"}`); !strings.Contains(got, `"error"`) {
		t.Errorf("got %s, want an answer of an open connection", got)
	}
}

// rpc status knows the users of all nodes, and when those of a node that has died were last connected.
func TestStatusKnowsTheUsersOfAllNodes(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, rosterRooms("team*"))
	call(t, nodes[0].Server, "members_add", `{"channel":"team1","users":["ann","ben"]}`)
	ann := connectSDK(t, nodes[0].Server, tokenOf("ann"))
	status := func(want string) {
		t.Helper()
		eventually(t, "the status "+want, func() bool {
			return strings.HasPrefix(ann.rpc("status", `{"users":["ben"]}`), `{"users":{"ben":{`+want)
		})
	}
	status(`"online":false}`)
	first, second := connectSDK(t, nodes[1].Server, tokenOf("ben")), connectSDK(t, nodes[2].Server, tokenOf("ben"))
	status(`"online":true}`)
	first.conn.Close()
	eventually(t, "the first connection to end", func() bool { return len(nodes[0].sessions.UsersElsewhere("ben")) == 1 })
	status(`"online":true}`)
	if got := call(t, nodes[1].Server, "members", `{"channel":"team1"}`); !strings.Contains(got, "ben") {
		t.Errorf("got %s", got)
	}
	second.conn.Close()
	status(`"online":false,"seen":1`)

	call(t, nodes[0].Server, "members_add", `{"channel":"team1","users":["cat"]}`)
	connectSDK(t, nodes[2].Server, tokenOf("cat"))
	began := time.Now().UnixMilli()
	eventually(t, "cat to be known", func() bool { return strings.Contains(ann.rpc("status", `{"users":["cat"]}`), "true") })
	fake.Kill(nodes[2].engine)
	eventually(t, "the end of the node to count", func() bool {
		_, seen, _ := strings.Cut(ann.rpc("status", `{"users":["cat"]}`), `"seen":`)
		at, err := strconv.ParseInt(strings.TrimRight(seen, "}"), 10, 64)
		return err == nil && at > began+2000
	})
}

// Messages to a member cause one notification in the cluster, and none while the member is connected to some node.
func TestAMemberIsNotifiedOnce(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnNotify: always("{}")})
	room := rosterRooms("team*")
	room.Kind = chat.ChatRoom
	nodes := startClusterWith(t, newFake(t), func(c *Config) {
		c.Rooms = []chat.RoomOptions{room}
		c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Events = a.URL, hookSecret, []string{session.OnNotify}
	})
	call(t, nodes[0].Server, "members_add", `{"channel":"team1","users":["ann","ben","cat","dan"]}`)
	for i, user := range []string{"ann", "ben", "cat"} {
		c := connectSDK(t, nodes[i].Server, tokenOf(user))
		eventually(t, "all nodes to know "+user, func() bool {
			for _, n := range nodes {
				is := []bool{false}
				if n.sessions.Connected([]string{user}, is); !is[0] {
					return false
				}
			}
			return true
		})
		if got := c.publishIn("team1", fmt.Sprintf(`{"id":"%d","text":"hi"}`, i)); !strings.Contains(got, `"publish":{}`) && i == 2 {
			t.Fatalf("got %s", got)
		}
	}
	eventually(t, "the notification", func() bool { return len(a.of(session.OnNotify)) > 0 })
	for _, n := range nodes {
		n.sessions.Notices.Flush()
	}
	for _, q := range a.of(session.OnNotify) {
		if q.User == "dan" && noticeOf(t, q.Data).Channels["team1"].Unread < 3 {
			t.Errorf("dan was notified of %s, want three messages", q.Data)
		}
	}
	if users := len(a.of(session.OnNotify)); users != 1 {
		t.Errorf("got %d notifications, want one, to dan", users)
	}
}

package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/ws"
)

// Rooms in memory do not wait for the disk.
func TestRoomsInMemoryDoNotWaitForTheDisk(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, memoryRoom("m*"))
	fake.Stall(true)
	defer fake.Stall(false)
	reader := connectSDK(t, nodes[2].Server, "")
	reader.enter("m1")
	for n := 1; n <= 3; n++ {
		wantOffset(t, nodes[n-1], "m1", n)
		if got := reader.line(); !strings.Contains(got, fmt.Sprintf(`"data":%d,"offset":%d`, n, n)) {
			t.Fatalf("got %s, want publication %d", got, n)
		}
	}
}

// wantOffset publishes a number in a room, which gets the offset of that number.
func wantOffset(t *testing.T, by testNode, room string, n int) {
	t.Helper()
	got := call(t, by.Server, "publish", fmt.Sprintf(`{"channel":%q,"data":%d}`, room, n))
	if !strings.Contains(got, fmt.Sprintf(`"offset":%d,`, n)) {
		t.Fatalf("publication %d: got %s", n, got)
	}
}

// part parts a node from the others, and waits until it owns the log in memory on its side, and another node on the other side.
func part(t *testing.T, nodes []testNode, parted testNode, others []testNode, split func()) {
	t.Helper()
	split()
	eventually(t, "an owner on each side", func() bool {
		_, why := parted.node.Accepts()
		return strings.Contains(why, "majority") && parted.sessions.InMemory.Owns() && (others[0].sessions.InMemory.Owns() || others[1].sessions.InMemory.Owns())
	})
}

// Rooms in memory go on on both sides of a partition. After it, the records of the side with the majority count. Clients of the other side keep their
// rooms. Those that need a position resubscribe, and recover only what both sides have. If the owner is on the other side, its clients resubscribe when the
// partition begins, too: what it has published meanwhile has the same offsets as what the next owner publishes.
func TestRoomsInMemoryGoOnWithoutAMajority(t *testing.T) {
	t.Parallel()
	for _, ofOwner := range []bool{false, true} {
		t.Run(fmt.Sprintf("owner-%t", ofOwner), func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			nodes := startCluster(t, fake, memoryRoom("m*"))
			parted, others := owner(t, 1, nodes...)
			if !ofOwner {
				parted, others = others[0], []testNode{parted, others[1]}
			}
			wantOffset(t, parted, "m1", 1)
			wantOffset(t, parted, "m2", 1)
			c, stays, other := connectSDK(t, parted.Server, ""), dial(t, parted.Server, "plain"), connectSDK(t, others[0].Server, "")
			inHistory := dial(t, parted.Server, "m1") // it has no position, and receives nothing twice
			_, program := received(t, parted.Server, "m1", SubscribeOptions{})
			pattern := make(chan string, 100)
			if _, err := parted.SubscribePattern(t.Context(), "plain*", PatternOptions{OnGap: func(g Gap) { pattern <- fmt.Sprint("gap ", g.Lost, g.Unknown) }},
				func(p Publication) error { pattern <- string(p.Data); return nil }); err != nil {
				t.Fatal(err)
			}
			for _, n := range nodes {
				connectSDK(t, n.Server, "").enter("m3") // it has no publication yet
			}
			epoch := field(t, c.enter("m1"), "epoch")
			epoch2 := field(t, other.enter("m2"), "epoch")
			part(t, nodes, parted, others, func() { fake.Split(parted.engine) })

			// It is an owner without a majority: its clients get the new epoch. If it was the owner before, its clients may have received what the other
			// side does not have, and the other way round, under one epoch.
			c.expectLine(`{"push":{"channel":"m1","unsubscribe":{"code":2500,"reason":"insufficient state"}}}`)
			got := recoverSDK(c, "m1", 1, epoch)
			if strings.Contains(got, `"recovered":true`) == ofOwner || strings.Contains(got, epoch) {
				t.Errorf("got %s, want a new epoch, and recovered: %v", got, !ofOwner)
			}
			epoch = field(t, got, "epoch")
			expect(t, pattern, "gap 0 true")
			wantOffset(t, parted, "m1", 2)
			if got := c.line(); !strings.Contains(got, `"data":2,"offset":2`) {
				t.Errorf("got %s, want the publication of this side", got)
			}
			wantOffset(t, others[0], "m1", 2)
			wantOffset(t, others[1], "m1", 3)
			wantOffset(t, others[1], "m2", 2)
			wantOffset(t, parted, "m3", 1)
			wantOffset(t, others[0], "m3", 1)
			here, there := call(t, parted.Server, "history", `{"channel":"m3"}`), call(t, others[0].Server, "history", `{"channel":"m3"}`)
			if field(t, here, "epoch") == field(t, there, "epoch") {
				t.Errorf("two sides have other publications in one epoch: %s and %s", here, there)
			}
			call(t, parted.Server, "publish", `{"channel":"plain","data":"here"}`)
			stays.expect(ws.OpText, `here`)
			expect(t, pattern, `"here"`)

			fake.Split()
			c.expectLine(`{"push":{"channel":"m1","unsubscribe":{"code":2500,"reason":"insufficient state"}}}`)
			awaitOwners(t, nodes...)
			if got := recoverSDK(c, "m1", 2, epoch); strings.Contains(got, `"recovered":true`) || !strings.Contains(got, `"offset":3`) {
				t.Errorf("got %s, want offset 3 without a recovery", got)
			}
			late := connectSDK(t, parted.Server, "")
			if got := recoverSDK(late, "m2", 1, epoch2); !strings.Contains(got, `"recovered":true`) || strings.Count(got, `"data"`) != 1 {
				t.Errorf("got %s, want the recovery of what both sides had and the next publication", got)
			}
			wantOffset(t, parted, "m1", 4)
			inHistory.expect(ws.OpText, `2`)
			inHistory.expect(ws.OpText, `4`)
			if ofOwner {
				expect(t, program, "gap 0 true before 1", "1 1")
			}
			expect(t, program, "2 2", "gap 0 true before 1", "1 1", "2 2", "3 3", "4 4")
			expect(t, pattern, "gap 0 true") // the node was cut off
			call(t, others[0].Server, "publish", `{"channel":"plain","data":"there"}`)
			expect(t, pattern, `"there"`)
			stays.expect(ws.OpText, `there`)
			if got := other.line(); !strings.Contains(got, `"data":2,"offset":2`) {
				t.Errorf("got %s, want the publications of this side without an interruption", got)
			}
			want := call(t, nodes[0].Server, "history", `{"channel":"m1","limit":-1}`)
			for _, n := range nodes[1:] {
				wantCall(t, n.Server, "history", `{"channel":"m1","limit":-1}`, want)
			}
		})
	}
}

// A node that stops hands its logs over at once. Its clients stay until their turn to be closed: what they publish is stored by the next owner, and they
// receive its publications.
func TestAStoppingNodeServesItsClients(t *testing.T) {
	t.Parallel()
	for log, room := range []string{"d1", "m1"} {
		t.Run(room, func(t *testing.T) {
			t.Parallel()
			nodes := startCluster(t, newFake(t), durableRoom("d*"), memoryRoom("m*"))
			owns, others := owner(t, log, nodes...)
			for range 40 { // the closes take 100 ms each
				connectSDK(t, owns.Server, "")
			}
			c, reader := connectSDK(t, owns.Server, ""), connectSDK(t, others[0].Server, "")
			epoch := field(t, c.enter(room), "epoch")
			reader.enter(room)
			owns.drain.Store(int64(testTimeout))
			owns.drained.make(audit.Actor{Type: "signal"})
			for n := 1; n <= 3; n++ {
				c.sendLine(`{"id":9,"publish":{"channel":%q,"data":%d}}`, room, n)
				for _, each := range []*sdk{c, reader} {
					if got := each.line(); !strings.Contains(got, fmt.Sprintf(`"data":%d,`, n)) || !strings.Contains(got, fmt.Sprintf(`"offset":%d`, n)) {
						t.Fatalf("got %s, want publication %d", got, n)
					}
				}
				c.expectLine(`{"id":9,"publish":{}}`)
			}
			c.expectCloseCode(3001)
			if got := recoverSDK(connectSDK(t, others[0].Server, ""), room, 2, epoch); !strings.Contains(got, `"recovered":true`) || !strings.Contains(got, epoch) {
				t.Errorf("got %s, want a recovery with the epoch of before", got)
			}
		})
	}
}

// recoverSDK subscribes from a position, and returns the reply.
func recoverSDK(c *sdk, room string, offset int, epoch string) string {
	c.sendLine(`{"id":5,"subscribe":{"channel":%q,"recover":true,"offset":%d,"epoch":%q}}`, room, offset, epoch)
	return c.line()
}

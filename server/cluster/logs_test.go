package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/testkit"
)

// The owners of several logs are spread over the nodes. The death of a node stops only the logs that it owns, and the others take these.
func TestADeadNodeStopsOnlyItsLogs(t *testing.T) {
	t.Parallel()
	const logs = 4
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	nodes := []*Node{startNodeWith(t, fake, "a", logs), startNodeWith(t, fake, "b", logs), startNodeWith(t, fake, "c", 1)}
	owned := func(n *Node) (shards []int) {
		for _, lg := range n.logs.all()[:logs] {
			if lg.log.Owns() {
				shards = append(shards, lg.shard)
			}
		}
		return shards
	}
	testkit.Eventually(t, "owners of four logs on three nodes", func() bool {
		count := 0
		for _, n := range nodes {
			its := owned(n)
			if len(its) == 0 || len(its) > 2 {
				return false
			}
			count += len(its)
		}
		return count == logs
	})
	dead := nodes[slices.IndexFunc(nodes, func(n *Node) bool { return len(owned(n)) == 2 })]
	its := owned(dead)
	others := slices.DeleteFunc(slices.Clone(nodes), func(n *Node) bool { return n == dead })
	var rooms [logs]string
	for i, found := 0, 0; found < logs; i++ {
		room := fmt.Sprint("d", i)
		if at := &rooms[record.LogOf(room, logs)]; *at == "" {
			*at = room
			found++
		}
	}
	offsets := map[string]uint64{}
	publish := func(n *Node, room string) *chat.Rejection {
		at, e := propose(t, n, room)
		if e == nil && at.Offset != offsets[room]+1 {
			t.Errorf("%s: got offset %d behind %d", room, at.Offset, offsets[room])
		}
		if e == nil {
			offsets[room]++
		}
		return e
	}
	for _, room := range rooms {
		if e := publish(dead, room); e != nil {
			t.Fatalf("%s: %+v", room, e)
		}
	}
	fake.Kill(dead.cfg.Engine)
	for shard, room := range rooms {
		for _, n := range others {
			if slices.Contains(its, shard) {
				continue
			}
			if e := publish(n, room); e != nil {
				t.Errorf("%s, whose owner is alive: %+v", room, e)
			}
		}
	}
	for _, shard := range its {
		for _, n := range others {
			if e := publish(n, rooms[shard]); e != nil {
				t.Errorf("%s, whose owner has died: %+v", rooms[shard], e)
			}
		}
	}
	testkit.Eventually(t, "all publications on both nodes", func() bool {
		for _, room := range rooms {
			for _, n := range others {
				if pubs, _, _ := n.hub.Read(room, nil, -1, 1<<20, false); len(pubs) != 3 {
					return false
				}
			}
		}
		return true
	})
	if len(owned(others[0])) != 2 || len(owned(others[1])) != 2 {
		t.Errorf("the nodes that are left own the logs %v and %v, want two each", owned(others[0]), owned(others[1]))
	}
}

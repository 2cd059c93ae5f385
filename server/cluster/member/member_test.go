package member

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

const start = time.Minute

func heard(t *Table, now time.Duration, names ...string) {
	for _, name := range names {
		t.Hear(Heartbeat{Name: name, ID: name + "-1", Ready: true}, now)
	}
}

// Exactly one of the live nodes tries to own a log that nobody owns, and the nodes share the logs.
func TestOneNodeTriesToOwnALog(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	var tables []*Table
	for _, self := range names {
		table := New(self, len(names), 0)
		heard(table, start, names...)
		table.UseLogs(300)
		tables = append(tables, table)
	}
	count := make([]int, len(names))
	for log := range 300 {
		trying := 0
		for i, table := range tables {
			if table.ShouldTry(log, start) {
				trying++
				count[i]++
			}
		}
		if trying != 1 {
			t.Fatalf("log %d: %d nodes try to own it, want 1", log, trying)
		}
	}
	for i, n := range count {
		if n != 100 {
			t.Errorf("node %s tries to own %d of 300 logs, want 100", names[i], n)
		}
	}
}

// Nobody tries while a live node owns the log, right after the start, or without a majority.
func TestNobodyTriesWithoutNeed(t *testing.T) {
	t.Parallel()
	best := ""
	for _, self := range []string{"a", "b", "c"} {
		table := New(self, 3, 0)
		heard(table, start, "a", "b", "c")
		if table.ShouldTry(0, start) {
			best = self
		}
	}
	others := map[string][]string{"a": {"b", "c"}, "b": {"a", "c"}, "c": {"a", "b"}}[best]
	table := New(best, 3, start)
	heard(table, start, others...)
	if table.ShouldTry(0, start+SuspectAfter-1) {
		t.Error("it tries before the others had the time to be heard")
	}
	later := start + SuspectAfter
	heard(table, later, others...)
	table.Hear(Heartbeat{Name: others[0], ID: others[0] + "-1", Ready: true, Owns: map[int]Claim{0: {Term: 5}}}, later)
	if table.ShouldTry(0, later) {
		t.Error("it tries while a live node owns the log")
	}
	heard(table, later+SuspectAfter-1, others[1])
	if !table.ShouldTry(0, later+SuspectAfter) {
		t.Error("it does not try after the owner has died")
	}
	if now := later + 2*SuspectAfter; table.ShouldTry(0, now) || table.HasMajority(now) {
		t.Error("it tries without a majority")
	}
}

// A node that leaves or starts again ends its run before.
func TestTheEndOfARunIsNoticed(t *testing.T) {
	t.Parallel()
	table := New("a", 3, 0)
	heard(table, start, "b", "c")
	if ended, _ := table.Hear(Heartbeat{Name: "b", ID: "b-2"}, start+replaceAfter); ended != "b-1" {
		t.Errorf("got %q for another run of b, want b-1", ended)
	}
	if ended, _ := table.Hear(Heartbeat{Name: "c", ID: "c-1", Leaving: true}, start); ended != "c-1" || len(table.Live(start)) != 1 {
		t.Errorf("got %q and %d live nodes after c has left, want c-1 and 1", ended, len(table.Live(start)))
	}
	if got := fmt.Sprint(table.Live(start + replaceAfter + SuspectAfter)); got != "[]" {
		t.Errorf("got %s after a silence, want none", got)
	}
}

// When a partition begins, its nodes become silent one after another: a node that is alone waits, and does not take the log in memory as one that has
// a majority.
func TestANodeThatIsAloneWaits(t *testing.T) {
	t.Parallel()
	table := New("a", 3, 0)
	mine := Copy{Term: 7, Last: 5}
	table.Hear(Heartbeat{Name: "b", ID: "b-1", Ready: true, Owns: map[int]Claim{-1: {Term: 7, Last: 5}}}, start)
	heard(table, start+Interval, "c") // the last heartbeat of both
	for now := start; now < start+AloneAfter; now += 50 * time.Millisecond {
		if table.ShouldTryMemory(-1, mine, now) {
			t.Fatalf("it tries %v after the last heartbeats", now-start)
		}
	}
	if !table.ShouldTryMemory(-1, mine, start+Interval+AloneAfter) {
		t.Error("it never tries")
	}
	heard(table, start+SuspectAfter, "c")
	if !table.ShouldTryMemory(-1, mine, start+SuspectAfter) {
		t.Error("it does not try at once with a majority")
	}
}

// The nodes of a cluster on external servers have no majority of their own: who is cut off from the servers decides. For the rooms in memory, the nodes
// of the last minute count, because the servers may be parted, too.
func TestTheSizeOfAClusterMayBeUnknown(t *testing.T) {
	t.Parallel()
	table := New("a", 0, 0)
	heard(table, start, "b", "c")
	for _, c := range []struct {
		after             time.Duration
		cut               bool
		heard             []string
		majority, certain bool
	}{
		{after: 0, majority: true, certain: true},
		{after: 0, cut: true},
		{after: SuspectAfter, majority: true, heard: []string{"b"}, certain: true},
		{after: 2 * SuspectAfter, majority: true},
		{after: 2 * forgetAfter, majority: true, heard: []string{"d"}, certain: true},
	} {
		table.Cut(c.cut)
		now := start + c.after
		heard(table, now, c.heard...)
		if got := table.HasMajority(now); got != c.majority {
			t.Errorf("%v, cut %t: HasMajority is %t", c.after, c.cut, got)
		}
		if got := table.FreshMajority(now); got != c.certain {
			t.Errorf("%v, cut %t: FreshMajority is %t", c.after, c.cut, got)
		}
	}
	table = New("a", 3, 0)
	heard(table, start, "b")
	if table.Cut(true); !table.HasMajority(start) {
		t.Error("got no majority of a node that receives from one of two others")
	}
}

// Of two nodes that do not hear each other, neither tries to own a log: the third one does, which both hear. It waits while the owner is alive, and so do the
// others while the third one hears the owner. A version that does not send what it hears counts as before.
func TestTheNodeThatReachesMoreOwnsTheLogs(t *testing.T) {
	t.Parallel()
	beat := func(name string, hears ...string) Heartbeat {
		return Heartbeat{Name: name, ID: name + "-1", Ready: true, Hears: hears, Reach: 1 + len(hears), Memory: Copy{Term: 7, Last: 5}}
	}
	all := []Heartbeat{beat("a", "c"), beat("b", "c"), beat("c", "a", "b")}
	tables := map[string]*Table{}
	for _, h := range all {
		tables[h.Name] = New(h.Name, 3, 0)
		for _, other := range all {
			if slices.Contains(h.Hears, other.Name) {
				tables[h.Name].Hear(other, start)
			}
		}
	}
	for log := range 50 {
		for name, table := range tables {
			if best, reaches := table.Best(log, start); best != "c" || reaches != (name != "c") {
				t.Errorf("log %d: the best node for %s is %s, and it reaches more: %t", log, name, best, reaches)
			}
			if got := table.ShouldTry(log, start); got != (name == "c") {
				t.Errorf("log %d: node %s tries: %t", log, name, got)
			}
			if got := table.ShouldTryMemory(log, Copy{Term: 7, Last: 5}, start); got != (name == "c") {
				t.Errorf("log %d in memory: node %s tries: %t", log, name, got)
			}
		}
	}
	hearsOwner := beat("c", "a", "b")
	hearsOwner.Memory.Owned = true
	tables["b"].Hear(hearsOwner, start)
	if tables["b"].ShouldTryMemory(-1, Copy{Term: 7, Last: 6}, start) {
		t.Error("it tries while another node hears the owner")
	}
	tables["c"].Hear(Heartbeat{Name: "b", ID: "b-1", Ready: true, Hears: []string{"a"}}, start)
	if got := tables["c"].Reach(start); got != 2 {
		t.Errorf("got a reach of %d, want 2: one of the others does not hear this node", got)
	}
	old := New("c", 3, 0)
	heard(old, start, "a", "b")
	if got := old.Reach(start); got != 3 {
		t.Errorf("got a reach of %d, want 3", got)
	}
}

// The node that an owner names continues a log in memory, although another one would be better. The others wait for it, unless it dies or takes too long.
func TestTheHeirOfALogContinuesIt(t *testing.T) {
	t.Parallel()
	left := Heartbeat{Name: "c", ID: "c-1", Ready: true, Left: map[int]Claim{}}
	mine := Copy{Term: 7, Last: 5}
	for log := range 50 {
		left.Left[log] = Claim{Term: 7, Last: 5, To: "a"}
	}
	a, b, c := New("a", 3, 0), New("b", 3, 0), New("c", 3, 0)
	for _, table := range []*Table{a, b} {
		heard(table, start, "a", "b")
		table.Hear(left, start)
	}
	heard(c, start, "a", "b")
	for log := range 50 {
		c.Leave(log, left.Left[log], start)
		if !a.ShouldTryMemory(log, mine, start) || b.ShouldTryMemory(log, mine, start) || c.ShouldTryMemory(log, mine, start) {
			t.Errorf("log %d: another node than the heir tries", log)
		}
		if got := c.Successor(log, start); got != "a" && got != "b" {
			t.Errorf("log %d: the successor is %q", log, got)
		}
	}
	later := start + SuspectAfter
	heard(b, later, "a", "c")
	heard(c, later, "a", "b")
	tries := func(table *Table, now time.Duration) (n int) {
		for log := range 50 {
			if table.ShouldTryMemory(log, mine, now) {
				n++
			}
		}
		return n
	}
	if tries(b, later) == 0 || tries(c, later) == 0 {
		t.Error("nobody tries when the heir takes too long")
	}
	b.Hear(Heartbeat{Name: "a", ID: "a-1", Leaving: true}, start)
	if tries(b, start) == 0 {
		t.Error("nobody tries when the heir has left")
	}
	if b.ShouldTryMemory(0, Copy{Term: 6, Last: 5}, start) != b.ShouldTryMemory(0, mine, start) {
		t.Error("a copy that is behind counts the heir in another way")
	}
}

// The durable logs are shared out evenly, whatever the names of the nodes. All nodes agree.
func TestLogsAreSharedOut(t *testing.T) {
	t.Parallel()
	for seed := range 50 {
		var tables []*Table
		names := []string{fmt.Sprint("a", seed), fmt.Sprint("b", seed), fmt.Sprint("node-", seed)}
		for _, self := range names {
			table := New(self, len(names), 0)
			table.UseLogs(4)
			for _, name := range names {
				table.Hear(Heartbeat{Name: name, ID: name, Ready: true}, 0)
			}
			tables = append(tables, table)
		}
		has := map[string]int{}
		for log := range 4 {
			best, _ := tables[0].Best(log, 0)
			has[best]++
			for _, table := range tables {
				if other, _ := table.Best(log, 0); other != best {
					t.Errorf("log %d: %s or %s, want one", log, best, other)
				}
			}
		}
		if len(has) != 3 || slices.Max(slices.Collect(maps.Values(has))) != 2 {
			t.Errorf("nodes %v have %v of 4 logs, want one or two each", names, has)
		}
	}
}

// Nodes that reach fewer nodes get no log: those that all others reach share the logs out.
func TestLogsAreSharedOutAmongTheNodesThatAllReach(t *testing.T) {
	t.Parallel()
	hears := map[string][]string{"a": {"c", "d"}, "b": {"c", "d"}, "c": {"a", "b", "d"}, "d": {"a", "b", "c"}}
	for name, table := range tablesOf(hears) {
		has := map[string]int{}
		for log := range 4 {
			best, reaches := table.Best(log, start)
			if has[best]++; reaches != (name < "c") {
				t.Errorf("log %d: the best node for %s reaches more: %t", log, name, reaches)
			}
		}
		if has["c"] != 2 || has["d"] != 2 {
			t.Errorf("for %s the logs are shared out as %v, want two for c and two for d", name, has)
		}
	}
}

// In a ring each node hears two of the three others, so the nodes share the logs out in different ways. Even so, a node tries to own each log.
func TestALogHasAnOwnerAlthoughTheNodesHearDifferentNodes(t *testing.T) {
	t.Parallel()
	unshared := 0
	for seed := range 20 {
		name := func(i int) string { return fmt.Sprint("node-", seed, "-", i%4) }
		hears := map[string][]string{}
		for i := range 4 {
			hears[name(i)] = []string{name(i + 1), name(i + 3)}
		}
		for log := range 4 {
			tables, first, tries := tablesOf(hears), 0, 0
			for _, table := range tables {
				if table.ShouldTry(log, start) {
					first++
				}
			}
			for self, table := range tables {
				for _, other := range hears[self] {
					table.Hear(Heartbeat{Name: other, ID: other, Ready: true, Hears: hears[other], Reach: 3}, start+AloneAfter)
				}
				if table.ShouldTry(log, start+AloneAfter) {
					tries++
				}
			}
			if first == 0 {
				unshared++
			}
			if tries == 0 {
				t.Errorf("seed %d: no node tries to own log %d", seed, log)
			}
		}
	}
	if unshared == 0 {
		t.Error("the nodes always found a best one at once: this test proves nothing")
	}
}

// tablesOf returns the tables of nodes that hear each other as given, in a cluster with four logs.
func tablesOf(hears map[string][]string) map[string]*Table {
	tables := map[string]*Table{}
	for self, others := range hears {
		table := New(self, len(hears), 0)
		table.UseLogs(4)
		for _, name := range others {
			table.Hear(Heartbeat{Name: name, ID: name, Ready: true, Hears: hears[name], Reach: 1 + len(hears[name])}, start)
		}
		tables[self] = table
	}
	return tables
}

// Nodes that start together share the logs out, although one of them is ready first. It takes the logs of the others when they take too long, and at once if
// the logs had an owner before.
func TestANewClusterSharesItsLogsOut(t *testing.T) {
	t.Parallel()
	tries := func(table *Table, at time.Duration) (n int) {
		for log := range 4 {
			if table.ShouldTry(log, at) {
				n++
			}
		}
		return n
	}
	starting := func(table *Table, at time.Duration) {
		for _, name := range []string{"b", "c"} {
			table.Hear(Heartbeat{Name: name, ID: name}, at)
		}
	}
	table := New("a", 3, 0)
	table.UseLogs(4)
	starting(table, start)
	if got := tries(table, start); got != 1 && got != 2 {
		t.Errorf("the first node that is ready tries to own %d of 4 logs, want its part of one or two", got)
	}
	starting(table, start+AloneAfter)
	if got := tries(table, start+AloneAfter); got != 4 {
		t.Errorf("the others take too long: the node tries to own %d logs, want 4", got)
	}
	table = New("a", 3, 0)
	table.UseLogs(4)
	owns := map[int]Claim{0: {}, 1: {}, 2: {}, 3: {}}
	table.Hear(Heartbeat{Name: "b", ID: "b-1", Ready: true, Owns: owns}, start-SuspectAfter)
	table.Hear(Heartbeat{Name: "c", ID: "c"}, start)
	if got := tries(table, start); got != 4 {
		t.Errorf("the owner of all logs has died: the node tries to own %d logs, want 4", got)
	}
	table = New("a", 3, 0)
	table.UseLogs(4)
	table.Claim(owns)
	starting(table, start)
	if got := tries(table, start); got != 4 {
		t.Errorf("the node has owned all logs itself: it tries to own %d logs, want 4", got)
	}
}

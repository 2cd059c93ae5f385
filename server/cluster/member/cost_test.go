package member

import (
	"fmt"
	"testing"
	"time"
)

// A node looks at the others at each tick and for each log. In a cluster of many nodes that must not make lists.
func TestALookAtTheNodesMakesNoLists(t *testing.T) {
	table := New("n00", 28, 0)
	for i := 1; i < 28; i++ {
		heard(table, start, fmt.Sprintf("n%02d", i))
	}
	table.UseLogs(4)
	table.Hear(Heartbeat{Name: "n07", ID: "n07-1", Ready: true, Owns: map[int]Claim{0: {Term: 1}}}, start)
	now := start + time.Millisecond
	looks := map[string]func(){
		"HasMajority": func() { table.HasMajority(now) },
		"LiveCount":   func() { table.LiveCount(now) },
		"ShouldTry":   func() { table.ShouldTry(0, now) },
		"Reach":       func() { table.Reach(now) },
	}
	for name, look := range looks {
		if got := testing.AllocsPerRun(100, look); got != 0 {
			t.Errorf("%s: %.0f allocations, want none", name, got)
		}
	}
	if got := testing.AllocsPerRun(100, func() { table.Live(now) }); got != 1 {
		t.Errorf("Live: %.0f allocations, want 1: the list", got)
	}
}

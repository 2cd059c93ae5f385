package cluster

import (
	"slices"
	"testing"
	"time"
)

// A start that waits has a line after a second, at each change of the reason, and then every ten seconds.
func TestAStartThatWaitsLogsItsReason(t *testing.T) {
	t.Parallel()
	start := time.Now()
	wl := waitLog{last: start}
	var due []int
	for second := range 40 {
		reason := forMajority
		if second >= 25 {
			reason = forStorage
		}
		for range 10 {
			if wl.isDue(reason, start.Add(time.Duration(second)*time.Second)) {
				due = append(due, second)
			}
		}
	}
	if want := []int{1, 11, 21, 25, 35}; !slices.Equal(due, want) {
		t.Errorf("got lines after %v s, want %v", due, want)
	}
}

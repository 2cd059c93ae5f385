package chat

import (
	"fmt"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/roster"
)

// BenchmarkALargeRoster measures how long one step of a change of a roster of 50,000 holds the lock of its stripe: a publication in another room of the
// stripe waits so long.
func BenchmarkALargeRoster(b *testing.B) {
	done := func(StreamPosition, *Rejection) {}
	fill := func(h *Hub) {
		for from := 0; from < roster.MaxMembers; from += MaxMemberChange {
			var users []string
			for i := range MaxMemberChange {
				users = append(users, fmt.Sprintf("user %05d", (from+i)*7919%roster.MaxMembers))
			}
			h.ChangeMembers(MemberChange{Room: "tea", Users: users, Role: roster.Member, Add: true}, done)
		}
	}
	for _, c := range []struct {
		name string
		do   func(h *Hub)
	}{
		{"remove, add, each step", func(h *Hub) {
			var users []string
			for i := range membersPerStep {
				users = append(users, fmt.Sprintf("user %05d", i*roster.MaxMembers/membersPerStep))
			}
			h.changeMembers(MemberChange{Room: "tea", Users: users}, done)
			h.changeMembers(MemberChange{Room: "tea", Users: users, Role: roster.Member, Add: true}, done)
		}},
		{"delete, each step", func(h *Hub) { h.DeleteRoom("tea", func(bool, *Rejection) {}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newTestHub(b)
			var longest time.Duration
			for b.Loop() {
				b.StopTimer()
				if h.RoleOf("tea", "user 49999") == roster.None {
					fill(h)
				}
				b.StartTimer()
				start := time.Now()
				c.do(h)
				longest = max(longest, time.Since(start))
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
		})
	}
}

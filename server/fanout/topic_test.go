package fanout

import (
	"math"
	"math/rand/v2"
	"testing"
)

// While members leave and join, MembersBefore reaches each one that stays.
func TestMembersBeforeReachesAllThatStay(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		topic := &Topic{Shard: &Shard{}}
		stays := map[*Member]bool{}
		var others []*Member
		for range random.IntN(40) {
			m := &Member{}
			topic.join(m)
			if random.IntN(2) == 0 {
				stays[m] = true
			} else {
				others = append(others, m)
			}
		}
		most := 1 + random.IntN(8)
		for end := math.MaxInt; end > 0; {
			calls := 0
			end = topic.MembersBefore(end, most, func(m *Member) {
				calls++
				delete(stays, m)
			})
			if calls > most {
				t.Fatalf("got %d members at once, want %d at most", calls, most)
			}
			for range random.IntN(6) {
				if n := len(others); n > 0 && random.IntN(2) == 0 {
					i := random.IntN(n)
					topic.leave(others[i])
					others[i] = others[n-1]
					others = others[:n-1]
				} else {
					topic.join(&Member{})
				}
			}
		}
		if len(stays) > 0 {
			t.Fatalf("%d members were not reached", len(stays))
		}
	}
}

package chat

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The index finds the same options as a search from the first pattern to the last.
func TestTheFirstPatternThatMatchesCounts(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, random.IntN(4))
		for i := range b {
			b[i] = "ab*:"[random.IntN(4)]
		}
		return string(b)
	}
	matched, unmatched := 0, 0
	for range 2000 {
		cfg := Config{}
		for range random.IntN(8) {
			o := DefaultRoom()
			o.Pattern = text() + []string{"", "*"}[random.IntN(2)]
			cfg.Rooms = append(cfg.Rooms, o)
		}
		s := newSettings(cfg)
		for range 10 {
			name, want := text(), &s.anyRoom
			for i := range s.patterns {
				if s.patterns[i].Matches(name) {
					want = &s.patterns[i]
					break
				}
			}
			if got := s.optionsOf(name); got != want {
				t.Fatalf("%q: got the pattern %q, want %q", name, got.Pattern, want.Pattern)
			}
			if want == &s.anyRoom {
				unmatched++
			} else {
				matched++
			}
		}
	}
	if matched < 1000 || unmatched < 1000 {
		t.Errorf("%d names matched, and %d did not: want many of both", matched, unmatched)
	}
}

// The options of a room with the last of 1,000 patterns.
func BenchmarkOptionsOf(b *testing.B) {
	for _, patterns := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(patterns), func(b *testing.B) {
			cfg := Config{}
			for i := range patterns {
				o := DefaultRoom()
				o.Pattern = fmt.Sprintf("team%d:*", i)
				cfg.Rooms = append(cfg.Rooms, o)
			}
			s, name := newSettings(cfg), fmt.Sprintf("team%d:tea", patterns-1)
			for b.Loop() {
				if s.optionsOf(name).unmatched() {
					b.Fatal("no pattern matches")
				}
			}
		})
	}
}

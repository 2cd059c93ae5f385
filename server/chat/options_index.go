package chat

import "strings"

// optionsIndex finds the first pattern that matches a name. Its time depends on the number of different lengths of prefixes, and not on the number
// of patterns: rpc("unread") looks up 200 rooms, and there may be 1,000 patterns. It is immutable.
type optionsIndex struct {
	names    map[string]int // patterns without a star
	prefixes map[string]int // patterns with a star, without it
	lengths  []int          // of the prefixes, each once
}

// newOptionsIndex returns the index of patterns.
func newOptionsIndex(patterns []Options) optionsIndex {
	ix := optionsIndex{names: map[string]int{}, prefixes: map[string]int{}}
	known := map[int]bool{}
	for i := range patterns {
		table := ix.names
		text, star := strings.CutSuffix(patterns[i].Pattern, "*")
		if star {
			table = ix.prefixes
			if !known[len(text)] {
				known[len(text)] = true
				ix.lengths = append(ix.lengths, len(text))
			}
		}
		if _, earlier := table[text]; !earlier {
			table[text] = i
		}
	}
	return ix
}

// find returns the index of the first pattern that matches a name; ok is false if there is none.
func (ix *optionsIndex) find(name string) (first int, ok bool) {
	first, ok = ix.names[name]
	for _, n := range ix.lengths {
		if n > len(name) {
			continue
		}
		if i, matches := ix.prefixes[name[:n]]; matches && (!ok || i < first) {
			first, ok = i, true
		}
	}
	return first, ok
}

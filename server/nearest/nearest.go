package nearest

import (
	"fmt"
	"slices"

	"github.com/agnivade/levenshtein"
)

const maxNearest = 64 // bytes of a name that is compared: the distance takes the product of the lengths

// Name returns the known name that is most like a name, empty where all differ from it in more than a third of its characters. There
// must be known names.
func Name(name string, known []string) string {
	name = name[:min(len(name), maxNearest)]
	distance := func(k string) int { return levenshtein.ComputeDistance(name, k) }
	best := slices.MinFunc(known, func(a, b string) int { return distance(a) - distance(b) })
	if distance(best) > max(1, len(name)/3) {
		return ""
	}
	return best
}

// Proposal proposes a name to who called the server API with another. path stands before it.
func Proposal(path, name string, known []string) string {
	best := Name(name, known)
	if best == "" {
		return "none is like it"
	}
	return fmt.Sprintf("nearest: %q", path+best)
}

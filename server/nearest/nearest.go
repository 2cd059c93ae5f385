package nearest

import (
	"fmt"
	"slices"

	"github.com/agnivade/levenshtein"
)

const maxNearest = 64 // bytes of a name to compare, because the cost of the distance is the product of the lengths

// Name returns the known name that is most similar to name, or "" if each differs from it in more than a third of its characters. known must
// not be empty.
func Name(name string, known []string) string {
	name = name[:min(len(name), maxNearest)]
	distance := func(k string) int { return levenshtein.ComputeDistance(name, k) }
	best := slices.MinFunc(known, func(a, b string) int { return distance(a) - distance(b) })
	if distance(best) > max(1, len(name)/3) {
		return ""
	}
	return best
}

// Proposal returns the end of an error about an unknown name: the most similar known name, with path before it.
func Proposal(path, name string, known []string) string {
	best := Name(name, known)
	if best == "" {
		return "no similar name"
	}
	return fmt.Sprintf("nearest: %q", path+best)
}

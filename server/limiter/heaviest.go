package limiter

import "iter"

// Queue is what one address has waiting.
type Queue interface{ Len() int }

// Heaviest returns the longest queue, and false if there is none. A bound that all addresses share evicts from this queue, so that a few
// addresses do not keep out the others.
func Heaviest[Q Queue](queues iter.Seq[Q]) (heaviest Q, ok bool) {
	for q := range queues {
		if !ok || q.Len() > heaviest.Len() {
			heaviest, ok = q, true
		}
	}
	return heaviest, ok
}

// HeavierThan returns the longest queue, and false unless an address with own entries may evict from it: the longest must have two
// entries more, so that it is not the shorter one afterwards.
func HeavierThan[Q Queue](own int, queues iter.Seq[Q]) (heaviest Q, ok bool) {
	heaviest, ok = Heaviest(queues)
	return heaviest, ok && heaviest.Len() > own+1
}

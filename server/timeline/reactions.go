package timeline

import "slices"

// Bounds of the reactions of a message.
const (
	MaxEmojis        = 20
	MaxReactions     = 10_000
	maxReactionBytes = 512 << 10 // of the user IDs, with reactionOverhead each: so that a Snapshot fits into one record
)

// emoji is the reactions of a message with one emoji.
type emoji struct {
	text  string
	users []uint32 // numbers of people, ascending
}

func (em *emoji) memory() int { return emojiCost + textBytes(em.text) + len(em.users)*reactionCost }

// has reports whether a user has reacted. Nil has no users.
func (em *emoji) has(p *person) bool {
	if em == nil || p == nil {
		return false
	}
	_, found := slices.BinarySearch(em.users, p.number)
	return found
}

// find returns the emoji with a text, nil if the message does not have it.
func (ra *rare) find(text string) *emoji {
	if ra == nil {
		return nil
	}
	for i := range ra.reactions {
		if ra.reactions[i].text == text {
			return &ra.reactions[i]
		}
	}
	return nil
}

// reactionCounts returns the number of emojis and of reactions, and the bytes of the user IDs.
func (ra *rare) reactionCounts() (emojis, count, bytes int) {
	if ra == nil {
		return 0, 0, 0
	}
	for i := range ra.reactions {
		count += len(ra.reactions[i].users)
	}
	return len(ra.reactions), count, ra.bytes
}

// reactionBound returns the bound that one more reaction would exceed if all pending ones were folded; empty for none.
func reactionBound(r *rare, to *target, text, user string) string {
	emojis, count, bytes := r.reactionCounts()
	added, addedBytes, newEmojis := to.reactions(func(known string) bool { return r.find(known) != nil })
	if r.find(text) == nil && !slices.Contains(newEmojis, text) {
		emojis++
	}
	switch {
	case emojis+len(newEmojis) > MaxEmojis:
		return "found 20 emojis on the message, allowed: 20"
	case count+added >= MaxReactions:
		return "found 10,000 reactions on the message, allowed: 10,000"
	case bytes+addedBytes+len(user)+reactionOverhead > maxReactionBytes:
		return "found 512 KiB of user IDs in the reactions of the message, allowed: 512 KiB"
	}
	return ""
}

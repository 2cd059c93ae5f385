package timeline

// Costs in bytes: estimates of the memory beyond the bytes of texts, with the slack of the allocator and of maps. TestBytesAreTheMemory compares
// them with the heap.
const (
	messageCost  = 200 // a message, and its place in the order
	idCost       = 48  // its ID in the index
	textCost     = 8   // each text beyond its bytes
	rareCost     = 112 // mentions, meta, edits and reactions of a message
	mentionCost  = 12  // a mention in its message
	offsetCost   = 12  // an offset in a list
	personCost   = 88  // a user who is an author, mentioned, or has reacted
	countsCost   = 112 // the lists of an author or a mentioned user
	threadCost   = 128 // a thread with replies
	emojiCost    = 48  // an emoji of a message
	reactionCost = 6   // a user of an emoji
	pendingCost  = 256 // a publication that is not committed
)

// reactionOverhead is what each reaction counts toward maxReactionBytes, in addition to its user ID: the length in a Snapshot.
const reactionOverhead = 2

// textBytes returns the cost of a text; 0 for none.
func textBytes[T string | []byte](s T) int {
	if len(s) == 0 {
		return 0
	}
	return len(s) + len(s)/8 + textCost
}

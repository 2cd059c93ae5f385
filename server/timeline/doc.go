// Package timeline holds the messages of one chat room as they stand: with their edits, deletions, reactions, pins and threads. It is pure: it
// has no lock, no goroutine, no clock and no I/O. The caller guards a Timeline by the lock of its room.
//
//	data --> Parse, Plain --> Timeline.Check --+--> Accept: the room gives it an offset --> Timeline.Apply --> Page, Unread, Texts
//	         (shape, sizes)   (rights,         +--> Repeat, NoOp: acknowledge, deliver nothing
//	                           references)     +--> Wait: acknowledge with a pending publication
//	                                           +--> Reject: code and reason
//
// # Steps of a publication
//
//  1. Parse reads the data of a publisher. Plain reads the text of a plain client. An error is a rejection with code 107.
//  2. Check compares the entry with the state and with the pending publications. It changes nothing.
//  3. A room in memory gives the publication an offset and calls Apply. A durable room calls Hold when it proposes the publication, and Apply
//     when it is committed, or Release if it fails.
//  4. Apply folds the entry into the state. It returns the growth in bytes, and the offsets of the publications whose content must go.
//
// Replay reads a stored publication by Stored, which has no limits and knows the redacted forms (Redacted). Then it calls Apply. A
// publication that is not an entry has no effect: the caller does not call Apply for it.
//
// # The fold
//
// Apply is total and deterministic: it has a defined effect on each state, perhaps none. It checks no rights, because Check did. docs/chat.md has
// the same rules for clients.
//
//	| entry    | effect                                                                                                                |
//	|----------|-----------------------------------------------------------------------------------------------------------------------|
//	| message  | added. An older message with its ID ends: the room no longer had it. None if a newer one has it, or if it is there     |
//	| edit     | the text, and the mentions if the edit has them. None if the message is deleted                                        |
//	| delete   | text, mentions, meta, reactions, pin and edit time end. Author, time, thread and reply_to stay                         |
//	| reaction | the user is added to the emoji or removed from it. An emoji without users ends. None beyond the bounds, if the message |
//	|          | is deleted, or if the author has no user                                                                              |
//	| pin      | pinned or not. None if the message is deleted                                                                         |
//
// A change to a message that the timeline does not have has no effect. A message has the offset of its last change: Apply ignores changes up
// to it. So a log that begins before a Snapshot folds to the same state.
//
// # Names
//
// A message without an ID has the name "#" and its offset. A thread has the name of the message that begins it. The replies of a thread are
// always newer than that message. If it is evicted, its thread stays while it has replies, and no new message may take its name.
//
// # Order, eviction, memory
//
// Messages are ordered by offset. Offsets have gaps, because changes have offsets of their own. DropOldest evicts the oldest message with all
// that belongs to it, in amortized constant time. Bytes is the sum of the costs in memory.go: it changes with each call that changes the
// state, and is 0 without messages and pending publications.
//
// Bounds: MaxEmojis and MaxReactions of a message, maxReactionBytes of user IDs, MaxMentions. Check rejects what exceeds them.
//
// # Restart
//
// Nothing is stored here. Snapshot encodes one message with its reactions (snapshot.go has the format), and Restore adds it to a timeline.
package timeline

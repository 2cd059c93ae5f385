package chat

import "sync"

// Receipts. In a room with the option receipts, the members receive how far users have read: once a second, in one publication for the room. It
// has no offset and is in no history. Plain members do not receive it. A restart loses what waits, at most that of one second.

const (
	MaxReceiptMembers = 100     // of a room; a larger one gets no receipts
	maxReceiptUsers   = 100     // in one publication; the others follow a second later
	maxReceiptsAtOnce = 4096    // users a second
	maxReceipts       = 1 << 16 // users that wait, in all rooms
	receiptTicks      = 2       // a second
)

// receipts are markers that have moved and that the members of their rooms have not received.
type receipts struct {
	mu    sync.Mutex // a leaf
	rooms map[string]map[string]uint64
	count int
}

// add notes a marker. It returns false if too many wait.
func (rcs *receipts) add(room, user string, upto uint64) bool {
	rcs.mu.Lock()
	defer rcs.mu.Unlock()
	before, is := rcs.rooms[room][user]
	switch {
	case is:
		upto = max(upto, before)
	case rcs.count >= maxReceipts:
		return false
	default:
		rcs.count++
	}
	if rcs.rooms == nil {
		rcs.rooms = map[string]map[string]uint64{}
	}
	if rcs.rooms[room] == nil {
		rcs.rooms[room] = map[string]uint64{}
	}
	rcs.rooms[room][user] = upto
	return true
}

// take removes markers: of each room as many as one publication has.
func (rcs *receipts) take() (taken map[string]map[string]uint64) {
	rcs.mu.Lock()
	defer rcs.mu.Unlock()
	n := 0
	for room, users := range rcs.rooms {
		if n >= maxReceiptsAtOnce {
			break
		}
		if taken == nil {
			taken = map[string]map[string]uint64{}
		}
		taken[room] = users
		if len(users) > maxReceiptUsers {
			taken[room] = firstOf(users, maxReceiptUsers)
		} else {
			delete(rcs.rooms, room)
		}
		n += len(taken[room])
	}
	rcs.count -= n
	return taken
}

// firstOf moves n users to a new map.
func firstOf(users map[string]uint64, n int) map[string]uint64 {
	first := make(map[string]uint64, n)
	for user, upto := range users {
		if len(first) == n {
			break
		}
		first[user] = upto
		delete(users, user)
	}
	return first
}

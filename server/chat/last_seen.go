package chat

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// When users were last connected. Only users who are in a roster have an entry. It is a value of the room "", written at most once a minute a
// user, so a crash may lose the last minute. With a data directory a restart keeps it; without one it is lost. A reload does not change it.
//
// The number of an entry is a time in seconds since 1970, doubled, plus 1 if the user has connected then, and not left. After a crash these users
// were last seen when the process was: the value aliveKey has the time, once a minute.

const (
	aliveKey     = "alive" // in the room "": when the process ran, in seconds since 1970
	seenPer      = time.Minute
	maxSeenLate  = 1 << 16 // users that changed in the last minute; more are written at once
	seenAtOnce   = 1024    // late entries to write in one tick
	aliveEachNth = wheel.Tick(seenPer / fanout.TickLength)
)

// lastSeen spaces the writes of each user.
type lastSeen struct {
	mu     sync.Mutex        // a leaf
	late   map[string]uint64 // users written in the last minute: the number to write next; 0 for none
	order  []seenTurn        // of late, the next first
	before int64             // aliveKey of the process before; 0 before it is known
}

// seenTurn is when a user may be written again.
type seenTurn struct {
	user string
	at   wheel.Tick
}

// seenNumber returns the number of an entry.
func seenNumber(at time.Time, connected bool) uint64 {
	n := uint64(at.Unix()) << 1
	if connected {
		n++
	}
	return n
}

// note returns true if the number of a user is to be written now. Otherwise turns returns it later.
func (ls *lastSeen) note(user string, number uint64, now wheel.Tick) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if _, is := ls.late[user]; is {
		ls.late[user] = number
		return false
	}
	if len(ls.late) < maxSeenLate {
		ls.wait(user, now)
	}
	return true
}

// wait begins the minute of a user. ls.mu is held.
func (ls *lastSeen) wait(user string, now wheel.Tick) {
	if ls.late == nil {
		ls.late = map[string]uint64{}
	}
	ls.late[user] = 0
	ls.order = append(ls.order, seenTurn{user, now + fanout.InTicks(seenPer)})
}

// turns ends the minutes that are over, and returns what to write.
func (ls *lastSeen) turns(now wheel.Tick) (write map[string]uint64) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for range seenAtOnce {
		if len(ls.order) == 0 || now < ls.order[0].at {
			break
		}
		user := ls.order[0].user
		ls.order[0] = seenTurn{}
		ls.order = ls.order[1:]
		number := ls.late[user]
		delete(ls.late, user)
		if number == 0 {
			continue
		}
		if write == nil {
			write = map[string]uint64{}
		}
		write[user] = number
		ls.wait(user, now)
	}
	return write
}

// next returns the number of a user that is not written yet; 0 for none.
func (ls *lastSeen) next(user string) uint64 {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.late[user]
}

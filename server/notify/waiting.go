package notify

import (
	"slices"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// Gather is the time from the first message to the notification: a user gets one notification for all messages of that time.
const Gather = 5 * time.Second

// Limits of what waits.
const (
	MaxWaitingEntries = 1 << 17 // entries: one per user and room
	maxNoticeRooms    = 32      // entries of one user; further rooms are only counted
	wheelSlots        = 128     // seconds
	gatherTicks       = wheel.Tick(Gather / time.Second)
)

// entry is a room with messages for a user.
type entry struct {
	room  string
	since wheel.Tick // the first message
}

// waiter is a user with messages to be notified of.
type waiter struct {
	wheel.Links[waiter]
	user    string
	entries []entry
	more    int  // rooms that exceed maxNoticeRooms, counted once for each pass with new messages
	ready   bool // in Waiting.ready, and not in the wheel
}

// WheelLinks implements the interface of the timing wheel.
func (w *waiter) WheelLinks() *wheel.Links[waiter] { return &w.Links }

// Waiting has the users that are to be notified, by the time. Its ticks are seconds. It is not safe for concurrent use.
type Waiting struct {
	users   map[string]*waiter
	wheel   *wheel.Wheel[waiter, *waiter]
	due     []*waiter
	ready   []*waiter // their time is over, the first ones first
	entries int
	max     int
	dropped int
}

// newWaiting returns an empty Waiting for at most so many entries.
func newWaiting(most int) *Waiting {
	return &Waiting{users: map[string]*waiter{}, wheel: wheel.New[waiter, *waiter](wheelSlots), max: most}
}

// Add adds a room with messages for a user. The user is due Gather after the first of its messages. Beyond the limit, it drops and counts the
// entry.
func (wt *Waiting) Add(user, room string, now wheel.Tick) {
	w := wt.users[user]
	if w != nil && slices.ContainsFunc(w.entries, func(e entry) bool { return e.room == room }) {
		return
	}
	switch {
	case w != nil && len(w.entries) >= maxNoticeRooms:
		w.more++
		return
	case wt.entries >= wt.max:
		wt.dropped++
		return
	case w == nil:
		w = &waiter{user: user}
		wt.users[user] = w
		wt.wheel.File(w, now+gatherTicks)
	}
	w.entries = append(w.entries, entry{room, now})
	wt.entries++
}

// Advance moves the time.
func (wt *Waiting) Advance(now wheel.Tick) {
	wt.due = wt.wheel.Advance(now, wt.due[:0])
	for _, w := range wt.due {
		w.ready = true
		wt.ready = append(wt.ready, w)
	}
	clear(wt.due)
}

// Next removes and returns the user that has waited longest beyond its time; nil for none.
func (wt *Waiting) Next() *waiter {
	if len(wt.ready) == 0 {
		wt.ready = nil
		return nil
	}
	w := wt.ready[0]
	wt.ready[0], wt.ready = nil, wt.ready[1:]
	delete(wt.users, w.user)
	wt.entries -= len(w.entries)
	return w
}

// Defer stores entries of a user that Next has returned until a later time: they had their places before.
func (wt *Waiting) Defer(user string, entries []entry, due wheel.Tick) {
	w := &waiter{user: user, entries: entries}
	wt.users[user] = w
	wt.entries += len(entries)
	wt.wheel.File(w, due)
}

// DueAll makes all users due.
func (wt *Waiting) DueAll() {
	for _, w := range wt.users {
		if !w.ready {
			wt.wheel.Remove(w)
			w.ready = true
			wt.ready = append(wt.ready, w)
		}
	}
}

// Len returns the number of entries.
func (wt *Waiting) Len() int { return wt.entries }

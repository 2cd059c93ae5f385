package notify

import (
	"context"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// Rule is which messages of a room a member is notified of.
type Rule struct {
	OnlyMentions bool
	UnreadAfter  time.Duration // connected members, too, if they have not read for so long; 0: members that are not connected only
}

// Change is a room with new messages.
type Change struct {
	Room    string
	Batch   Batch
	Members iter.Seq[[]string] // in parts of at most Part users, which are lent
	Rule    Rule
}

// Rooms is what the notifier reads of rooms and users. The notifier calls it on its goroutine and holds no lock. No method blocks.
type Rooms interface {
	// Changed calls do for each room with messages since the call before. It holds no lock meanwhile, nor between the parts of the members.
	Changed(do func(Change))
	// Connected sets is[i] if users[i] has a connection.
	Connected(users []string, is []bool)
	// Rule returns the rule of a room.
	Rule(room string) Rule
	// Unread returns what a user has not read in a room; false if the user is not a member any more.
	Unread(user, room string) (Unread, bool)
	// Preferences returns the stored form of the preferences of a user; nil for none.
	Preferences(user string) []byte
}

// Sink receives notifications. The notifier calls it on its goroutine. No method blocks.
type Sink interface {
	// Ready reports whether there is room for a notification. If not, the notifier asks again a second later, and gathers meanwhile.
	Ready() bool
	Notify(*Notification)
}

// Outcome is what became of a user and a room with new messages.
type Outcome int

// All outcomes.
const (
	Sent      Outcome = iota // part of a notification
	Muted                    // the room is muted, or the user must not be disturbed
	Read                     // the user has read the room, has left it, or is not mentioned
	Connected                // the user is connected
	Dropped                  // too many wait
	Outcomes                 // their number
)

func (o Outcome) String() string {
	return [Outcomes]string{"sent", "muted", "read", "connected", "dropped"}[o]
}

const (
	passInterval = time.Second
	share        = 20 // a pass takes at most this part of the time: 1/20

	// Part is the number of users that are looked up at once, at most.
	Part = 256
)

// Notifier notifies users. Run owns its state.
type Notifier struct {
	// Constant after New.
	rooms Rooms
	sink  Sink
	log   *slog.Logger
	count func(Outcome, int)
	flush chan chan struct{}
	ended chan struct{} // closed at the end of Run

	// Owned by Run.
	waiting   *Waiting
	users     []string // buffers of collect
	connected []bool
	dropped   int // drops that are counted

	length atomic.Int64 // of waiting
}

// New returns a Notifier. It calls count with the outcomes, on its goroutine. Call Run.
func New(r Rooms, s Sink, log *slog.Logger, count func(Outcome, int)) *Notifier {
	return &Notifier{
		rooms: r, sink: s, log: log, count: count, flush: make(chan chan struct{}), ended: make(chan struct{}),
		waiting: newWaiting(MaxWaitingEntries), connected: make([]bool, Part),
	}
}

// Waiting returns the number of users and rooms that wait for their time. Any goroutine may call it.
func (n *Notifier) Waiting() int { return int(n.length.Load()) }

// Run notifies users until ctx is done or Flush is called.
func (n *Notifier) Run(ctx context.Context) {
	defer close(n.ended)
	started := time.Now()
	timer := time.NewTimer(passInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			begun := time.Now()
			n.pass(wheel.Tick(begun.Sub(started)/time.Second), begun, false)
			timer.Reset(max(passInterval, (share-1)*time.Since(begun)))
		case flushed := <-n.flush:
			n.pass(wheel.Tick(time.Since(started)/time.Second), time.Now(), true)
			close(flushed)
			return
		case <-ctx.Done():
			return
		}
	}
}

// Flush sends what waits, and ends Run. Call it before the connections are closed at a stop: users whose connections end by it are not notified.
func (n *Notifier) Flush() {
	flushed := make(chan struct{})
	select {
	case n.flush <- flushed:
		<-flushed
	case <-n.ended:
	}
}

// pass collects new messages and sends what is due; with all, everything that waits.
func (n *Notifier) pass(now wheel.Tick, wall time.Time, all bool) {
	n.rooms.Changed(func(c Change) { n.collect(&c, now) })
	n.waiting.Advance(now)
	if all {
		n.waiting.DueAll()
	}
	for all || n.sink.Ready() {
		w := n.waiting.Next()
		if w == nil {
			break
		}
		n.notify(w, now, wall, all)
	}
	n.length.Store(int64(n.waiting.Len()))
	if dropped := n.waiting.dropped - n.dropped; dropped > 0 {
		n.dropped = n.waiting.dropped
		n.count(Dropped, dropped)
		n.log.Warn("notifications dropped: too many users and rooms wait", "dropped", dropped, "at_most", MaxWaitingEntries)
	}
}

// collect adds the members of a room that new messages concern.
func (n *Notifier) collect(c *Change, now wheel.Tick) {
	for part := range c.Members {
		n.users = n.users[:0]
		for _, user := range part {
			if c.Batch.mayConcern(user, c.Rule.OnlyMentions) {
				n.users = append(n.users, user)
			}
		}
		is := n.connected[:len(n.users)]
		clear(is)
		if (c.Rule.UnreadAfter == 0 || c.Batch.here) && len(n.users) > 0 {
			n.rooms.Connected(n.users, is)
		}
		for i, user := range n.users {
			if is[i] && c.Rule.UnreadAfter == 0 || !is[i] && c.Batch.concernsConnected(user, c.Rule.OnlyMentions) {
				continue
			}
			n.waiting.Add(user, c.Room, now)
		}
	}
}

// notify decides about each room of a user that is due, and sends a notification if some remain.
func (n *Notifier) notify(w *waiter, now wheel.Tick, wall time.Time, all bool) {
	p := ParsePreferences(n.rooms.Preferences(w.user))
	if p.DND.Quiet(wall) {
		n.count(Muted, len(w.entries))
		return
	}
	is := n.connected[:1]
	is[0] = false
	n.rooms.Connected([]string{w.user}, is)
	message := &Notification{User: w.user, More: w.more, To: p.Push}
	var later []entry
	due := wheel.Tick(0)
	for _, e := range w.entries {
		u, outcome, wait := n.decide(p, w.user, e, is[0], now, wall)
		switch {
		case wait > now && !all:
			later = append(later, e)
			if due == 0 || wait < due {
				due = wait
			}
			continue
		case wait > now:
			outcome = Connected
		case outcome == Sent:
			message.Rooms = append(message.Rooms, RoomUnread{e.room, u})
		}
		n.count(outcome, 1)
	}
	if len(later) > 0 {
		n.waiting.Defer(w.user, later, due)
	}
	if len(message.Rooms) > 0 {
		message.sort()
		n.sink.Notify(message)
	}
}

// decide returns the outcome for a room of a user. wait is not 0 if it is to be decided later.
func (n *Notifier) decide(p *Preferences, user string, e entry, connected bool, now wheel.Tick, wall time.Time) (u Unread, o Outcome, wait wheel.Tick) {
	if p.Muted(e.room, wall) {
		return u, Muted, 0
	}
	rule := n.rooms.Rule(e.room)
	if connected {
		if rule.UnreadAfter == 0 {
			return u, Connected, 0
		}
		if due := e.since + wheel.Tick((rule.UnreadAfter+time.Second-1)/time.Second); due > now {
			return u, Connected, due
		}
	}
	u, ok := n.rooms.Unread(user, e.room)
	if !ok || u.Unread == 0 || rule.OnlyMentions && u.Mentions == 0 {
		return u, Read, 0
	}
	return u, Sent, 0
}

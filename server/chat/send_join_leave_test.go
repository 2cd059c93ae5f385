package chat

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// lobby is a hub with one room that has join and leave events, and a watcher in it. It has no sockets, and the test sets its clock.
type lobby struct {
	*Hub
	t      *testing.T
	seen   map[string]*ClientInfo // by client: the members according to the events
	sent   int
	joined []*Membership // of all guests that have joined
}

// guest is a client of the lobby.
type guest struct {
	conn  *fanout.Conn
	info  *ClientInfo
	place *Membership // nil: not in the room
}

// eventFormat is a format with join and leave events.
const eventFormat = PlainFormat + 1

func newLobby(t *testing.T) *lobby {
	o := DefaultRoom()
	o.JoinLeave, o.Presence = true, true
	l := &lobby{Hub: newTestHub(t, o), t: t, seen: map[string]*ClientInfo{}}
	l.formats[eventFormat].JoinLeave = func(string, *ClientInfo, bool) []byte { return nil }
	l.join(l.guest("watcher", nil))
	l.receive()
	l.letPass(time.Minute)
	l.sent = 0
	return l
}

func (l *lobby) guest(name string, info []byte) *guest {
	return &guest{conn: &fanout.Conn{Shard: l.Shards[0], ID: 1}, info: &ClientInfo{User: name, Client: name, ConnInfo: info}}
}

func (l *lobby) join(g *guest) {
	g.place = &Membership{PresenceEntry: PresenceEntry{Info: g.info}}
	q := &JoinRequest{Room: l.RoomRef("x"), Actor: Actor{User: g.info.User}, Membership: g.place, Format: eventFormat}
	if l.JoinRooms(g.conn, []*JoinRequest{q}, nil, false); q.Err != nil {
		l.t.Fatal(q.Err)
	}
	l.joined = append(l.joined, g.place)
}

func (l *lobby) leave(g *guest) {
	l.LeaveRoom(g.place)
	g.place = nil
}

// withEvents counts the rooms with queued events.
func (l *lobby) withEvents() (n int) {
	l.Rooms.each(func(in *Stripe) { n += len(in.withEvents) })
	return n
}

func (l *lobby) room(name string) *Room {
	r, unlock := l.Rooms.Find(name)
	defer unlock()
	return r
}

// letPass advances the clock and calls what the heartbeat does at a tick.
func (l *lobby) letPass(d time.Duration) {
	l.Clock.Started = l.Clock.Started.Add(-d)
	l.sendQueuedEvents()
	l.receive()
}

// receive does the work of the shard.
func (l *lobby) receive() {
	for _, j := range l.Shards[0].Inbox {
		if j.Do != fanout.Deliver {
			continue
		}
		event := j.Message.(*Message)
		j.Topic.Audience.Backlog.Add(int64(-event.Bytes))
		l.sent++
		if in := event.event; event.joined {
			l.seen[in.Client] = in
		} else {
			delete(l.seen, in.Client)
		}
	}
	l.Shards[0].Inbox = nil
}

// Members of a dead node leave slowly if their room gets an event of each: members here read it.
func TestTheEndOfAMemberElsewhereIsAnEventIfSomebodyGetsIt(t *testing.T) {
	l := newLobby(t)
	for room, want := range map[string]bool{"x": true, "empty": false} {
		m := l.AddRemote(room, &ClientInfo{User: "ann", Client: "ann"})
		if got := l.RemoveRemote(m); got != want {
			t.Errorf("room %s: got an event: %t, want %t", room, got, want)
		}
	}
}

// The first events of a quiet room are sent at once, the others as the rate allows, in order.
func TestJoinsAndLeavesHaveARate(t *testing.T) {
	l := newLobby(t)
	const burst, guests = JoinLeaveRate * limiter.BurstSeconds, 500
	began := l.Clock.Now()
	mostSent := func() int { return mostEvents(l.Clock.Now() - began) }
	for i := range guests {
		l.join(l.guest(fmt.Sprint(i), nil))
	}
	l.receive()
	if l.sent < min(burst, guests) || l.sent > mostSent() {
		t.Errorf("got %d events sent at once, want %d to %d", l.sent, burst, mostSent())
	}
	if pending := l.room("x").events.queue.Len(); l.sent+pending != guests {
		t.Errorf("got %d sent and %d queued events, want %d in all", l.sent, pending, guests)
	}
	for l.sent < guests {
		before := l.sent
		l.letPass(time.Second)
		if got := l.sent - before; got < min(JoinLeaveRate, guests-before) || l.sent > mostSent() {
			t.Fatalf("got %d events in a second, and %d in all, want %d, and %d at most in all", got, l.sent, JoinLeaveRate, mostSent())
		}
	}
	if l.queuedEventBytes.Load() != 0 || l.withEvents() != 0 {
		t.Errorf("got %d queued bytes in %d rooms after all was sent", l.queuedEventBytes.Load(), l.withEvents())
	}
	l.letPass(time.Minute)
	l.join(l.guest("later", nil))
	if l.receive(); l.seen["later"] == nil {
		t.Error("the first event of a quiet room is not sent at once")
	}
}

// A join and a leave of one client that are both queued are not sent.
func TestAJoinAndALeaveCancelOut(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	for i := range 1000 {
		l.join(l.guest(fmt.Sprint(i), nil))
	}
	l.receive()
	sent, pending := l.sent, l.room("x").events.queue.Len()
	flapper := l.guest("flapper", nil)
	for range 10_000 {
		l.join(flapper)
		l.leave(flapper)
		l.receive()
		if l.room("x").events.queue.Len() == 0 {
			break // a slow machine: all events were sent
		}
		if got := l.room("x").events.queue.Len() + l.sent; got > sent+pending+3 {
			t.Fatalf("got %d queued events, want at most %d", got, sent+pending)
		}
	}
	if got := testutil.ToFloat64(l.Metrics.JoinLeaveFolded); got < 1000 {
		t.Errorf("got %v events folded", got)
	}
}

// When the queue is empty, the events have given the members and their infos exactly.
func TestFoldedJoinsAndLeavesMatchThePresence(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	guests := make([]*guest, 60)
	for i := range guests {
		guests[i] = l.guest(fmt.Sprint(i), nil)
	}
	for range 300 {
		for range rand.IntN(400) {
			g := guests[rand.IntN(len(guests))]
			switch {
			case g.place != nil:
				l.leave(g)
			case rand.IntN(4) == 0:
				g.info = &ClientInfo{User: g.info.User, Client: g.info.Client, ConnInfo: fmt.Append(nil, rand.IntN(3))}
				l.join(g)
			default:
				l.join(g)
			}
			if rand.IntN(20) == 0 {
				l.receive()
			}
			if rand.IntN(50) == 0 {
				l.letPass(fanout.TickLength)
			}
		}
		for range 10 {
			l.letPass(time.Second)
		}
		present := l.Presence("x")
		if len(present) != len(l.seen) {
			t.Fatalf("got joins of %d members, want %d", len(l.seen), len(present))
		}
		for _, info := range present {
			if got := l.seen[info.Client]; got == nil || !sameInfo(got, info) {
				t.Fatalf("got %v in the events of %v", got, info)
			}
		}
	}
	if testutil.ToFloat64(l.Metrics.JoinLeaveFolded) == 0 || testutil.ToFloat64(l.Metrics.JoinLeaveDropped) != 0 {
		t.Error("want some events folded, and none dropped")
	}
}

// Queued events are bounded in number and bytes, and dropped events are counted.
func TestPendingJoinsAndLeavesAreBounded(t *testing.T) {
	t.Parallel()
	for name, info := range map[string][]byte{"many": nil, "large": make([]byte, 200<<10)} {
		t.Run(name, func(t *testing.T) {
			l := newLobby(t)
			const guests = 3000
			for i := range guests {
				l.join(l.guest(fmt.Sprint(i), info))
				l.receive()
			}
			pending := l.room("x").events.queue.Len()
			if pending == 0 || pending > maxQueuedEvents || l.queuedEventBytes.Load() > maxQueuedEventBytes {
				t.Errorf("got %d queued events of %d bytes", pending, l.queuedEventBytes.Load())
			}
			if got := l.sent + pending + int(testutil.ToFloat64(l.Metrics.JoinLeaveDropped)); got != guests {
				t.Errorf("got %d sent, queued or dropped, want %d", got, guests)
			}
			if got := l.PresenceStats("x").Clients; got != guests+1 {
				t.Errorf("got %d members counted, want %d", got, guests+1)
			}
			// The largest event uses the rate of two seconds, and is sent.
			before := l.sent
			if l.letPass(3 * time.Second); l.sent == before {
				t.Error("no event was sent although the rate allows it")
			}
			// The room becomes empty.
			for _, p := range l.joined {
				l.LeaveRoom(p)
			}
			if l.sendQueuedEvents(); l.queuedEventBytes.Load() != 0 || l.withEvents() != 0 || l.Rooms.Count() != 0 {
				t.Errorf("got %d queued bytes in %d rooms without members", l.queuedEventBytes.Load(), l.withEvents())
			}
		})
	}
}

// A small event does not overtake a large one that is queued.
func TestJoinsAndLeavesKeepTheirOrder(t *testing.T) {
	l := newLobby(t)
	large := 0
	for ; l.room("x").events.queue.Len() == 0; large++ {
		l.join(l.guest(fmt.Sprint("large ", large), make([]byte, 10<<10)))
	}
	l.join(l.guest("small", nil))
	l.receive()
	if l.seen["small"] != nil || l.sent != large-1 {
		t.Errorf("got %d of %d large ones sent, and the small one %v; want all but the last, and the small one to wait", l.sent, large, l.seen["small"] != nil)
	}
	if l.letPass(3 * time.Second); l.seen["small"] == nil || l.sent != large+1 {
		t.Errorf("got %d sent in the end, want %d", l.sent, large+1)
	}
}

// A room over its backlog limit receives no events until it is below the limit.
func TestARoomOverItsBacklogGetsNoJoinEvents(t *testing.T) {
	l := newLobby(t)
	r := l.room("x")
	r.Backlog.Add(r.Limit + 1)
	g := l.guest("ann", nil)
	l.join(g)
	if l.letPass(time.Second); l.sent != 0 {
		t.Error("a join was sent to a room over its backlog limit")
	}
	r.Backlog.Add(-r.Limit - 1)
	if l.letPass(time.Second); l.seen["ann"] == nil {
		t.Error("a join was not sent when the room was below its backlog limit")
	}
}

// mostEvents returns how many events the members of a room may receive in a time.
func mostEvents(d time.Duration) int {
	return JoinLeaveRate*limiter.BurstSeconds + int(d*JoinLeaveRate/time.Second) + 1
}

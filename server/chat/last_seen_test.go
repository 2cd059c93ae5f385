package chat

import (
	"fmt"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/wheel"
)

// addMembers makes users members of a room.
func addMembers(t testing.TB, h *Hub, room string, users ...string) {
	t.Helper()
	h.ChangeMembers(MemberChange{Room: room, Users: users, Role: roster.Member, Add: true}, func(_ StreamPosition, e *Rejection) {
		if e != nil {
			t.Error(e)
		}
	})
}

// restartedHub returns a hub with rosters on the log of a Fake.
func restartedHub(t testing.TB, fake *brokertest.Fake) *Hub {
	o := durableRooms("d*")
	o.Join = SignedIn
	return newDurableHub(t, fake, o)
}

// seenHub returns a durable hub with ann and bob in a roster.
func seenHub(t testing.TB, fake *brokertest.Fake) *Hub {
	h := restartedHub(t, fake)
	addMembers(t, h, "d", "ann", "bob")
	fake.Settle()
	return h
}

// connectUser gives a user a connection, and returns a function that ends it.
func connectUser(t testing.TB, h *Hub, user string) (end func()) {
	c := &silentClient{user}
	u, _, e := h.AddUser(c, user, nil)
	if e != nil {
		t.Fatal(e)
	}
	h.NoteSeen(user)
	return func() {
		h.RemoveUser(u, c)
		h.NoteSeen(user)
	}
}

// silentClient is a connection that executes no commands.
type silentClient struct{ id string }

func (sc *silentClient) ClientID() string { return sc.id }

func (*silentClient) Execute(UserCommand, func(*Rejection)) {}

// secondsOf returns LastSeen in seconds, relative to a time.
func secondsOf(h *Hub, user string, since time.Time) int64 {
	return h.LastSeen(user)/1000 - since.Unix()
}

func TestLastSeenIsThatOfMembersOnly(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := seenHub(t, fake)
	before := h.Clock.WallNow()
	for _, user := range []string{"ann", "guest:1"} {
		connectUser(t, h, user)()
	}
	fake.Settle()
	if got := secondsOf(h, "ann", before); got < 0 || got > 1 {
		t.Errorf("ann: got %d s after the start, want 0", got)
	}
	for _, user := range []string{"guest:1", "bob", ""} {
		if got := h.LastSeen(user); got != 0 {
			t.Errorf("%q: got %d, want unknown", user, got)
		}
	}
	if got := len(valuesOf(h, "")); got != 1 {
		t.Errorf("got %d values, want that of ann", got)
	}
}

// Users who come and go all the time are written once a minute, and the last state is written then.
func TestLastSeenIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	ls := &lastSeen{}
	minute := fanout.InTicks(seenPer)
	writes := 0
	for now := wheel.Tick(100); now < 100+10*minute; now++ {
		for i := range uint64(4) {
			if ls.note("ann", 2*uint64(now)+i, now) {
				writes++
			}
		}
		for _, number := range ls.turns(now) {
			if writes++; number != 2*uint64(now)+3 {
				t.Fatalf("tick %d: got %d, want the newest number", now, number)
			}
		}
	}
	if writes < 10 || writes > 11 {
		t.Errorf("got %d writes in ten minutes", writes)
	}
	if got := ls.turns(100 + 20*minute); len(got) != 1 {
		t.Errorf("got %v, want the last number", got)
	}
	if got := ls.turns(100 + 30*minute); len(got) > 0 || len(ls.late) > 0 || len(ls.order) > 0 {
		t.Errorf("got %v and %d users that wait", got, len(ls.late))
	}
	for i := range maxSeenLate + 10 {
		if user := fmt.Sprint(i); !ls.note(user, 1, 1) {
			t.Fatalf("user %d was not written", i)
		}
	}
	if len(ls.late) > maxSeenLate || len(ls.order) > maxSeenLate {
		t.Errorf("got %d users that wait, want %d at most", len(ls.late), maxSeenLate)
	}
}

// A crash ends all connections without a word: their users were last seen when the process was.
func TestAfterACrashUsersWereSeenWhileTheProcessRan(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := seenHub(t, fake)
	start := h.Clock.WallNow()
	connectUser(t, h, "ann")
	leave := connectUser(t, h, "bob")
	fake.Settle()
	leave() // written a minute later
	h.Clock.Shifted.Store(int64(time.Hour))
	h.tickSeen(h.Clock.Tick() + fanout.InTicks(2*seenPer) - h.Clock.Tick()%aliveEachNth)
	fake.Settle()

	again := restartedHub(t, fake)
	if got := secondsOf(again, "ann", start); got < 3600 || got > 3602 {
		t.Errorf("ann, connected at the crash: got %d s after the start, want an hour", got)
	}
	if got := secondsOf(again, "bob", start); got < 0 || got > 2 {
		t.Errorf("bob, gone before the crash: got %d s after the start, want 0", got)
	}
	// The next process notes that it runs, before a client asks. Ann does not come back.
	next := restartedHub(t, fake)
	next.Clock.Shifted.Store(int64(5 * time.Hour))
	next.tickSeen(next.Clock.Tick() + aliveEachNth - next.Clock.Tick()%aliveEachNth)
	fake.Settle()
	if got := secondsOf(next, "ann", start); got < 3600 || got > 3602 {
		t.Errorf("ann, while the next process runs: got %d s after the start, want an hour", got)
	}
}

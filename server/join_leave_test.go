package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/centrifugal/protocol"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
)

// lobby is a hub with one room that tells who comes and goes, and a watcher in it. It has no sockets, and its time is the test's.
type lobby struct {
	*session.Sessions
	t    *testing.T
	seen map[string]*chat.ClientInfo // by client: who is there, as far as members were told
	sent int
}

func newLobby(t *testing.T) *lobby {
	o := chat.DefaultRoom()
	o.JoinLeave = true
	cfg := DefaultConfig()
	cfg.Rooms = []chat.RoomOptions{o}
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout)
	l := &lobby{Sessions: h, t: t, seen: map[string]*chat.ClientInfo{}}
	l.join(l.guest("watcher", nil))
	l.hear()
	l.letPass(time.Minute)
	l.sent = 0
	return l
}

func (l *lobby) guest(name string, info []byte) *session.Session {
	c := &fanout.Conn{Shard: l.Shards[0], ID: 1}
	s := &session.Session{Conn: c, Hub: l.Sessions, Encoding: session.JSONEncoding, Info: &chat.ClientInfo{
		User: name, Client: name, ConnInfo: info,
	}}
	c.Handler = s
	return s
}

func (l *lobby) join(s *session.Session) {
	e := &session.JoinAttempt{Requested: &protocol.SubscribeRequest{Channel: "x"}, Info: s.Info}
	if s.Join([]*session.JoinAttempt{e}, func() []*protocol.Reply { return nil }); e.Err != nil {
		l.t.Fatal(e.Err)
	}
}

// unannounced is how many rooms have joins and leaves that wait.
func (l *lobby) unannounced() (n int) {
	l.Rooms.Each(func(in *chat.Stripe) { n += len(in.WithEvents) })
	return n
}

func (l *lobby) room(name string) *chat.Room {
	r, unlock := l.Rooms.Find(name)
	defer unlock()
	return r
}

func (l *lobby) leave(s *session.Session) { s.Leave(s.Find("x")) }

// letPass has time pass, and the heartbeat tick.
func (l *lobby) letPass(d time.Duration) {
	l.Clock.Started = l.Clock.Started.Add(-d)
	l.SendQueuedEvents()
	l.hear()
}

// hear does the shard's work.
func (l *lobby) hear() {
	for _, j := range l.Shards[0].Inbox {
		if j.Do != fanout.Deliver {
			continue
		}
		told := j.Message.(*chat.Message)
		j.Topic.Audience.Backlog.Add(int64(-told.Bytes))
		l.sent++
		if in := told.Join; in != nil {
			l.seen[in.Client] = in
		} else {
			delete(l.seen, told.Leave.Client)
		}
	}
	l.Shards[0].Inbox = nil
}

// The first events of a quiet room are sent at once, the others as the rate allows, in order.
func TestJoinsAndLeavesHaveARate(t *testing.T) {
	l := newLobby(t)
	const burst, guests = chat.JoinLeaveRate * limiter.BurstSeconds, 500
	began := l.Clock.Now()
	mostSent := func() int { return mostEvents(l.Clock.Now() - began) }
	for i := range guests {
		l.join(l.guest(fmt.Sprint(i), nil))
	}
	l.hear()
	if l.sent < min(burst, guests) || l.sent > mostSent() {
		t.Errorf("got %d events sent at once, want %d to %d", l.sent, burst, mostSent())
	}
	if pending := l.room("x").Events.Queue.Len(); l.sent+pending != guests {
		t.Errorf("got %d sent and %d pending, want %d in all", l.sent, pending, guests)
	}
	for l.sent < guests {
		before := l.sent
		l.letPass(time.Second)
		if got := l.sent - before; got < min(chat.JoinLeaveRate, guests-before) || l.sent > mostSent() {
			t.Fatalf("got %d events in a second, and %d in all, want %d, and %d at most in all", got, l.sent, chat.JoinLeaveRate, mostSent())
		}
	}
	if l.QueuedEventBytes.Load() != 0 || l.unannounced() != 0 {
		t.Errorf("got %d bytes pending in %d rooms after all was sent", l.QueuedEventBytes.Load(), l.unannounced())
	}
	l.letPass(time.Minute)
	l.join(l.guest("later", nil))
	if l.hear(); l.seen["later"] == nil {
		t.Error("the first event of a quiet room is not sent at once")
	}
}

// mostEvents is how many events a room's members may be sent in a time, as clocks count it.
func mostEvents(d time.Duration) int {
	return chat.JoinLeaveRate*limiter.BurstSeconds + int(d*chat.JoinLeaveRate/time.Second) + 1
}

// Whoever comes and goes while its events wait is not told of.
func TestAJoinAndALeaveCancelOut(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	for i := range 1000 {
		l.join(l.guest(fmt.Sprint(i), nil))
	}
	l.hear()
	sent, pending := l.sent, l.room("x").Events.Queue.Len()
	flapper := l.guest("flapper", nil)
	for range 10_000 {
		l.join(flapper)
		l.leave(flapper)
		l.hear()
		if l.room("x").Events.Queue.Len() == 0 {
			break // it took so long that all was sent
		}
		if got := l.room("x").Events.Queue.Len() + l.sent; got > sent+pending+3 {
			t.Fatalf("got %d events pending, want no more than the %d", got, sent+pending)
		}
	}
	if got := testutil.ToFloat64(l.Metrics.JoinLeaveFolded); got < 1000 {
		t.Errorf("got %v events folded", got)
	}
}

// Whatever comes and goes: when all is told, members know exactly who is there, and as whom.
func TestFoldedJoinsAndLeavesMatchThePresence(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	guests := make([]*session.Session, 60)
	for i := range guests {
		guests[i] = l.guest(fmt.Sprint(i), nil)
	}
	for range 300 {
		for range rand.IntN(400) {
			g := guests[rand.IntN(len(guests))]
			switch {
			case g.Find("x") != nil:
				l.leave(g)
			case rand.IntN(4) == 0:
				g.Info = &chat.ClientInfo{User: g.Info.User, Client: g.Info.Client, ConnInfo: fmt.Append(nil, rand.IntN(3))}
				l.join(g)
			default:
				l.join(g)
			}
			if rand.IntN(20) == 0 {
				l.hear()
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
			t.Fatalf("got %d members told of, want %d", len(l.seen), len(present))
		}
		for _, info := range present {
			if got := l.seen[info.Client]; got == nil || !chat.SameInfo(got, info) {
				t.Fatalf("got %v told of %v", got, info)
			}
		}
	}
	if testutil.ToFloat64(l.Metrics.JoinLeaveFolded) == 0 || testutil.ToFloat64(l.Metrics.JoinLeaveDropped) != 0 {
		t.Error("want some events folded, and none dropped")
	}
}

// What waits is bounded in number and in bytes, and what is dropped is counted.
func TestPendingJoinsAndLeavesAreBounded(t *testing.T) {
	t.Parallel()
	for name, info := range map[string][]byte{"many": nil, "large": make([]byte, 200<<10)} {
		t.Run(name, func(t *testing.T) {
			l := newLobby(t)
			const guests = 3000
			for i := range guests {
				l.join(l.guest(fmt.Sprint(i), info))
				l.hear()
			}
			pending := l.room("x").Events.Queue.Len()
			if pending == 0 || pending > chat.MaxQueuedEvents || l.QueuedEventBytes.Load() > chat.MaxQueuedEventBytes {
				t.Errorf("got %d events of %d bytes pending", pending, l.QueuedEventBytes.Load())
			}
			if got := l.sent + pending + int(testutil.ToFloat64(l.Metrics.JoinLeaveDropped)); got != guests {
				t.Errorf("got %d sent, pending or dropped, want %d", got, guests)
			}
			if got := l.PresenceStats("x").Clients; got != guests+1 {
				t.Errorf("got %d members counted, want %d", got, guests+1)
			}
			// The largest takes two seconds' worth; each comes at some time.
			before := l.sent
			if l.letPass(3 * time.Second); l.sent == before {
				t.Error("nothing is sent when its time has come")
			}
			// Nobody is left to hear it.
			for _, p := range slices.Clone(l.room("x").Presence.List) {
				l.leave(p.Conn.Handler.(*session.Session))
			}
			if l.SendQueuedEvents(); l.QueuedEventBytes.Load() != 0 || l.unannounced() != 0 || l.Rooms.Count() != 0 {
				t.Errorf("got %d bytes pending in %d rooms when all are gone", l.QueuedEventBytes.Load(), l.unannounced())
			}
		})
	}
}

// A small event does not overtake a large one that waits.
func TestJoinsAndLeavesKeepTheirOrder(t *testing.T) {
	l := newLobby(t)
	large := 0
	for ; l.room("x").Events.Queue.Len() == 0; large++ {
		l.join(l.guest(fmt.Sprint("large ", large), make([]byte, 10<<10)))
	}
	l.join(l.guest("small", nil))
	l.hear()
	if l.seen["small"] != nil || l.sent != large-1 {
		t.Errorf("got %d of %d large ones sent, and the small one %v; want all but the last, and the small one to wait", l.sent, large, l.seen["small"] != nil)
	}
	if l.letPass(3 * time.Second); l.seen["small"] == nil || l.sent != large+1 {
		t.Errorf("got %d sent in the end, want %d", l.sent, large+1)
	}
}

// A room that is behind is not sent more of them, and is when it has caught up.
func TestARoomOverItsBacklogGetsNoJoinEvents(t *testing.T) {
	l := newLobby(t)
	r := l.room("x")
	r.Backlog.Add(r.Limit + 1)
	g := l.guest("ann", nil)
	l.join(g)
	if l.letPass(time.Second); l.sent != 0 {
		t.Error("a join was sent to a room that is behind")
	}
	r.Backlog.Add(-r.Limit - 1)
	if l.letPass(time.Second); l.seen["ann"] == nil {
		t.Error("a join was not sent when the room had caught up")
	}
}

// Whoever comes and goes without a pause has no slow member closed, and at the end everybody knows who is there.
func TestFlappingClosesNoSlowMember(t *testing.T) {
	o := chat.DefaultRoom()
	o.JoinLeave = true
	s := startServer(t, func(c *Config) { c.Rooms, c.MaxUnsent = []chat.RoomOptions{o}, c.MaxMessage })
	const phones, pairs = 10, 4000
	began := time.Now()
	var all sync.WaitGroup
	var views [phones]map[string]bool
	var mu sync.Mutex
	for i := range phones {
		c := connectSDK(t, s, "")
		c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
		// In this order, so that the first hears the joins of all.
		eventually(t, "it to be in the room", func() bool {
			r, unlock := s.hub.Rooms.Find("x")
			defer unlock()
			return r != nil && r.Members == i+1
		})
		views[i] = map[string]bool{}
		all.Go(func() { watchSlowly(t, c, &mu, views[i]) })
	}
	flapper := connectSDK(t, s, "")
	for n := 0; n < pairs; n += 50 {
		flapper.sendLine("%s", strings.Repeat(`{"id":2,"subscribe":{"channel":"x"}}`+"\n"+`{"id":3,"unsubscribe":{"channel":"x"}}`+"\n", 50))
		for range 100 {
			flapper.line()
		}
	}
	eventually(t, "everybody to know who is there", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, view := range views {
			if len(view) < 1 || len(view) > phones {
				return false
			}
		}
		// The last phone's join is heard by all that were there.
		return len(views[0]) == phones
	})
	if n := closesBy(s, fanout.ClosedSlow); n != 0 {
		t.Errorf("got %d slow members closed, want none", n)
	}
	if sent, most := value(t, s, "throng_join_leave_total", "sent"), mostEvents(time.Since(began)); sent > float64(most) {
		t.Errorf("got %v of %d events sent, want %d at most", sent, 2*pairs, most)
	}
	s.hub.CloseAll()
	all.Wait()
}

// watchSlowly reads about 40 KB/s and keeps who is there, until the connection is closed.
func watchSlowly(t *testing.T, c *sdk, mu *sync.Mutex, view map[string]bool) {
	slow := &phoneReader{c.conn, time.Now(), 0}
	c.reader.Reset(slow)
	for {
		m, err := c.next()
		if err != nil || m.Op != 1 {
			return
		}
		for _, line := range strings.Split(string(m.Payload), "\n") {
			var reply struct {
				Push struct {
					Join, Leave struct{ Info struct{ Client string } }
				}
			}
			if err := json.Unmarshal([]byte(line), &reply); err != nil {
				t.Errorf("%q: %v", line, err)
				return
			}
			mu.Lock()
			if client := reply.Push.Join.Info.Client; client != "" {
				view[client] = true
			}
			delete(view, reply.Push.Leave.Info.Client)
			mu.Unlock()
		}
	}
}

// phoneReader reads 40 KB/s on average.
type phoneReader struct {
	io.Reader
	since time.Time
	read  int
}

func (r *phoneReader) Read(b []byte) (int, error) {
	time.Sleep(time.Until(r.since.Add(time.Duration(r.read) * time.Second / 40_000)))
	n, err := r.Reader.Read(b[:min(len(b), 2048)])
	r.read += n
	return n, err
}

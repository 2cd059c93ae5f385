package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

func TestTasksRunInOrder(t *testing.T) {
	w := session.NewWorkers(2, 3, time.Hour)
	gate := make(chan struct{})
	var busy, most atomic.Int32
	order := make(chan int, 5)
	for i := range 5 {
		accepted := w.Do(netip.Addr{}, func() {
			if n := busy.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-gate
			order <- i
			busy.Add(-1)
		}, func() { t.Errorf("%d was refused", i) })
		if !accepted {
			t.Errorf("%d was not accepted", i)
		}
	}
	if w.Do(netip.Addr{}, func() { t.Error("more than may wait was done") }, func() { t.Error("and refused later") }) {
		t.Error("more was accepted than may wait")
	}
	if w.Length() != 3 {
		t.Errorf("got %d that wait, want 3", w.Length())
	}
	close(gate)
	w.Wait()
	if most.Load() > 2 || w.Length() != 0 || w.Busy != 0 {
		t.Errorf("got %d at a time, %d that wait, %d busy; want 2, 0, 0", most.Load(), w.Length(), w.Busy)
	}
	seen := 0
	for range 5 {
		seen |= 1 << <-order
	}
	if seen != 1<<5-1 {
		t.Errorf("got %b, want all five done", seen)
	}
}

func TestATaskHasAQueueTimeout(t *testing.T) {
	w := session.NewWorkers(1, 10, 0)
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	var refused atomic.Int32
	for range 3 {
		w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused.Add(1) })
	}
	time.Sleep(time.Millisecond) // longer than they may wait
	close(gate)
	w.Wait()
	if refused.Load() != 3 {
		t.Errorf("got %d refused, want 3", refused.Load())
	}
	done := false
	w.Do(netip.Addr{}, func() { done = true }, nil)
	w.Wait()
	if !done {
		t.Error("nothing is done behind a refusal")
	}
}

// What waits is refused when its time is over, not when somebody comes to look at it.
func TestTheQueueTimeoutIsOnTime(t *testing.T) {
	w := session.NewWorkers(1, 10, time.Millisecond)
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	refused := make(chan int, 6)
	for round := range 2 {
		for i := range 3 {
			w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused <- 3*round + i })
		}
		for i := range 3 {
			select {
			case got := <-refused:
				if got != 3*round+i {
					t.Errorf("got %d refused, want %d first", got, 3*round+i)
				}
			case <-time.After(testTimeout):
				t.Fatal("what waits is not refused while the others are busy")
			}
		}
	}
	close(gate)
	w.Wait()
	if w.Length() != 0 || w.Busy != 0 {
		t.Errorf("got %d that wait, %d busy; want none", w.Length(), w.Busy)
	}
}

// Each waits for its own time, not for that of the first.
func TestEachTaskHasItsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := session.NewWorkers(1, 10, time.Second)
		gate := make(chan struct{})
		w.Do(netip.Addr{}, func() { <-gate }, nil)
		start := time.Now()
		var refused []time.Duration
		for range 4 {
			w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused = append(refused, time.Since(start)) })
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{1000 * time.Millisecond, 1300 * time.Millisecond, 1600 * time.Millisecond, 1900 * time.Millisecond}
		if !slices.Equal(refused, want) {
			t.Errorf("got refusals after %v, want %v", refused, want)
		}
		close(gate)
		w.Wait()
	})
}

// A worker that comes to something late before anybody else refuses it.
func TestAWorkerRejectsALateTask(t *testing.T) {
	w := session.NewWorkers(1, 10, 0)
	w.Watched = true // but nobody comes
	gate := make(chan struct{})
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	refused := false
	w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { refused = true })
	close(gate)
	w.Wait()
	if !refused {
		t.Error("neither done nor refused")
	}
}

// The end waits for refusals that are under way, not only for work.
func TestWaitIncludesRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := session.NewWorkers(1, 10, time.Second)
		work, refusal := make(chan struct{}), make(chan struct{})
		w.Do(netip.Addr{}, func() { <-work }, nil)
		w.Do(netip.Addr{}, func() { t.Error("done too late") }, func() { <-refusal })
		time.Sleep(2 * time.Second) // it is being refused
		close(work)
		ended := false
		go func() {
			w.Wait()
			ended = true
		}()
		synctest.Wait()
		if ended {
			t.Error("the end does not wait for a refusal")
		}
		close(refusal)
		synctest.Wait()
		if !ended {
			t.Error("the end waits for nothing")
		}
	})
}

// Who asks for much at once waits for itself: addresses take turns, and where too much waits the heaviest one makes room.
func TestAddressesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c, d := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("192.0.2.4")
		w := session.NewWorkers(1, 6, time.Hour)
		gate := make(chan struct{})
		w.Do(a, func() { <-gate }, nil)
		var done, refused []string
		do := func(from netip.Addr, name string) bool {
			return w.Do(from, func() { done = append(done, name) }, func() { refused = append(refused, name) })
		}
		for i := range 6 {
			if !do(a, fmt.Sprint("a", i)) {
				t.Fatalf("a%d was not accepted", i)
			}
		}
		if !w.Full(a) || do(a, "a6") {
			t.Error("one more of the heaviest was accepted")
		}
		for _, name := range []string{"b0", "c0", "b1", "d0"} {
			from := map[byte]netip.Addr{'b': b, 'c': c, 'd': d}[name[0]]
			if w.Full(from) || !do(from, name) {
				t.Errorf("%s was not accepted, though most of what waits is of another address", name)
			}
			synctest.Wait() // for the refusal
		}
		// a and b have two, c and d one.
		if do(b, "b2") || do(c, "c1") {
			t.Error("b2 or c1 was accepted, where no address has more than theirs would")
		}
		if w.Length() != 6 {
			t.Errorf("got %d that wait, want 6", w.Length())
		}
		close(gate)
		w.Wait()
		if want := []string{"a0", "b0", "c0", "d0", "a1", "b1"}; !slices.Equal(done, want) {
			t.Errorf("got done in the order %v, want %v", done, want)
		}
		if want := []string{"a5", "a4", "a3", "a2"}; !slices.Equal(refused, want) {
			t.Errorf("got %v refused, want the newest of the heaviest: %v", refused, want)
		}
		if w.Busy != 0 || w.Waiting != 0 || len(w.Queues) != 0 || len(w.Turns) != 0 {
			t.Errorf("got %d busy, %d waiting, %d lines, %d turns; want none", w.Busy, w.Waiting, len(w.Queues), len(w.Turns))
		}
	})
}

// What is late is refused in its time, in whatever line it waits.
func TestTheTasksOfEachAddressHaveATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := session.NewWorkers(1, 100, time.Second)
		gate := make(chan struct{})
		w.Do(netip.Addr{}, func() { <-gate }, nil)
		start := time.Now()
		var refused []string
		for i := range 6 {
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 2)})
			w.Do(from, func() { t.Error("done too late") }, func() { refused = append(refused, fmt.Sprint(i, time.Since(start))) })
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []string{"0 1s", "1 1.1s", "2 1.2s", "3 1.3s", "4 1.4s", "5 1.5s"}; !slices.Equal(refused, want) {
			t.Errorf("got refused %v, want %v", refused, want)
		}
		if len(w.Queues) != 0 || w.Length() != 0 {
			t.Errorf("got %d lines, %d that wait; want none", len(w.Queues), w.Length())
		}
		close(gate)
		w.Wait()
	})
}

// Connections of one address that call the application all the time keep nobody else from calling it.
func TestCallsOfOneAddressDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnRPC: always(`{"result":{"data":1}}`)})
	s := startHooked(t, a, nil)
	const queue = 8
	askers, gate := session.NewWorkers(1, queue, time.Hour), make(chan struct{})
	askers.Do(netip.Addr{}, func() { <-gate }, nil)
	withShardsLocked(s, func() { s.hub.Hooks.CallWorkers = askers })
	call := func(ip string) *sdk {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		c := connectSDKBy(t, s, &d, userToken("ann"))
		c.sendLine(`{"id":2,"rpc":{"method":"x"}}`)
		return c
	}
	var many []*sdk
	for i := range queue {
		many = append(many, call("127.0.0.2"))
		eventually(t, "it to wait", func() bool { return askers.Length() == i+1 })
	}
	const busy = `{"id":2,"error":{"code":111,"message":"too many requests","temporary":true}}`
	call("127.0.0.2").expectLine(busy)
	other := call("127.0.0.3")
	many[queue-1].expectLine(busy) // the newest of the heaviest address made room
	close(gate)
	other.expectLine(`{"id":2,"rpc":{"data":1}}`)
	many[0].expectLine(`{"id":2,"rpc":{"data":1}}`)
}

// sessionsOf are the connections of a user.
func sessionsOf(s *Server, user string) (sessions []*session.Session) {
	for _, c := range s.hub.ClientsOf(user) {
		sessions = append(sessions, c.(*session.Session))
	}
	return sessions
}

// sessionOf is the one connection of a user.
func sessionOf(t testing.TB, s *Server, user string) *session.Session {
	t.Helper()
	all := sessionsOf(s, user)
	if len(all) != 1 {
		t.Fatalf("got %d connections of %s, want 1", len(all), user)
	}
	return all[0]
}

// What comes while a session waits, twice in a row, is dealt with behind that, and in its order.
func TestCommandsWaitForThePendingRequest(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	session := sessionOf(t, s, "ann")
	first, second := make(chan struct{}), make(chan struct{})
	waits := make(chan struct{})
	tell := func(id uint32) {
		session.Reply(&protocol.Reply{Id: id, Unsubscribe: &protocol.UnsubscribeResult{}})
	}
	session.Poller.Post(func() {
		session.Await(s.hub.BulkWorkers, func() func() {
			<-first
			return func() {
				tell(100)
				session.Await(s.hub.BulkWorkers, func() func() {
					<-second
					return func() { tell(101) }
				}, func() { t.Error("refused") })
				close(waits)
			}
		}, func() { t.Error("refused") })
		session.PendingCommands = []byte(`{"id":2,"unsubscribe":{"channel":"a"}}`) // of the same frame
	})
	c.sendLine(`{"id":3,"unsubscribe":{"channel":"a"}}`)
	close(first)
	<-waits
	c.expectLine(`{"id":100,"unsubscribe":{}}`)
	c.sendLine(`{"id":4,"unsubscribe":{"channel":"a"}}`)
	close(second)
	for _, line := range []string{`{"id":101,"unsubscribe":{}}`, `{"id":2,"unsubscribe":{}}`, `{"id":3,"unsubscribe":{}}`, `{"id":4,"unsubscribe":{}}`} {
		c.expectLine(line)
	}
}

func TestAConnectionMayCloseDuringAPendingRequest(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	for name, end := range map[string]func(*sdk, *session.Session){
		"by the client": func(c *sdk, _ *session.Session) { c.conn.Close() },
		"by the server": func(c *sdk, s *session.Session) {
			s.Disconnect(session.DisconnectForced)
			c.expectCloseCode(3503)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
			session := sessionOf(t, s, "ann")
			gate := make(chan struct{})
			session.Poller.Post(func() {
				session.Await(s.hub.BulkWorkers, func() func() {
					<-gate
					return func() {
						if session.Conn.Closing() {
							t.Error("finished for a connection that is gone")
						}
					}
				}, func() { t.Error("refused") })
			})
			end(c, session)
			if name == "by the server" {
				eventually(t, "the connection to be counted out", func() bool { return s.hub.Live.Load() == 0 })
			}
			close(gate)
			eventually(t, "the connection to be counted out", func() bool { return s.hub.Live.Load() == 0 })
		})
	}
}

func TestAPanicOfAWorkerClosesOneConnection(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	other := connectSDK(t, s, signed(map[string]any{"sub": "bob"}))
	session := sessionOf(t, s, "ann")
	session.Poller.Post(func() {
		session.Await(s.hub.BulkWorkers, func() func() { panic("on purpose") }, nil)
	})
	if m, err := c.next(); err == nil || !errors.Is(err, io.EOF) && m.Op == ws.OpText {
		t.Errorf("got %v %q, %v; want the end", m.Op, m.Payload, err)
	}
	other.sendLine(`{"id":2,"unsubscribe":{"channel":"a"}}`)
	other.expectLine(`{"id":2,"unsubscribe":{}}`)
	eventually(t, "the connection to be counted out", func() bool { return s.hub.Live.Load() == 1 })
	if got := closesBy(s, fanout.ClosedPanic); got != 1 {
		t.Errorf("got %d closed by a fault, want 1", got)
	}
}

// A client that is not read from cannot be blamed for an answer to a ping that was not read.
func TestAPongIsHandledDuringAPendingRequest(t *testing.T) {
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.PingInterval, c.PingTimeout = time.Second, time.Second
	})
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	session := sessionOf(t, s, "ann")
	gate := make(chan struct{})
	session.Poller.Post(func() {
		session.Await(s.hub.BulkWorkers, func() func() {
			<-gate
			return func() {}
		}, nil)
	})
	eventually(t, "a ping", func() bool { return session.Conn.Pinged.Load() != 0 })
	asked := session.Conn.Pinged.Load()
	eventually(t, "the time for an answer to be over", func() bool {
		return uint32(s.hub.Clock.Tick()) > asked+2*uint32(fanout.InTicks(time.Second))
	})
	c.sendLine("{}") // late, as far as can be seen
	close(gate)
	c.sendLine(`{"id":2,"unsubscribe":{"channel":"a"}}`)
	c.expectLine(`{"id":2,"unsubscribe":{}}`)
	if got := closesBy(s, fanout.ClosedPingTimeout); got != 0 {
		t.Errorf("got %d closed for no answer, want 0", got)
	}
}

// The time for which nothing was read of a client is given back to it before it is read again.
func TestThePendingTimeExtendsTheDeadline(t *testing.T) {
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.PingTimeout = time.Hour // nobody is to be blamed meanwhile
	})
	connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	session := sessionOf(t, s, "ann")
	done := make(chan uint32)
	session.Poller.Post(func() {
		session.Pause()
		now := s.hub.Clock.Tick()
		session.WaitsFrom = now - 60
		session.Conn.Pinged.Store(uint32(now - 100))
		session.Resume(func() {
			done <- session.Conn.Pinged.Swap(0) - uint32(now-100)
		})
	})
	if got := <-done; got < 60 || got > 60+uint32(fanout.InTicks(testTimeout)) {
		t.Errorf("got %d ticks given back, want the 60 of the wait, or those until it ended", got)
	}
}

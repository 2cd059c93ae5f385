package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// If connections of one address call the application all the time, the calls of other addresses are still handled.
func TestCallsOfOneAddressDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnRPC: always(`{"result":{"data":1}}`)})
	s := startHooked(t, a, nil)
	const queue = 8
	askers, gate := session.NewWorkers(1, queue, time.Hour), make(chan struct{})
	askers.Do(netip.Addr{}, func() { <-gate }, nil)
	withShardsLocked(s, func() { s.sessions.Hooks.CallWorkers = askers })
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
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			each, is := c.Handler.(*session.Session)
			if !is {
				continue
			}
			if id := each.Identity.Load(); id != nil && id.User == user {
				sessions = append(sessions, each)
			}
		}
	})
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

// Commands that arrive while a session waits, twice in a row, are handled afterwards, in order.
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
	session.Conn.Poller().Post(func() {
		session.Await(s.sessions.BulkWorkers, func() func() {
			<-first
			return func() {
				tell(100)
				session.Await(s.sessions.BulkWorkers, func() func() {
					<-second
					return func() { tell(101) }
				}, func() { t.Error("rejected") })
				close(waits)
			}
		}, func() { t.Error("rejected") })
		session.Waits().FrameRest = []byte(`{"id":2,"unsubscribe":{"channel":"a"}}`) // of the same frame
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
			session.Conn.Poller().Post(func() {
				session.Await(s.sessions.BulkWorkers, func() func() {
					<-gate
					return func() {
						if session.Conn.Closing() {
							t.Error("finished for a connection that is gone")
						}
					}
				}, func() { t.Error("rejected") })
			})
			end(c, session)
			if name == "by the server" {
				eventually(t, "the connection to be removed", func() bool { return s.sessions.Live.Load() == 0 })
			}
			close(gate)
			eventually(t, "the connection to be removed", func() bool { return s.sessions.Live.Load() == 0 })
		})
	}
}

func TestAPanicOfAWorkerClosesOneConnection(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	other := connectSDK(t, s, signed(map[string]any{"sub": "bob"}))
	session := sessionOf(t, s, "ann")
	session.Conn.Poller().Post(func() {
		session.Await(s.sessions.BulkWorkers, func() func() { panic("on purpose") }, nil)
	})
	if m, err := c.next(); err == nil || !errors.Is(err, io.EOF) && m.Op == ws.OpText {
		t.Errorf("got %v %q, %v; want the end", m.Op, m.Payload, err)
	}
	other.sendLine(`{"id":2,"unsubscribe":{"channel":"a"}}`)
	other.expectLine(`{"id":2,"unsubscribe":{}}`)
	eventually(t, "the connection to be removed", func() bool { return s.sessions.Live.Load() == 1 })
	if got := closesBy(s, fanout.ClosedPanic); got != 1 {
		t.Errorf("got %d closed by a fault, want 1", got)
	}
}

// While throng does not read from a client, it does not close it for a missing pong.
func TestAPongIsHandledDuringAPendingRequest(t *testing.T) {
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.PingInterval, c.PingTimeout = time.Second, time.Second
	})
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	session := sessionOf(t, s, "ann")
	gate := make(chan struct{})
	session.Conn.Poller().Post(func() {
		session.Await(s.sessions.BulkWorkers, func() func() {
			<-gate
			return func() {}
		}, nil)
	})
	eventually(t, "a ping", func() bool { return session.Conn.Pinged.Load() != 0 })
	asked := session.Conn.Pinged.Load()
	eventually(t, "the ping timeout to pass", func() bool {
		return uint32(s.sessions.Clock.Tick()) > asked+2*uint32(fanout.InTicks(time.Second))
	})
	c.sendLine("{}") // late, as far as can be seen
	close(gate)
	c.sendLine(`{"id":2,"unsubscribe":{"channel":"a"}}`)
	c.expectLine(`{"id":2,"unsubscribe":{}}`)
	if got := closesBy(s, fanout.ClosedPingTimeout); got != 0 {
		t.Errorf("got %d closed for a missing pong, want 0", got)
	}
}

// The time during which throng did not read from a client extends its deadline.
func TestThePendingTimeExtendsTheDeadline(t *testing.T) {
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.PingTimeout = time.Hour // no ping timeout during the test
	})
	connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	session := sessionOf(t, s, "ann")
	done := make(chan uint32)
	session.Conn.Poller().Post(func() {
		session.Pause()
		now := s.sessions.Clock.Tick()
		session.Waits().Since = now - 60
		session.Conn.Pinged.Store(uint32(now - 100))
		session.Resume(func() {
			done <- session.Conn.Pinged.Swap(0) - uint32(now-100)
		})
	})
	if got := <-done; got < 60 || got > 60+uint32(fanout.InTicks(testTimeout)) {
		t.Errorf("got an extension of %d ticks, want the 60 of the wait, or those until it ended", got)
	}
}

package server

import (
	"math"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// hold stops every shard until release is called.
func hold(s *Server) (release func()) {
	gate := make(chan struct{})
	for _, sh := range s.sessions.Shards {
		entered := make(chan struct{})
		sh.Post(fanout.Job{Do: fanout.CallBack, Call: func() {
			close(entered)
			<-gate
		}})
		<-entered
	}
	return func() { close(gate) }
}

func TestAFlushWritesOncePerMember(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	const members, messages = 20, 50
	clients := make([]*client, members)
	for i := range clients {
		clients[i] = dial(t, s, "lobby")
	}
	clients[0].send(ws.OpText, "all are here")
	for _, c := range clients {
		c.expect(ws.OpText, "all are here")
	}
	release := hold(s)
	before := value(t, s, "throng_writes_total", "")
	r := roomOf(s, "lobby")
	for range messages {
		s.sessions.PublishPlain(r, ws.OpText, []byte("x"))
	}
	release()
	for _, c := range clients {
		for range messages {
			c.expect(ws.OpText, "x")
		}
	}
	awaitFlushCounts(s)
	if got := value(t, s, "throng_writes_total", "") - before; got != members {
		t.Errorf("got %v writes for %d messages to %d members in one flush, want %d", got, messages, members, members)
	}
}

// Publications before a client leaves a room, or is closed, are delivered before the reply. The same holds for all other replies.
func TestEarlierPublicationsAreDeliveredFirst(t *testing.T) {
	s := startAPI(t)
	for name, tt := range map[string]struct {
		do   func(*sdk, *session.Session)
		last string
	}{
		"unsubscribe": {func(c *sdk, _ *session.Session) { c.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`) }, `{"id":3,"unsubscribe":{}}`},
		"API": {func(*sdk, *session.Session) { call(t, s, "unsubscribe", `{"user":"ann","channel":"x"}`) },
			`{"push":{"channel":"x","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}`},
		"rpc":   {func(c *sdk, _ *session.Session) { c.sendLine(`{"id":3,"rpc":{"method":"x"}}`) }, `{"id":3,"error":{"code":108,"message":"not available: no such method"}}`},
		"close": {func(_ *sdk, ann *session.Session) { ann.Disconnect(session.DisconnectForced) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := connectSDK(t, s, userToken("ann"))
			c.enter("x")
			session := sessionOf(t, s, "ann")
			release := hold(s)
			s.sessions.Publish(s.sessions.RoomRef("x"), chat.Publication{Data: []byte("1"), Form: chat.FormJSON}, chat.PublishOptions{})
			queued := func() (n int) {
				session.Conn.Shard.Mu.Lock()
				defer session.Conn.Shard.Mu.Unlock()
				return len(session.Conn.Shard.Inbox)
			}
			before := queued()
			tt.do(c, session)
			eventually(t, "the job to be posted", func() bool { return queued() > before })
			release()
			c.expectLine(`{"push":{"channel":"x","pub":{"data":1}}}`)
			if tt.last == "" {
				c.expectCloseCode(3503)
			} else {
				c.expectLine(tt.last)
			}
			c.conn.Close()
			eventually(t, "the connection to be removed", func() bool { return s.sessions.Live.Load() == 0 })
		})
	}
}

// A shard has the index of each connection, for any order of opens and closes.
func TestAShardKnowsItsConnections(t *testing.T) {
	s := startServer(t, nil)
	var all []*client
	for n := range 200 {
		all = append(all, dial(t, s, "lobby"))
		if n%3 == 2 {
			i := n * n % len(all)
			all[i].conn.Close()
			all = append(all[:i], all[i+1:]...)
			eventually(t, "it to be removed", func() bool { return s.sessions.Live.Load() == int64(len(all)) })
		}
	}
	known := 0
	s.sessions.Call(func(sh *fanout.Shard) {
		for i, c := range sh.Conns {
			if int(c.ConnAt) != i {
				t.Errorf("a connection at index %d has the index %d", i, c.ConnAt)
			}
		}
		known += len(sh.Conns)
	})
	if known != len(all) {
		t.Errorf("got %d connections, want %d", known, len(all))
	}
}

// The only allocation is the frame that all members share.
func TestABroadcastAllocatesOnce(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"without traces":       nil,
		"traces, none sampled": func(c *Config) { c.Tracing = TracingConfig{Endpoint: "http://127.0.0.1:1", OneIn: never} },
	} {
		t.Run(name, func(t *testing.T) { broadcastAllocatesOnce(t, change) })
	}
}

func broadcastAllocatesOnce(t *testing.T, change func(*Config)) {
	s := startServer(t, change)
	const members = 50
	for range members {
		c := dial(t, s, "lobby")
		nc := tcpOf(c.conn) // crypto/tls would allocate, over TLS
		go func() {
			for {
				if _, err := nc.Read(c.buf[:]); err != nil {
					return
				}
			}
		}()
	}
	payload := []byte(strings.Repeat("x", 128))
	r := roomOf(s, "lobby")
	delivered := func() (n uint64) {
		for _, sh := range s.sessions.Shards {
			n += sh.Deliveries.Load()
		}
		return n
	}
	sent := delivered()
	// One at a time, so that each has its own flush. Whatever else runs in the process can only add to the allocations that are counted, so the
	// fewest of several counts are those of the broadcasts.
	got := math.Inf(1)
	for range 20 {
		got = min(got, testing.AllocsPerRun(20, func() {
			s.sessions.PublishPlain(r, ws.OpText, payload)
			sent += members
			for delivered() < sent {
				runtime.Gosched()
			}
		}))
	}
	if got > 1 {
		t.Errorf("got %v allocations a broadcast to %d members, want 1", got, members)
	}
}

// A panic closes one connection, and does not affect the others.
func TestAPanicClosesOneConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	a, victim, b := dial(t, s, "lobby"), dial(t, s, "lobby"), dial(t, s, "lobby")
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			if c.ID == 2 {
				c.Handler.Member(0).From = 1 << 30 // a slice out of range when the shard writes
			}
		}
	})
	a.send(ws.OpText, "one")
	a.expect(ws.OpText, "one")
	b.expect(ws.OpText, "one")
	if m, err := victim.next(); err == nil {
		t.Errorf("got %v %q, want the end of the connection", m.Op, m.Payload)
	}
	eventually(t, "the panic to be counted", func() bool { return closesBy(s, fanout.ClosedPanic) == 1 })

	// On the poller: a connection without a room causes a nil dereference.
	ours, theirs := testkit.Pipe(t)
	defer theirs.Close()
	nc, err := netpoll.FromConn(ours, ours.RemoteAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	broken := &fanout.Conn{Transport: netpoll.OverTCP(nc), Shard: s.sessions.Shards[0]}
	s.sessions.Loop.Read(broken)
	if got := broken.Reason(); got != fanout.ClosedPanic {
		t.Errorf("got reason %v, want %v", got, fanout.ClosedPanic)
	}
	a.send(ws.OpText, "two")
	a.expect(ws.OpText, "two")
	b.expect(ws.OpText, "two")
	if got := value(t, s, "throng_panics_total", ""); got < 2 {
		t.Errorf("got %v panics counted, want 2", got)
	}
}

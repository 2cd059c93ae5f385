package server

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// little makes the socket buffers at both ends of a connection small.
func little(t *testing.T, s *Server, c *client) {
	t.Helper()
	const size = 16 << 10
	if err := tcpOf(c.conn).SetReadBuffer(size); err != nil {
		t.Fatal(err)
	}
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, of := range sh.Conns {
			if of.Transport.Socket().RemoteAddr().String() != c.conn.LocalAddr().String() {
				continue
			}
			if err := syscall.SetsockoptInt(of.Transport.Socket().Hash(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, size); err != nil {
				t.Error(err)
			}
		}
	})
}

// flushAll returns when the shards have written all messages that were posted before. A delayed shard writes several at once: then a budget is
// exceeded in one step, by a connection that was not the slowest.
func flushAll(s *Server) {
	for range 2 { // the second call comes after the writes of the flush that had the first
		s.sessions.Call(func(*fanout.Shard) {})
	}
}

// unhurried is a connection that reads about pace bytes per second.
type unhurried struct {
	net.Conn
	pace int
}

func (u unhurried) Read(b []byte) (int, error) {
	n, err := u.Conn.Read(b[:min(len(b), 16<<10)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(u.pace))
	return n, err
}

func retainedBytes(t *testing.T, s *Server) int {
	t.Helper()
	return int(value(t, s, "throng_retained_bytes", ""))
}

// A publisher within its rates closes no member that reads a megabyte per second, and the unsent bytes are within the budget.
func TestABurstClosesNoReader(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16 << 10, 8 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			defaults := DefaultConfig()
			s := startServer(t, func(c *Config) { c.Rate, c.RateBytes = defaults.Rate, defaults.RateBytes })
			const readers, messages = 4, 200
			text := func(n int) string { return fmt.Sprintf("%d %s", n, strings.Repeat("x", size-10)) }
			var reading sync.WaitGroup
			slow := make([]*client, readers)
			for i := range slow {
				slow[i] = dial(t, s, "lobby")
				little(t, s, slow[i])
				slow[i].reader.Reset(unhurried{slow[i].conn, 1_000_000})
				reading.Go(func() {
					for n := range messages {
						m, err := slow[i].nextExceptPings()
						if err != nil || string(m.Payload) != text(n) {
							t.Errorf("reader %d: got %v %.20q, %v; want message %d", i, m.Op, m.Payload, err, n)
							return
						}
					}
				})
			}
			talker := dial(t, s, "lobby")
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for n := range messages {
					talker.conn.Write(ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte(text(n))))
				}
			}()
			most := 0
			for n := range messages {
				talker.expect(ws.OpText, text(n))
				most = max(most, retainedBytes(t, s))
			}
			<-sent
			if most < messages*size/4 {
				t.Errorf("got at most %d bytes retained of %d, so the test is not valid", most, messages*size)
			}
			if budget := defaults.MaxRetained / fanout.AudienceShareRetained; most > budget {
				t.Errorf("got %d bytes retained, want %d at most", most, budget)
			}
			reading.Wait()
			if got := closesBy(s, fanout.ClosedSlow); got != 0 {
				t.Errorf("got %d slow consumers closed, want none", got)
			}
			eventually(t, "no retained bytes", func() bool { return retainedBytes(t, s) == 0 })
		})
	}
}

// Bytes that are unsent for many members of a room count once per shard, with their memory.
func TestSharedBytesCountOnce(t *testing.T) {
	s := startServer(t, nil)
	const stuck = 100
	for range stuck {
		little(t, s, dial(t, s, "lobby"))
	}
	talker := dial(t, s, "lobby")
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body := strings.Repeat("x", 16<<10)
	for range 120 {
		talker.send(ws.OpText, body)
		talker.expect(ws.OpText, body)
	}
	eventually(t, "all to be written or queued", func() bool { return roomOf(s, "lobby").Backlog.Load() == 0 })
	runtime.GC()
	runtime.ReadMemStats(&after)
	owed, retained := int(value(t, s, "throng_unsent_bytes", "")), retainedBytes(t, s)
	if owed < stuck*60*len(body) {
		t.Errorf("got %d bytes unsent, so the test is not valid", owed)
	}
	messages := 120 * len(body)
	if most := len(s.sessions.Shards)*(messages+1<<18) + stuck*(8<<10); retained < messages/2 || retained > most {
		t.Errorf("got %d bytes retained of %d unsent, want %d to %d", retained, owed, messages/2, most)
	}
	if grew := int(after.HeapAlloc) - int(before.HeapAlloc); grew > 2*retained {
		t.Errorf("the heap grew by %d bytes while %d were counted", grew, retained)
	}
	for range stuck + 1 {
		s.sessions.Call(func(sh *fanout.Shard) {
			for _, c := range sh.Conns {
				c.Abort(fanout.ClosedAbnormally)
			}
		})
	}
	eventually(t, "no retained bytes", func() bool { return retainedBytes(t, s) == 0 })
}

// The buffer of a batch may be much larger than the batch. The retained copy is not.
func TestARetainedBatchHasItsSize(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	stuck := dial(t, s, "lobby")
	little(t, s, stuck)
	r := roomOf(s, "lobby")
	for range 20 {
		release := hold(s)
		for range 3 {
			s.sessions.PublishPlain(r, ws.OpText, []byte(strings.Repeat("x", 10_000)))
		}
		release()
	}
	eventually(t, "all to be written or queued", func() bool { return r.Backlog.Load() == 0 })
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.SlowConsumers {
			for _, b := range c.Out.Slices {
				if b.Of != nil && cap(b.Of.Bytes) > len(b.Of.Bytes)+len(b.Of.Bytes)/8 {
					t.Errorf("got %d bytes retained in an array of %d", len(b.Of.Bytes), cap(b.Of.Bytes))
				}
			}
		}
	})
	if got := retainedBytes(t, s); got < 300_000 || got > 700_000 {
		t.Errorf("got %d bytes retained of 600000", got)
	}
}

// The unsent bytes of a slow reader are not overwritten by later messages, even after a reply in the middle of a batch.
func TestUnsentBytesAreNotOverwritten(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	c := connectSDK(t, s, userToken("ann"))
	c.enter("x")
	little(t, s, c.client)
	conn := sessionOf(t, s, "ann").Conn
	shard := conn.Shard
	var want []string
	say := func(text string) {
		s.sessions.Publish(s.sessions.RoomRef("x"), chat.Publication{Data: fmt.Appendf(nil, "%q", text), Form: chat.FormJSON}, chat.PublishOptions{})
		want = append(want, fmt.Sprintf(`{"push":{"channel":"x","pub":{"data":%q}}}`, text))
	}
	for retainedBytes(t, s) < 256<<10 { // more than the kernel buffers
		say(strings.Repeat("x", 16<<10))
		awaitFlushCounts(s)
	}
	replies := func() (n int) { // the live page posts jobs as well
		shard.Mu.Lock()
		defer shard.Mu.Unlock()
		for _, j := range shard.Inbox {
			if j.Conn == conn {
				n++
			}
		}
		return n
	}
	for n := range 10 {
		release := hold(s)
		for i := range 3 {
			say(fmt.Sprintf("%d %d %s", n, i, strings.Repeat(fmt.Sprint(n), 1000)))
		}
		c.sendLine(`{"id":%d,"unsubscribe":{"channel":"none"}}`, n+10)
		want = append(want, fmt.Sprintf(`{"id":%d,"unsubscribe":{}}`, n+10))
		eventually(t, "the reply", func() bool { return replies() == 1 })
		say("the last of the batch")
		release()
		awaitFlushCounts(s)
	}
	for _, line := range want {
		c.expectLine(line)
	}
}

// A ping overtakes the unsent bytes of a slow reader, so that the client does not consider the server dead. It does not split a frame.
func TestAPingOvertakesUnsentBytes(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	c := narrowSDK(t, s)
	c.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}`)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	talker := dial(t, s, "lobby")
	body := strings.Repeat("x", 16<<10)
	const messages = 100
	for range messages {
		talker.send(ws.OpText, body)
		talker.expect(ws.OpText, body)
	}
	of := onlySession(s).Conn
	of.Shard.Post(fanout.Job{Do: fanout.SendPing, Conn: of, Frame: session.SessionPings[session.JSONEncoding]})
	before := -1
	for n := 0; n < messages; {
		m, err := c.next()
		switch {
		case err != nil:
			t.Fatal(err)
		case string(m.Payload) == "{}":
			before = n
		case len(m.Payload) < len(body):
			t.Fatalf("got %.60q", m.Payload)
		default:
			n++
		}
	}
	if before < 0 || before > messages/2 {
		t.Errorf("got the ping after %d of %d messages", before, messages)
	}
}

// An SDK subscriber that reads slowly receives a whole burst in order, and sends its pongs late.
func TestASlowSubscriberReceivesEverything(t *testing.T) {
	messages, pace := 64, 400_000
	if os.Getenv("THRONG_SLOWEST") != "" {
		messages, pace = 200, 100_000 // half a minute
	}
	defaults := DefaultConfig()
	o := rememberingRoom("*")
	o.Recovery, o.Positioning = true, true
	s := startServer(t, func(c *Config) {
		c.Rate, c.RateBytes, c.Rooms = defaults.Rate, defaults.RateBytes, []chat.RoomOptions{o}
		c.PingInterval, c.PingTimeout = time.Second, time.Second
	})
	c := narrowSDK(t, s)
	c.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}`)
	if got := c.line(); !strings.Contains(got, `"recoverable":true`) {
		t.Fatalf("got %s, want a recoverable subscription", got)
	}
	c.reader.Reset(unhurried{c.conn, pace})
	talker := dial(t, s, "lobby")
	body := strings.Repeat("x", 16<<10)
	go func() {
		for range messages {
			talker.conn.Write(ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte(body)))
		}
	}()
	go func() {
		for {
			if _, err := talker.nextExceptPings(); err != nil {
				return
			}
		}
	}()
	for n := range messages {
		if got := c.line(); !strings.HasSuffix(got, fmt.Sprintf(`"offset":%d}}}`, n+1)) {
			t.Fatalf("got %.60s ... %s, want publication %d", got, got[max(0, len(got)-60):], n+1)
		}
	}
	if closesBy(s, fanout.ClosedSlow)+closesBy(s, fanout.ClosedPingTimeout) != 0 {
		t.Error("a connection was closed")
	}
}

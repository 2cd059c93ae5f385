package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// narrow makes the send buffers of all connections so small that nearly every write is partial.
func narrow(t testing.TB, s *Server) {
	t.Helper()
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			if err := syscall.SetsockoptInt(c.Transport.Socket().Hash(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 4<<10); err != nil {
				t.Error(err)
			}
		}
	})
}

// Readers that pause again and again receive every byte once, and in the same order as all other members.
func TestIntermittentReadersReceiveEveryByte(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	intermittentReaders(t, s, func() *client { return dial(t, s, "narrow") })
}

func intermittentReaders(t *testing.T, s *Server, dial func() *client) {
	// On a busy machine, a reader may be delayed for long. Another test checks the timeout.
	s.sessions.Heartbeat.Mu.Lock()
	s.sessions.Heartbeat.Stall = fanout.InTicks(time.Hour)
	s.sessions.Heartbeat.Mu.Unlock()
	const members, talkers, messages = 60, 4, 300
	clients := make([]*client, members)
	for i := range clients {
		clients[i] = dial()
		if err := tcpOf(clients[i].conn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	narrow(t, s)
	sums := make([]*bytes.Buffer, members)
	var all sync.WaitGroup
	for i, c := range clients {
		sums[i] = &bytes.Buffer{}
		if i < talkers {
			all.Go(func() {
				for n := range messages {
					c.send(ws.OpText, fmt.Sprintf("%d %d %s", i, n, strings.Repeat("x", 400)))
				}
			})
		}
		all.Go(func() {
			pause := rand.New(rand.NewPCG(uint64(i), 1))
			for got := 0; got < talkers*messages; {
				m, err := c.nextExceptPings()
				if err != nil {
					t.Errorf("member %d after %d messages: %v", i, got, err)
					return
				}
				if m.Op != ws.OpText {
					continue
				}
				got++
				sums[i].Write(m.Payload)
				if i%2 == 1 && pause.IntN(40) == 0 {
					c.send(ws.OpPing, "in between")
					time.Sleep(time.Millisecond) // the reader pauses
				}
			}
		})
	}
	all.Wait()
	for i := range sums {
		if !bytes.Equal(sums[i].Bytes(), sums[0].Bytes()) {
			t.Errorf("member %d received other bytes than member 0", i)
		}
	}
	awaitFlushCounts(s)
	if got := value(t, s, "throng_unsent_bytes", ""); got != 0 {
		t.Errorf("got %v bytes unsent at the end, want 0", got)
	}
	if got := value(t, s, "throng_dropped_bytes_total", ""); got != 0 {
		t.Errorf("got %v bytes dropped, want 0", got)
	}
}

// A reader that stops costs only pointers to shared messages. It is closed when it has too much unsent, and delays no other member.
func TestStoppedReadersAreClosedAndDelayNoMember(t *testing.T) {
	s := startServer(t, nil)
	const stuck, healthy = 100, 100
	for range stuck {
		c := dial(t, s, "lobby")
		if err := tcpOf(c.conn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	readers := make([]*client, healthy)
	for i := range readers {
		readers[i] = dial(t, s, "lobby")
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body := strings.Repeat("x", 16<<10)
	const messages = 120
	most := 0.0
	for n := range messages {
		want := fmt.Sprintf("%d %s", n, body)
		readers[0].send(ws.OpText, want)
		for _, c := range readers {
			c.expect(ws.OpText, want)
		}
		if unsent := value(t, s, "throng_unsent_bytes", ""); unsent > most {
			most = unsent
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	eventually(t, "the stopped readers to be closed", func() bool { return closesBy(s, fanout.ClosedSlow) == stuck })
	if most < 5<<20 {
		t.Errorf("got at most %v bytes unsent, so the test is not valid", most)
	}
	// The unsent bytes were a multiple of their memory.
	if grew := float64(after.HeapAlloc) - float64(before.HeapAlloc); grew > most/3 {
		t.Errorf("the heap grew by %.0f bytes while %.0f were unsent: they were copied", grew, most)
	}
	if value(t, s, "throng_dropped_bytes_total", "") == 0 {
		t.Error("the unsent bytes of the closed readers are not counted")
	}
	eventually(t, "no unsent bytes", func() bool { return value(t, s, "throng_unsent_bytes", "") == 0 })
}

// A reader that stops with few unsent bytes is closed after the stall timeout.
func TestAReaderWithoutProgressIsClosed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	stuck, talker := dial(t, s, "lobby"), dial(t, s, "lobby")
	if err := tcpOf(stuck.conn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	narrow(t, s)
	body := strings.Repeat("x", 60<<10)
	start := time.Now()
	for value(t, s, "throng_unsent_bytes", "") < 100<<10 {
		talker.send(ws.OpText, body)
		talker.expect(ws.OpText, body)
	}
	eventually(t, "the reader to be closed", func() bool { return closesBy(s, fanout.ClosedSlow) == 1 })
	if took := time.Since(start); took < fanout.StallTimeout/2 {
		t.Errorf("closed after %v, want about %v", took, fanout.StallTimeout)
	}
	talker.send(ws.OpText, "still here")
	talker.expect(ws.OpText, "still here")
}

// If a slow reader receives some bytes, its stall timeout starts again.
func TestProgressRestartsTheStallTimeout(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	s.sessions.Heartbeat.Mu.Lock()
	s.sessions.Heartbeat.Stall = fanout.InTicks(time.Hour)
	s.sessions.Heartbeat.Mu.Unlock()
	slow := dial(t, s, "lobby")
	if err := tcpOf(slow.conn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	narrow(t, s)
	talker := dial(t, s, "lobby")
	body := strings.Repeat("x", 60<<10)
	for value(t, s, "throng_unsent_bytes", "") < 2<<20 {
		talker.send(ws.OpText, body)
		talker.expect(ws.OpText, body)
	}
	var c *fanout.Conn
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, each := range sh.Conns {
			if each.Out != nil {
				c = each
			}
		}
	})
	since := c.Stalled.Load()
	if since == 0 {
		t.Fatal("the full socket is not detected")
	}
	eventually(t, "a tick", func() bool { return uint32(s.sessions.Clock.Tick()) > since+1 })
	eventually(t, "progress to count", func() bool {
		if _, err := io.ReadFull(slow.reader, slow.buf[:8<<10]); err != nil {
			t.Fatal(err)
		}
		if value(t, s, "throng_unsent_bytes", "") == 0 {
			t.Fatal("the reader has received everything, and its progress did not count")
		}
		return c.Stalled.Load() > since
	})
}

// The end of TCP follows the close frame of a slow reader as soon as it has received everything, without waiting for a deadline.
func TestASlowReaderReceivesTheEnd(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	s.sessions.Heartbeat.Mu.Lock()
	s.sessions.Heartbeat.Stall = fanout.InTicks(time.Hour)
	s.sessions.Heartbeat.Mu.Unlock()
	slow := dial(t, s, "lobby")
	if err := tcpOf(slow.conn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	narrow(t, s)
	talker := dial(t, s, "lobby")
	sent := 0
	for ; value(t, s, "throng_unsent_bytes", "") < 100<<10; sent++ {
		talker.send(ws.OpText, strings.Repeat("x", 60<<10))
		talker.expect(ws.OpText, strings.Repeat("x", 60<<10))
	}
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.SlowConsumers {
			c.End(fanout.ClosedShutdown, "server restarts")
		}
	})
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.SlowConsumers {
			if !c.Is(fanout.Finishing) {
				t.Error("the close frame is not queued")
			}
			c.CloseBy.Store(0)
		}
	})
	for range sent {
		slow.expect(ws.OpText, strings.Repeat("x", 60<<10))
	}
	slow.expectCloseCode(ws.CloseRestart)
}

// While a room is over its backlog limit, its publishers wait. Nothing is lost, and memory stays bounded.
func TestPublishersWaitForARoomOverItsBacklog(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	talker, listener := dial(t, s, "lobby"), dial(t, s, "lobby")
	// All shards are stopped.
	release := make(chan struct{})
	for _, sh := range s.sessions.Shards {
		sh.Post(fanout.Job{Do: fanout.CallBack, Call: func() { <-release }})
	}
	body := strings.Repeat("x", 1000)
	const messages = 5000
	var sending sync.WaitGroup
	sending.Go(func() {
		for n := range messages {
			talker.send(ws.OpText, fmt.Sprintf("%d %s", n, body))
		}
	})
	r := roomOf(s, "lobby")
	eventually(t, "the publisher to be paused", func() bool { return value(t, s, "throng_pauses_total", "") > 0 })
	if got, most := r.Backlog.Load(), r.Limit+int64(len(s.sessions.Shards))*(fanout.ReadBuffer+(64<<10)); got > most {
		t.Errorf("got a backlog of %d bytes, want %d at most", got, most)
	}
	close(release)
	for n := range messages {
		listener.expect(ws.OpText, fmt.Sprintf("%d %s", n, body))
		talker.expect(ws.OpText, fmt.Sprintf("%d %s", n, body))
	}
	sending.Wait()
	if got := r.Backlog.Load(); got != 0 {
		t.Errorf("got a backlog of %d bytes at the end, want 0", got)
	}
}

// Publications that a client sent before it disconnected are delivered, even if its room was over its backlog limit.
func TestLastPublicationsToARoomOverItsBacklogAreDelivered(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	first, second, listener := dial(t, s, "lobby"), dial(t, s, "lobby"), dial(t, s, "lobby")
	release := hold(s)
	body := strings.Repeat("x", 60<<10)
	r := roomOf(s, "lobby")
	sent := 0
	for ; !r.OverLimit(); sent++ {
		before := r.Backlog.Load()
		first.send(ws.OpText, body)
		eventually(t, "it to be read", func() bool { return r.Backlog.Load() > before })
	}
	for n := range 50 {
		second.send(ws.OpText, fmt.Sprint(n))
	}
	eventually(t, "the second publisher to be paused", func() bool { return value(t, s, "throng_pauses_total", "") > 0 })
	second.conn.Close()
	eventually(t, "it to be removed", func() bool { return closesBy(s, fanout.ClosedAbnormally) == 1 })
	release()
	for range sent {
		listener.expect(ws.OpText, body)
	}
	for n := range 50 {
		listener.expect(ws.OpText, fmt.Sprint(n))
	}
}

// A publisher in several rooms waits for each room that is over its backlog limit, not only for the last one.
func TestAPublisherInManyRoomsWaitsForTheOneOverItsBacklog(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"busy"}}` + "\n" + `{"id":3,"subscribe":{"channel":"idle"}}`)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	c.expectLine(`{"id":3,"subscribe":{}}`)
	body := strings.Repeat("x", 60<<10)
	waitsWhile(t, s, c, "busy", 200, `{"id":4,"publish":{"channel":"busy","data":"`+body+`"}}`+"\n"+
		`{"id":5,"publish":{"channel":"idle","data":1}}`)
}

// A client that joins and leaves also waits if the room has join and leave events.
func TestJoinsAndLeavesWaitForARoomOverItsBacklog(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.JoinLeave = true
	s := startServer(t, func(c *Config) { c.MaxUnsent, c.Rooms = 64<<20, []chat.RoomOptions{o} })
	member := connectSDK(t, s, "")
	member.sendLine(`{"id":2,"subscribe":{"channel":"busy"}}`)
	member.expectLine(`{"id":2,"subscribe":{}}`)
	both := `{"id":3,"subscribe":{"channel":"busy"}}` + "\n" + `{"id":4,"unsubscribe":{"channel":"busy"}}` + "\n"
	waitsWhile(t, s, connectSDK(t, s, ""), "busy", 100, strings.Repeat(both, 100))
}

// waitsWhile sends a frame many times while all shards are stopped. It fails the test unless the client is paused before the backlog of the
// room is far over the limit.
func waitsWhile(t *testing.T, s *Server, c *sdk, room string, times int, frame string) {
	t.Helper()
	patient(s) // the client does not read the messages of its room
	release := hold(s)
	before := value(t, s, "throng_received_bytes_total", "")
	var sending sync.WaitGroup
	sending.Go(func() {
		for range times {
			c.sendLine("%s", frame)
		}
	})
	defer sending.Wait()
	defer release()
	eventually(t, "the client to be paused, or all its frames to be handled", func() bool {
		return value(t, s, "throng_pauses_total", "") > 0 ||
			value(t, s, "throng_received_bytes_total", "")-before >= float64(times*len(frame))
	})
	r := roomOf(s, room)
	if got, most := r.Backlog.Load(), r.Limit+int64(len(s.sessions.Shards))*(fanout.ReadBuffer+(64<<10)); got > most {
		t.Errorf("got a backlog of %d bytes, want %d at most", got, most)
	}
}

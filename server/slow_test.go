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
	stallAfter(s, fanout.StallTimeout)
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
	// A close is counted when it is decided, the bytes when the shard drops them.
	eventually(t, "the unsent bytes of the closed readers to be counted", func() bool {
		return value(t, s, "throng_dropped_bytes_total", "") > 0
	})
	eventually(t, "no unsent bytes", func() bool { return value(t, s, "throng_unsent_bytes", "") == 0 })
}

// A reader that stops with few unsent bytes is closed after the stall timeout.
func TestAReaderWithoutProgressIsClosed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	stallAfter(s, fanout.StallTimeout)
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

package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/ws"
)

// A burst of bytes above the rate is delayed, and then handled.
func TestABurstOfBytesIsDelayed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.RateBytes = 64 << 10 })
	talker, listener := dial(t, s, "lobby"), dial(t, s, "lobby")
	body := strings.Repeat("x", 8<<10)
	const messages = 45 // 5.6 s at the rate, of which 4 at once
	for range 10 {      // a busy machine may need more than 5.6 s for the messages
		go func() {
			for n := range messages {
				talker.conn.Write(ws.AppendMaskedFrame(nil, ws.OpText, 1, fmt.Append(nil, n, body)))
			}
		}()
		for n := range messages {
			listener.expect(ws.OpText, fmt.Sprint(n, body))
			talker.expect(ws.OpText, fmt.Sprint(n, body))
		}
		if value(t, s, "throng_paced_total", "") > 0 {
			break
		}
	}
	if value(t, s, "throng_paced_total", "") == 0 {
		t.Error("the publisher did not wait")
	}
}

// While a publisher waits for its rate, throng reads only as many bytes as the rate allows.
func TestAPublisherIsReadAtItsRate(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.RateBytes = 64 << 10 })
	talker := dial(t, s, "lobby")
	start := s.sessions.Clock.Now()
	go func() {
		frame := ws.AppendMaskedFrame(nil, ws.OpPong, 1, []byte(strings.Repeat("x", 125)))
		for {
			if _, err := talker.conn.Write(frame); err != nil {
				return
			}
		}
	}()
	go func() {
		for {
			if _, err := talker.next(); err != nil {
				return
			}
		}
	}()
	eventually(t, "it to be paced often", func() bool {
		got := value(t, s, "throng_received_bytes_total", "")
		seconds := fanout.BurstOfBytes.Seconds() + (s.sessions.Clock.Now() - start).Seconds()
		if most := seconds*float64(64<<10) + 2*fanout.ReadBuffer; got > most {
			t.Fatalf("got %.0f bytes read, want %.0f at most", got, most)
		}
		return value(t, s, "throng_paced_total", "") > 3
	})
}

// While throng does not read from a connection because of its rate, it does not close it for a missing pong.
func TestAPacedClientIsNotClosedForAMissingPong(t *testing.T) {
	s := startBackend(t)
	connectSDK(t, s, userToken("ann"))
	session := sessionOf(t, s, "ann")
	done := make(chan [2]uint32)
	session.Conn.Poller().Post(func() {
		var after [2]uint32
		now := uint32(s.sessions.Clock.Tick())
		for i, pinged := range []uint32{0, now - 3} {
			session.Conn.Pinged.Store(pinged)
			s.sessions.Loop.ReaderOf(session.Conn).Pace(session.Conn)
			after[i] = session.Conn.Pinged.Swap(0)
		}
		after[1] -= now
		done <- after
	})
	if got := <-done; got[0] != 0 || got[1] > uint32(fanout.InTicks(testTimeout)) {
		t.Errorf("got %d without a ping, and a ping moved to %d ticks from now; want 0, and now", got[0], int32(got[1]))
	}
}

// wantsTooMuch moves the time since a connection exceeds its rate into the past.
func wantsTooMuch(t *testing.T, s *Server) {
	t.Helper()
	eventually(t, "the publisher to be paced", func() bool { return value(t, s, "throng_paced_total", "") > 0 })
	done := make(chan struct{})
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			go c.Poller().Post(func() {
				c.PacedSince -= fanout.InTicks(fanout.PaceLimit)
				close(done)
			})
		}
	})
	<-done
}

// A plain connection that exceeds its rate of bytes for long is closed.
func TestAFloodOfBytesIsClosed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.RateBytes = 64 << 10 })
	talker := dial(t, s, "lobby")
	go func() {
		for {
			if _, err := talker.conn.Write(ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte(strings.Repeat("x", 8<<10)))); err != nil {
				return
			}
		}
	}()
	go func() {
		for {
			if _, err := talker.next(); err != nil {
				return
			}
		}
	}()
	wantsTooMuch(t, s)
	eventually(t, "it to be closed", func() bool { return closesBy(s, fanout.ClosedRate) == 1 })
}

// Publications of a session that exceeds its rate of bytes for long are rejected, until it pauses.
func TestAFloodOfPublicationsIsRejected(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.RateBytes = 64 << 10 })
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}`)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	if err := tcpOf(c.conn).SetWriteBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		frame := ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte(`{"id":3,"publish":{"channel":"lobby","data":"`+strings.Repeat("x", 32<<10)+`"}}`))
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := c.conn.Write(frame); err != nil {
					return
				}
			}
		}
	}()
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for {
			m, err := c.next()
			if err != nil {
				return
			}
			for line := range strings.Lines(string(m.Payload)) {
				if strings.HasPrefix(line, `{"id":`) {
					lines <- line
				}
			}
		}
	}()
	answer := func(beginning string) {
		t.Helper()
		for line := range lines {
			if strings.HasPrefix(line, beginning) {
				return
			}
		}
		t.Fatalf("got no %s", beginning)
	}
	wantsTooMuch(t, s)
	answer(`{"id":3,"error":{"code":111`)
	close(stop)
	<-stopped
	if value(t, s, "throng_command_errors_total", "111") == 0 {
		t.Error("the rejection is not counted")
	}
	// It has paused when all its bytes are read and a part of the burst is available again.
	c.sendLine(`{"id":4,"publish":{"channel":"lobby","data":"last of the flood"}}`)
	answer(`{"id":4,`)
	of := onlySession(s)
	eventually(t, "its rate to allow more again", func() bool {
		quiet := make(chan bool)
		of.Conn.Poller().Post(func() {
			quiet <- of.Conn.Bytes < limiter.Meter(s.sessions.Clock.Now()+fanout.BurstOfBytes-fanout.Regained*5/4)
		})
		return <-quiet
	})
	c.sendLine(`{"id":5,"publish":{"channel":"lobby","data":"quiet"}}`)
	answer(`{"id":5,"publish":{}}`)
}

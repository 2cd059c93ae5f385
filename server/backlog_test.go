package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

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

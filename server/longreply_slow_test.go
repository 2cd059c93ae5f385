package server

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/wheel"
)

// Clients that do not read their long replies are closed above the budget. A client that reads gets its reply.
func TestSlowReadersOfLongRepliesAreClosedAboveTheBudget(t *testing.T) {
	t.Parallel()
	s := startBackend(t, openRoom())
	const slow = 30
	for i := range slow {
		crowdInto(s, fmt.Sprint("room", i), 4000, 270)
	}
	crowdInto(s, "x", 4000, 270)
	for i := range slow {
		name := fmt.Sprint("slow", i)
		c := connectSDK(t, s, userToken(name)).narrow(s, name)
		c.sendLine(`{"id":2,"presence":{"channel":"room%d"}}`, i)
	}
	eventually(t, "them to use up half of the budget", func() bool { return owed(s) > session.MaxOutstanding/2 || closesBy(s, fanout.ClosedSlow) > 0 })
	fast := connectSDK(t, s, userToken("fast"))
	eventually(t, "a reader to get its reply", func() bool {
		if got := owed(s); got > session.MaxOutstanding {
			t.Fatalf("got %d bytes outstanding, want %d at most", got, session.MaxOutstanding)
		}
		time.Sleep(20 * time.Millisecond) // the pace of the requests, so that fewer than 101 in a row are rejected
		return strings.Contains(fast.answerTo(`"presence":{"channel":"x"}`), `"presence":{"presence":{`)
	})
	eventually(t, "slow readers to be closed", func() bool { return owed(s) <= session.MaxOutstanding/2 && closesBy(s, fanout.ClosedSlow) > 0 })
	if got := closesBy(s, fanout.ClosedSlow); got == slow {
		t.Error("all slow readers were closed, want only as many as necessary")
	}
}

// Of two slow readers, the one with more unread bytes is closed first. A reader within its grace period stays.
func TestTheSlowestReaderIsClosedFirst(t *testing.T) {
	crew := newCrew(t)
	shard := crew.sessions.Shards[0]
	const now, each = wheel.Tick(1000), 7 << 20
	reader := func(read int, age wheel.Tick) *fanout.Conn {
		ours, theirs := testkit.Pipe(t)
		t.Cleanup(func() { theirs.Close() })
		nc, err := netpoll.FromConn(ours, ours.RemoteAddr().(*net.TCPAddr).AddrPort())
		if err != nil {
			t.Fatal(err)
		}
		r := &session.SharedReply{Body: make([]byte, each), Outstanding: &crew.sessions.Outstanding}
		r.Readers.Store(1)
		crew.sessions.Outstanding.Used.Add(each)
		c := &fanout.Conn{Transport: netpoll.OverTCP(nc), Shard: shard, Out: &fanout.Outbox{}}
		s := &session.Session{Conn: c}
		c.Handler = s
		b := &session.BulkDelivery{Session: s, Usage: s.Usage(), Reply: r}
		s.Usage().UnreadBulk.Store(int64(b.Size()))
		c.Out.PushReply(r.Body, &fanout.OutstandingReply{Reply: b, Since: now - age, Written: true})
		c.Out.Advance(read)
		shard.SlowConsumers = append(shard.SlowConsumers, c)
		return c
	}
	grace := fanout.InTicks(session.OutstandingGrace)
	faster, slow, fresh := reader(6<<20, grace), reader(1<<20, grace), reader(0, grace-1)
	crew.sessions.RelieveOutstanding(now)
	for _, j := range shard.Inbox {
		j.Call()
	}
	if !slow.Closing() || faster.Closing() || fresh.Closing() {
		t.Errorf("closed: slow %v, faster %v, fresh %v; want the slow one", slow.Closing(), faster.Closing(), fresh.Closing())
	}
	if got := crew.sessions.Outstanding.Used.Load(); got != 2*each || slow.Handler.(*session.Session).Usage().UnreadBulk.Load() != 0 {
		t.Errorf("got %d bytes owed, want %d", got, 2*each)
	}
}

// narrow makes the socket buffers of a user's connection small.
func (c *sdk) narrow(s *Server, user string) *sdk {
	c.t.Helper()
	const little = 16 << 10
	if err := tcpOf(c.conn).SetReadBuffer(little); err != nil {
		c.t.Fatal(err)
	}
	if err := syscall.SetsockoptInt(sessionOf(c.t, s, user).Conn.Transport.Socket().Hash(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, little); err != nil {
		c.t.Fatal(err)
	}
	return c
}

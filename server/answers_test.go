package server

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// Long replies: they close no connection of a client that reads, and delay no other client.

// narrowSDK returns an SDK client with small socket buffers.
func narrowSDK(t *testing.T, s *Server) *sdk {
	t.Helper()
	c := connectSDK(t, s, "")
	const little = 16 << 10
	if err := tcpOf(c.conn).SetReadBuffer(little); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetsockoptInt(onlySession(s).Conn.Transport.Socket().Hash(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, little); err != nil {
		t.Fatal(err)
	}
	return c
}

// A history page has a limit of bytes. The next page begins at its end.
func TestAPageOfHistoryIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	o := rememberingRoom("*")
	o.HistorySize = 300
	s := startBackend(t, o)
	unmetered(s)
	const messages = 40
	for n := range messages {
		s.sessions.Publish(s.sessions.RoomRef("x"), chat.Publication{Data: fmt.Appendf(nil, `"%d %s"`, n+1, strings.Repeat("x", 60<<10)), Form: chat.FormJSON}, chat.PublishOptions{})
	}
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	page := func(since int, reverse bool) int {
		c.sendLine(`{"id":3,"history":{"channel":"x","limit":300,"since":{"offset":%d,"epoch":%q},"reverse":%v}}`, since, epoch, reverse)
		line := c.line()
		if len(line) > s.cfg.MaxUnsent {
			t.Fatalf("got a reply of %d bytes, want %d at most", len(line), s.cfg.MaxUnsent)
		}
		return strings.Count(line, `"data":`)
	}
	for since := 0; since < messages; {
		got := page(since, false)
		if got == 0 {
			t.Fatalf("got nothing after offset %d of %d", since, messages)
		}
		since += got
	}
	for since := messages + 1; since > 1; {
		got := page(since, true)
		if got == 0 {
			t.Fatalf("got nothing before offset %d", since)
		}
		since -= got
	}
}

// A publication of a plain client may need six times as many bytes in JSON. A member that reads it is not closed as slow.
func TestALongFrameClosesNoConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	c := narrowSDK(t, s)
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	plain := dial(t, s, "x")
	plain.send(ws.OpText, strings.Repeat("<", 64<<10))
	eventually(t, "the reply to be unsent", func() bool {
		return value(t, s, "throng_unsent_bytes", "") > 0 || closesBy(s, fanout.ClosedSlow) > 0
	})
	plain.send(ws.OpText, "and more")
	if got := c.line(); len(got) < 6*64<<10 {
		t.Fatalf("got %d bytes, want all of it", len(got))
	}
	c.expectLine(`{"push":{"channel":"x","pub":{"data":"and more"}}}`)
}

// enterCrowd subscribes to a room, and adds so many members that the presence is a long reply.
func (c *sdk) enterCrowd(s *Server, room string) {
	c.t.Helper()
	c.sendLine(`{"id":2,"subscribe":{"channel":%q}}`, room)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	r, unlock := s.sessions.Rooms.Find(room)
	defer unlock()
	for n := range 5000 {
		name := fmt.Sprintf("%s %d", strings.Repeat("x", 100), n)
		r.Presence.Add(&chat.PresenceEntry{Info: &chat.ClientInfo{User: name, Client: name}})
	}
}

// unmetered removes the rate of long replies for clients that connect later.
func unmetered(s *Server) {
	withShardsLocked(s, func() { s.sessions.BulkRate.Store(&limiter.Rate{}) })
}

// owed returns the outstanding bytes of long replies.
func owed(s *Server) int { return int(s.sessions.Outstanding.Used.Load()) }

// A request for a second long reply before the first is read gets a temporary error.
func TestASecondLongReplyIsRejected(t *testing.T) {
	s := startServer(t, nil)
	unmetered(s)
	c := narrowSDK(t, s)
	for _, room := range []string{"a", "b"} {
		c.enterCrowd(s, room)
	}
	session := onlySession(s)
	c.sendLine(`{"id":4,"presence":{"channel":"a"}}` + "\n" + `{"id":5,"presence":{"channel":"b"}}`)
	eventually(t, "both replies", func() bool { return session.Conn.ReceivedMessages.Load() == 5 && !session.Conn.Is(fanout.Paused) })
	if got := c.line(); !strings.HasPrefix(got, `{"id":4,"presence":{"presence":{`) {
		t.Fatalf("got %.80s, want the first reply", got)
	}
	c.expectLine(`{"id":5,"error":{"code":111,"message":"too many requests","temporary":true}}`)
	if got := c.answerTo(`"presence":{"channel":"b"}`); !strings.Contains(got, `"presence":{"presence":{`) {
		t.Fatalf("second request: got %.80s, want the reply", got)
	}
}

// Unread long replies of many clients are bounded together: above the limit, other requests are rejected.
func TestUnsentLongRepliesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	unmetered(s)
	c := narrowSDK(t, s)
	c.enterCrowd(s, "a")
	c.sendLine(`{"id":3,"presence":{"channel":"a"}}`)
	eventually(t, "the reply to be unsent", func() bool { return owed(s) > 1<<20 })
	c.line()
	eventually(t, "it to be read", func() bool { return owed(s) == 0 })
	c.sendLine(`{"id":4,"presence":{"channel":"a"}}`)
	eventually(t, "the reply to be unsent", func() bool { return owed(s) > 1<<20 })
	c.conn.Close()
	eventually(t, "it to be released", func() bool { return owed(s) == 0 })

	other := connectSDK(t, s, "")
	other.enterCrowd(s, "b")
	owe := func(bytes int) { s.sessions.Outstanding.Release(-bytes) }
	owe(session.MaxOutstanding)
	other.sendLine(`{"id":3,"presence":{"channel":"b"}}`)
	other.expectLine(`{"id":3,"error":{"code":111,"message":"too many requests","temporary":true}}`)
	owe(-session.MaxOutstanding)
	other.sendLine(`{"id":4,"presence":{"channel":"b"}}`)
	if got := other.line(); !strings.HasPrefix(got, `{"id":4,"presence":{"presence":{`) {
		t.Errorf("got %.80s, want the reply", got)
	}
}

// onlySession returns the only session of the server.
func onlySession(s *Server) (found *session.Session) {
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			found = c.Handler.(*session.Session)
		}
	})
	return found
}

// A client that recovers many rooms at once gets the missed publications of some rooms, and recovered: false for the others. The bytes stay
// below the limit at which it would be closed as slow.
func TestRecoveryOfManyRoomsIsBounded(t *testing.T) {
	t.Parallel()
	o := rememberingRoom("*")
	o.HistorySize = 100
	s := startBackend(t, o)
	const rooms = 20
	commands := make([]string, rooms)
	for n := range rooms {
		for range 10 {
			s.sessions.Publish(s.sessions.RoomRef(fmt.Sprint(n)), chat.Publication{Data: []byte(`"` + strings.Repeat("x", 10<<10) + `"`), Form: chat.FormJSON}, chat.PublishOptions{})
		}
		commands[n] = fmt.Sprintf(`{"id":%d,"subscribe":{"channel":"%d","recover":true}}`, n+2, n)
	}
	c := narrowSDK(t, s)
	session := onlySession(s)
	c.sendLine("%s", strings.Join(commands, "\n"))
	eventually(t, "all replies", func() bool { return session.Conn.ReceivedMessages.Load() == rooms+1 || session.Conn.Closing() })
	recovered := 0
	for range rooms {
		line := c.line()
		if !strings.Contains(line, `"was_recovering":true`) {
			t.Fatalf("got %.100s, want a reply", line)
		}
		if strings.Contains(line, `"recovered":true`) {
			recovered++
			if n := strings.Count(line, `"data":`); n != 10 {
				t.Errorf("got %d publications in a complete recovery, want 10", n)
			}
		}
	}
	if recovered == 0 || recovered == rooms {
		t.Errorf("got %d of %d rooms recovered: want some", recovered, rooms)
	}
	eventually(t, "its rate to allow a recovery again", func() bool {
		c.sendLine(`{"id":70,"unsubscribe":{"channel":"0"}}`)
		c.expectLine(`{"id":70,"unsubscribe":{}}`)
		c.sendLine(`{"id":71,"subscribe":{"channel":"0","recover":true}}`)
		again := strings.Contains(c.line(), `"recovered":true`)
		time.Sleep(50 * time.Millisecond) // the pace of the attempts
		return again
	})
}

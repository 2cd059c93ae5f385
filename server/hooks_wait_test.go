package server

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// Commands after a waiting command are copied, because other connections reuse the buffer that they were read into.
func TestQueuedCommandsAreNotOverwritten(t *testing.T) {
	gate := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"rpc":{}}` + "\n" + `{"id":3,"unsubscribe":{"channel":"a"}}`)
	eventually(t, "the proxy request", func() bool { return len(a.of(session.OnRPC)) == 1 })
	poller := sessionOf(t, s, "ann").Conn.Poller()
	for same, n := 0, 0; same < 4; n++ { // others on the same poller
		if n == 200 {
			t.Fatal("the connections of one poller come in vain")
		}
		user := fmt.Sprintf("bob %d", n)
		other := connectSDK(t, s, userToken(user))
		if sessionOf(t, s, user).Conn.Poller() != poller {
			spare, err := os.Open(os.DevNull) // the poller depends on the number of the descriptor
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { spare.Close() })
			continue
		}
		same++
		other.sendLine("%s", repeated(`"unsubscribe":{"channel":"b"}`, 50))
		for range 50 {
			other.line()
		}
	}
	close(gate)
	c.expectLine(`{"id":2,"rpc":{}}`)
	c.expectLine(`{"id":3,"unsubscribe":{}}`)
}

// A connection that waits for the connect webhook is not closed as stale.
func TestAConnectionIsNotStaleDuringAProxyRequest(t *testing.T) {
	t.Parallel()
	var a *application
	gate := make(chan struct{})
	a = startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	eventually(t, "the proxy request", func() bool { return len(a.of(session.OnConnect)) == 1 })
	var asked *session.Session
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			asked = c.Handler.(*session.Session)
		}
	})
	done := make(chan struct{})
	asked.Conn.Poller().Post(func() {
		asked.OnDeadline(false)
		close(done)
	})
	<-done
	close(gate)
	if line := c.line(); !strings.HasPrefix(line, `{"id":1,"connect":{`) {
		t.Errorf("got %s, want a connect reply", line)
	}
}

// shrink sets the limit of a budget.
func shrink(s *Server, b *limiter.Budget, most int64) {
	withShardsLocked(s, func() { b.SetMax(most) })
}

// The memory of commands that wait for a hanging application, and of the commands after them, is bounded. A small command is still
// accepted when large ones have used up their share.
func TestQueuedCommandsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	a := hangingApplication(t, session.OnConnect)
	s := startHooked(t, a, nil)
	const most = 2 << 20
	shrink(s, &s.sessions.PausedBudget, most)
	refused, waiting := 0, 0
	held := func() float64 { return value(t, s, "throng_held_command_bytes", "") }
	var all []*sdk
	for range 60 {
		c := dialSDK(t, s, "")
		all = append(all, c)
		before, errors := held(), errorsOf(s, session.ErrTooManyRequests)
		// A command, one after it in the frame, and a frame after that.
		c.sendLine(`{"id":1,"connect":{"data":"%s"}}`+"\n"+`{"id":2,"rpc":{"data":"%s"}}`, strings.Repeat("x", 30<<10), strings.Repeat("x", 30<<10))
		eventually(t, "the command to wait or to be rejected", func() bool { return held() > before || errorsOf(s, session.ErrTooManyRequests) > errors })
		if errorsOf(s, session.ErrTooManyRequests) > errors {
			refused++
			c.expectLine(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`)
		} else {
			waiting++
		}
		if got := held(); got > most {
			t.Fatalf("got %v bytes held, want %d at most", got, most)
		}
	}
	if refused == 0 || waiting < 20 {
		t.Errorf("got %d rejected and %d waiting, want some and at least 20", refused, waiting)
	}
	before := held()
	small := dialSDK(t, s, "")
	small.sendLine(`{"id":1,"connect":{}}`)
	eventually(t, "a small command to wait", func() bool { return held() > before })
	// Requested rooms use more memory than their names in the command.
	wishes := make([]string, 100)
	for i := range wishes {
		wishes[i] = fmt.Sprintf(`"%d":{}`, i)
	}
	before = held()
	wishing := dialSDK(t, s, "")
	wishing.sendLine(`{"id":1,"connect":{"subs":{%s}}}`, strings.Join(wishes, ","))
	eventually(t, "it to wait", func() bool { return held() >= before+100*session.PausedRoomOverhead })
	for _, c := range append(all, small, wishing) {
		c.conn.Close()
	}
	s.sessions.Hooks.End() // all requests
	eventually(t, "all bytes to be released", func() bool { return held() == 0 })
}

// If a waiting connection is closed, its unread commands are released when the wait ends.
func TestAClosedConnectionReleasesItsQueuedCommands(t *testing.T) {
	gate := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, userToken("ann"))
	held := func() float64 { return value(t, s, "throng_held_command_bytes", "") }
	// In one segment: later bytes are not read.
	frames := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte(`{"id":2,"rpc":{}}`))
	c.write(ws.AppendMaskedFrame(frames, ws.OpText, 7, []byte(`{"id":3,"rpc":{"data":"`+strings.Repeat("x", 2000)+`"}}`)))
	eventually(t, "both to wait", func() bool { return held() > 2000 })
	sessionOf(t, s, "ann").Disconnect(session.DisconnectForced)
	close(gate)
	eventually(t, "all bytes to be released", func() bool { return held() == 0 })
}

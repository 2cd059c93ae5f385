package server

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/ws"
)

// sdk is a client of the SDK protocol in JSON that sends and receives single lines.
type sdk struct {
	*client
	lines []string
}

// dialSDK opens a connection and sends no command.
func dialSDK(t testing.TB, s *Server, query string) *sdk {
	t.Helper()
	return dialSDKBy(t, s, &net.Dialer{}, query)
}

// dialSDKBy is dialSDK from the address of a dialer.
func dialSDKBy(t testing.TB, s *Server, d *net.Dialer, query string) *sdk {
	t.Helper()
	conn, err := dialPublic(d, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &sdk{client: &client{t: t, conn: conn}}
	c.write([]byte(upgradeRequest(s.Addr().String(), chat.SessionPath+query)))
	c.reader = bufio.NewReader(c.conn)
	c.expectUpgrade()
	return c
}

// connectSDK opens a connection and sends a connect command, with a token unless token is empty.
func connectSDK(t testing.TB, s *Server, token string) *sdk {
	t.Helper()
	return connectSDKBy(t, s, &net.Dialer{}, token)
}

// connectSDKBy is connectSDK from the address of a dialer.
func connectSDKBy(t testing.TB, s *Server, d *net.Dialer, token string) *sdk {
	t.Helper()
	c := dialSDKBy(t, s, d, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, token)
	if got := c.line(); !strings.Contains(got, `"connect":{"client":`) {
		t.Fatalf("got %s, want a connect reply", got)
	}
	return c
}

// sendLine sends a text message, such as a command.
func (c *sdk) sendLine(format string, args ...any) {
	c.t.Helper()
	c.send(ws.OpText, fmt.Sprintf(format, args...))
}

// line returns the next reply or push. It sends pongs and skips pings.
func (c *sdk) line() string {
	c.t.Helper()
	for {
		for len(c.lines) == 0 {
			m, err := c.next()
			if err != nil {
				c.t.Fatalf("got %v, want a line", err)
			}
			if m.Op != ws.OpText {
				c.t.Fatalf("got frame %v %q, want text", m.Op, m.Payload)
			}
			c.lines = strings.Split(string(m.Payload), "\n")
		}
		line := c.lines[0]
		c.lines = c.lines[1:]
		if line != "{}" {
			return line
		}
		c.sendLine("{}")
	}
}

// expectLine fails the test unless the next line is exactly line.
func (c *sdk) expectLine(line string) {
	c.t.Helper()
	if got := c.line(); got != line {
		c.t.Fatalf("got  %s\nwant %s", got, line)
	}
}

const testSecret = "a secret of the tests, long enough to be one"

// signed returns a token with the key of the tests.
func signed(claims map[string]any) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// startBackend runs a server with the token key of the tests and the given rooms.
func startBackend(t testing.TB, rooms ...chat.RoomOptions) *Server {
	t.Helper()
	return startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.OtherRooms = chat.RoomsOpen
		c.Rooms = rooms
	})
}

func TestPlainAndSDKMembersShareARoom(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	plain := dial(t, s, "lobby")
	a := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	a.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}`)
	a.expectLine(`{"id":2,"subscribe":{}}`)
	plain.send(ws.OpText, `hello "ann"`)
	plain.expect(ws.OpText, `hello "ann"`)
	a.expectLine(`{"push":{"channel":"lobby","pub":{"data":"hello \"ann\""}}}`)
	plain.send(ws.OpBinary, "\x00\xff")
	a.expectLine(`{"push":{"channel":"lobby","pub":{"data":"AP8="}}}`)
	plain.expect(ws.OpBinary, "\x00\xff")

	// The publisher receives its publication before the reply.
	a.sendLine(`{"id":3,"publish":{"channel":"lobby","data":"good day"}}`)
	line := a.line()
	if !strings.HasPrefix(line, `{"push":{"channel":"lobby","pub":{"data":"good day","info":{"user":"ann","client":"`) {
		t.Fatalf("got %s, want its own publication", line)
	}
	a.expectLine(`{"id":3,"publish":{}}`)
	plain.expect(ws.OpText, "good day")
	a.sendLine(`{"id":4,"publish":{"channel":"lobby","data":{"x":[1,2]}}}`)
	plain.expect(ws.OpText, `{"x":[1,2]}`)
}

func TestSeveralCommandsInOneFrameGetOneReplyFrame(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"a"}}` + "\n" + `{"id":3,"unsubscribe":{"channel":"a"}}` + "\n" +
		`{"id":4,"unsubscribe":{"channel":"never"}}` + "\n" + `{"id":5,"rpc":{"method":"x"}}` + "\n")
	if got := c.line(); !strings.HasPrefix(got, `{"id":1,"connect":{`) {
		t.Fatalf("got %s, want the connect reply first", got)
	}
	c.expectLine(`{"id":2,"subscribe":{}}`)
	c.expectLine(`{"id":3,"unsubscribe":{}}`)
	c.expectLine(`{"id":4,"unsubscribe":{}}`)
	c.expectLine(`{"id":5,"error":{"code":108,"message":"not available: no such method"}}`)
}

// noTokens accepts only guest tokens.
var noTokens = func() *token.Verifier {
	v, err := token.New(token.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	return v
}()

// After a recovery, a client receives deltas, unless the last recovered publication is not the last that other members received: that one was
// not stored, or was redacted.
func TestDeltasStartAtAKnownPublication(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.HistorySize, o.HistoryTTL, o.Recovery, o.Delta = 10, time.Hour, true, true
	s := startBackend(t, o)
	text := strings.Repeat("a long text that changes little ", 10)
	say := func(n int, o chat.PublishOptions) {
		pub, _ := session.PublicationOf(fmt.Appendf(nil, `"%s %d"`, text, n))
		s.sessions.Publish(s.sessions.RoomRef("x"), pub, o)
	}
	join := func() (*sdk, string) {
		c := connectSDK(t, s, "")
		c.sendLine(`{"id":2,"subscribe":{"channel":"x","delta":"fossil","recover":true,"offset":1}}`)
		return c, c.line()
	}
	isDelta := func(c *sdk) bool { return strings.Contains(c.line(), `"delta":true`) }
	connectSDK(t, s, "").enter("x")
	say(1, chat.PublishOptions{})
	say(2, chat.PublishOptions{})

	c, answer := join()
	if !strings.Contains(answer, `"recovered":true`) {
		t.Fatalf("got %s, want to recover", answer)
	}
	say(3, chat.PublishOptions{})
	if !isDelta(c) {
		t.Error("after a recovery: got the full publication, want a delta")
	}
	say(4, chat.PublishOptions{SkipHistory: true})
	c, _ = join()
	say(5, chat.PublishOptions{})
	if isDelta(c) {
		t.Error("after a publication that was not stored: got a delta, want the full publication")
	}
	say(6, chat.PublishOptions{})
	if !isDelta(c) {
		t.Error("after a full publication: got a full one, want a delta")
	}
	r, unlock := s.sessions.Rooms.Find("x")
	s.sessions.HistoryBudget.Redact(r, r.History.Find(r.History.LastOffset))
	unlock()
	c, _ = join()
	say(7, chat.PublishOptions{})
	if isDelta(c) {
		t.Error("after a redacted publication: got a delta, want the full publication")
	}
}

// The base of deltas is kept besides the history and is not counted. It is kept only while a member uses deltas and a delta is possible.
func TestTheDeltaBaseIsKeptOnlyIfUsed(t *testing.T) {
	t.Parallel()
	o := roomWithHistory("*")
	o.Delta = true
	s := startAPI(t, o)
	kept := func() bool {
		r := roomOf(s, "x")
		r.Stripe.Mu.Lock()
		defer r.Stripe.Mu.Unlock()
		return r.DeltaBase != nil
	}
	call(t, s, "publish", `{"channel":"x","data":"to nobody"}`)
	if kept() {
		t.Error("kept a publication without members")
	}
	a := connectSDK(t, s, tokenOf("ann"))
	a.sendLine(`{"id":2,"subscribe":{"channel":"x","delta":"fossil"}}`)
	a.line()
	call(t, s, "publish", `{"channel":"x","data":"short"}`)
	a.expectLine(`{"push":{"channel":"x","pub":{"data":"\"short\"","offset":2}}}`)
	if !kept() {
		t.Error("the base of the next delta is not kept")
	}
	long := strings.Repeat("a", chat.MaxDelta)
	call(t, s, "publish", `{"channel":"x","data":"`+long+`"}`)
	a.expectLine(`{"push":{"channel":"x","pub":{"data":"\"` + long + `\"","offset":3}}}`)
	if kept() {
		t.Error("kept a publication that is too long for a delta")
	}
	call(t, s, "publish", `{"channel":"x","data":"short"}`)
	a.expectLine(`{"push":{"channel":"x","pub":{"data":"\"short\"","offset":4}}}`)
	a.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`)
	a.expectLine(`{"id":3,"unsubscribe":{}}`)
	if kept() {
		t.Error("kept after all members left")
	}
}

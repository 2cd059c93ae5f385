package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

func startLimited(t *testing.T, limit func(*Config)) *Server {
	t.Helper()
	return startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.OtherRooms = chat.RoomsOpen
		limit(c)
	})
}

func userToken(name string) string { return signed(map[string]any{"sub": name}) }

func TestAConnectionHasALimitOfRooms(t *testing.T) {
	s := startLimited(t, func(c *Config) { c.MaxRooms = 2 })
	c := connectSDK(t, s, userToken("ann"))
	for i := range 2 {
		c.sendLine(`{"id":2,"subscribe":{"channel":"r%d"}}`, i)
		c.expectLine(`{"id":2,"subscribe":{}}`)
	}
	c.sendLine(`{"id":3,"subscribe":{"channel":"r2"}}`)
	c.expectLine(`{"id":3,"error":{"code":106,"message":"limit exceeded"}}`)
	c.sendLine("{\"id\":4,\"unsubscribe\":{\"channel\":\"r0\"}}\n{\"id\":5,\"subscribe\":{\"channel\":\"r2\"}}")
	c.expectLine(`{"id":4,"unsubscribe":{}}`)
	c.expectLine(`{"id":5,"subscribe":{}}`)
}

func TestAUserHasALimitOfConnections(t *testing.T) {
	t.Parallel()
	s := startLimited(t, func(c *Config) { c.MaxConnectionsUser = 2 })
	first := connectSDK(t, s, userToken("ann"))
	connectSDK(t, s, userToken("ann"))
	third := dialSDK(t, s, "")
	third.sendLine(`{"id":1,"connect":{"token":%q}}`, userToken("ann"))
	third.expectCloseCode(3504)
	connectSDK(t, s, userToken("bob"))
	for range 3 { // connections without a user have no limit
		connectSDK(t, s, "")
	}
	first.conn.Close()
	eventually(t, "the first to be removed", func() bool { return len(sessionsOf(s, "ann")) == 1 })
	connectSDK(t, s, userToken("ann"))
}

func TestAnAddressHasALimitOfConnections(t *testing.T) {
	plainOnly(t, "a rejected TLS connection gets no response: TestLimitsOfAnAddressHoldBeforeTLS")
	t.Parallel()
	s := startLimited(t, func(c *Config) { c.MaxConnectionsAddress = 2 })
	from := func(ip, path string) (net.Conn, int) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		conn, err := dialPublic(&d, s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write([]byte(upgradeRequest(s.Addr().String(), path))); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return conn, resp.StatusCode
	}
	one, _ := from("127.0.0.2", edge.RoomPath)
	from("127.0.0.2", chat.SessionPath)
	if _, got := from("127.0.0.2", edge.RoomPath); got != http.StatusServiceUnavailable {
		t.Errorf("the third of an address: got %d, want 503", got)
	}
	if _, got := from("127.0.0.3", edge.RoomPath); got != http.StatusSwitchingProtocols {
		t.Errorf("another address: got %d, want 101", got)
	}
	one.Close()
	eventually(t, "the address to be below its limit", func() bool {
		_, got := from("127.0.0.2", edge.RoomPath)
		return got == http.StatusSwitchingProtocols
	})
}

// A client over a limit gets error replies. If it continues, its connection is closed. Other clients are not affected.
func TestConsecutiveRejectionsCloseTheConnection(t *testing.T) {
	t.Parallel()
	small := chat.DefaultRoom()
	small.Publish, small.MaxMessage = chat.Anyone, 1
	for name, over := range map[string]struct {
		limit   func(*Config)
		command string
		err     string
	}{
		"commands": {func(c *Config) { c.Rate = 1 }, `{"id":2,"unsubscribe":{"channel":"x"}}`, `{"code":111,"message":"too many requests","temporary":true}`},
		"sizes":    {func(c *Config) { c.Rate, c.Rooms = 0, []chat.RoomOptions{small} }, `{"id":2,"publish":{"channel":"x","data":"long"}}`, `{"code":106,"message":"limit exceeded"}`},
	} {
		t.Run(name, func(t *testing.T) { goOnOverALimit(t, startLimited(t, over.limit), over.command, over.err) })
	}
}

func goOnOverALimit(t *testing.T, s *Server, command, wantErr string) {
	t.Helper()
	other := connectSDK(t, s, userToken("bob"))
	c := connectSDK(t, s, userToken("ann"))
	// Several commands in a frame, because the number of frames has its own limit.
	c.sendLine("%s", strings.Repeat(command+"\n", session.MaxRejections+10))
	refused := 0
	for {
		m, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Op == ws.OpClose {
			if code, _, _ := ws.ParseClose(m.Payload); code != 3013 {
				t.Errorf("got close %d, want 3013", code)
			}
			break
		}
		refused += strings.Count(string(m.Payload), `{"id":2,"error":`+wantErr+`}`)
	}
	if refused != session.MaxRejections {
		t.Errorf("got %d commands rejected before the close, want %d", refused, session.MaxRejections)
	}
	other.sendLine(`{"id":2,"unsubscribe":{"channel":"x"}}`)
	other.expectLine(`{"id":2,"unsubscribe":{}}`)
}

// mostAccepted returns how many events a limit of events per second may have accepted since a time: the burst, and what it allowed again.
func mostAccepted(perSecond int, since time.Time) int {
	return limiter.BurstSeconds*perSecond + int(time.Since(since)*time.Duration(perSecond)/time.Second) + 1
}

// forEachSharedRate runs a test with a limit of one command per second: once for a user, once for an address.
func forEachSharedRate(t *testing.T, test func(*testing.T, *Server)) {
	open := chat.DefaultRoom()
	open.Publish = chat.Anyone
	for name, limit := range map[string]func(*Config){
		"user":    func(c *Config) { c.RateUser = 1 },
		"address": func(c *Config) { c.RateAddress = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			test(t, startLimited(t, func(c *Config) {
				c.Rooms = []chat.RoomOptions{open}
				limit(c)
			}))
		})
	}
}

// The limits of users and addresses count all of their connections together.
func TestRatesOfUsersAndAddressesAreShared(t *testing.T) {
	t.Parallel()
	forEachSharedRate(t, func(t *testing.T, s *Server) {
		both := []*sdk{connectSDK(t, s, userToken("ann")), connectSDK(t, s, userToken("ann"))}
		var lines []string
		for id := range 10 {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"publish":{"channel":"x","data":1}}`, id+2))
		}
		start := time.Now()
		for _, c := range both {
			c.sendLine("%s", strings.Join(lines, "\n"))
		}
		accepted := 0
		for _, c := range both {
			for range lines {
				if !strings.Contains(c.line(), `"code":111`) {
					accepted++
				}
			}
		}
		if most := mostAccepted(1, start); accepted > most {
			t.Errorf("got %d publications of both connections accepted, want the burst of one at most: %d", accepted, most)
		}
	})
}

// A client whose connect exceeds a rate may retry. The commands that an SDK sends with its connect must not cause close code 3501, after
// which the SDK would not reconnect.
func TestARateLimitedConnectMayRetry(t *testing.T) {
	t.Parallel()
	s := startLimited(t, func(c *Config) { c.RateAddress = 1 })
	for range 100 {
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"x"}}`)
		line := c.line()
		if strings.HasPrefix(line, `{"id":1,"connect":`) {
			continue
		}
		if want := `{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`; line != want {
			t.Fatalf("got %s, want %s", line, want)
		}
		c.sendLine(`{"id":3,"connect":{}}`)
		c.send(ws.OpPing, "")
		c.expect(ws.OpPong, "")
		return
	}
	t.Error("100 connections at once were accepted")
}

// A reconnect continues with the state of the rate limiter.
func TestAReconnectDoesNotResetTheBurst(t *testing.T) {
	t.Parallel()
	forEachSharedRate(t, func(t *testing.T, s *Server) {
		said, start := 0, time.Now()
		for range 20 {
			c := dialSDK(t, s, "")
			c.sendLine(`{"id":1,"connect":{"token":%q}}`+"\n"+`{"id":2,"publish":{"channel":"x","data":1}}`, userToken("ann"))
			for range 2 {
				line := c.line()
				if line == `{"id":2,"publish":{}}` {
					said++
				}
				if strings.Contains(line, `"id":1,"error"`) {
					break // no further replies
				}
			}
			c.conn.Close()
			eventually(t, "it to be removed", func() bool { return s.sessions.Live.Load() == 0 })
		}
		if most := mostAccepted(1, start); said < 1 || said > most {
			t.Errorf("got %d of 20 publications accepted, want 1 to %d: the burst, and one per second that passed", said, most)
		}
	})
}

func TestARoomHasItsLimits(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.MaxMembers, o.MaxMessage, o.Rate = 2, 200, 1
	s := startBackend(t, o)
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	dial(t, s, "x")
	third := connectSDK(t, s, userToken("bob"))
	third.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	third.expectLine(`{"id":2,"error":{"code":106,"message":"limit exceeded"}}`)

	c.sendLine(`{"id":3,"publish":{"channel":"x","data":%q}}`, strings.Repeat("x", 200))
	c.expectLine(`{"id":3,"error":{"code":106,"message":"limit exceeded"}}`)
	for id := 4; ; id++ {
		if id > 100 {
			t.Fatal("100 publications at once were accepted")
		}
		c.sendLine(`{"id":%d,"publish":{"channel":"x","data":1}}`, id)
		line := c.line()
		if strings.HasPrefix(line, `{"push":`) {
			line = c.line()
		}
		if line == fmt.Sprintf(`{"id":%d,"error":{"code":111,"message":"too many requests","temporary":true}}`, id) {
			break
		}
	}
}

// The limits of a room also apply to plain clients.
func TestAPlainClientHasTheLimitsOfItsRoom(t *testing.T) {
	t.Parallel()
	small, slow, quiet := chat.DefaultRoom(), chat.DefaultRoom(), chat.DefaultRoom()
	small.Pattern, small.MaxMessage = "small", 200
	slow.Pattern, slow.Rate = "slow", 1
	quiet.Pattern, quiet.Publish = "quiet", chat.SignedIn
	s := startBackend(t, small, slow, quiet)
	c := dial(t, s, "small")
	c.send(ws.OpText, strings.Repeat("x", 201))
	c.expectCloseCode(ws.CloseTooBig)
	c = dial(t, s, "slow")
	for range 10 {
		c.send(ws.OpText, "x")
	}
	for {
		m, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Op == ws.OpClose {
			break
		}
	}
	c = dial(t, s, "quiet")
	c.send(ws.OpText, "x")
	c.expectCloseCode(ws.ClosePolicy)
}

// The rate of a room also applies to clients outside it, and to clients that leave and rejoin.
func TestLeavingARoomDoesNotResetItsRate(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.Publish, o.Rate = chat.Anyone, 1
	s := startBackend(t, o)
	for name, between := range map[string]string{
		"outside":          "",
		"coming and going": `{"id":2,"subscribe":{"channel":"x"}}` + "\n" + `{"id":3,"unsubscribe":{"channel":"x"}}`,
	} {
		c := connectSDK(t, s, "")
		accepted, start := 0, time.Now()
		for range 20 {
			if between != "" {
				c.sendLine("%s", between)
				c.expectLine(`{"id":2,"subscribe":{}}`)
				c.expectLine(`{"id":3,"unsubscribe":{}}`)
			}
			if c.answerTo(`"publish":{"channel":"x","data":1}`) == `{"id":77,"publish":{}}` {
				accepted++
			}
		}
		if most := mostAccepted(1, start); accepted > most {
			t.Errorf("%s: got %d of 20 publications accepted, want %d at most", name, accepted, most)
		}
		// It may neither be in so many rooms nor publish in them at once.
		for n := range s.cfg.MaxRooms + 50 {
			c.sendLine(`{"id":4,"publish":{"channel":"room%d","data":1}}`, n)
			c.line()
		}
		remembered := make(chan int)
		session := onlySession(s)
		session.Conn.Poller().Post(func() { remembered <- len(session.Usage().Meters) })
		if got := <-remembered; got > s.cfg.MaxRooms {
			t.Errorf("%s: got limiters of %d rooms, want %d at most", name, got, s.cfg.MaxRooms)
		}
		c.conn.Close()
		eventually(t, "it to be removed", func() bool { return s.sessions.Live.Load() == 0 })
	}
}

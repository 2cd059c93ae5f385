package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/ws"
)

func TestTLSClientsAndPlainClientsShareRooms(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"llib", "std"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := startTLS(t, func(c *Config) { c.TLS.Engine = engine })
			clients := []*client{dial(t, s, "x"), dialTLS(t, s, "x", tls13), dialTLS(t, s, "x", tls12), dialTLS(t, s, "x", tls13)}
			for i, from := range clients {
				for _, n := range []int{1, 125, 4096, 16 << 10, 60_000} {
					text := fmt.Sprintf("%d:%s", i, strings.Repeat("y", n))
					from.send(ws.OpText, text)
					for _, to := range clients {
						to.expect(ws.OpText, text)
					}
				}
			}
			from := clients[1]
			from.send(ws.OpClose, string(ws.ClosePayload(ws.CloseNormal, "")))
			from.expectCloseCode(ws.CloseNormal) // the end of TCP is io.EOF only after close_notify
			if state := from.conn.(*tls.Conn).ConnectionState(); state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("got ALPN %q, want http/1.1", state.NegotiatedProtocol)
			}
		})
	}
}

func TestShutdownClosesTLSConnections(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	c := dialTLS(t, s, "x", tls13)
	s.sessions.CloseAll()
	c.expectCloseCode(ws.CloseRestart)
}

func TestTheTLSPortServesHTTP(t *testing.T) {
	t.Parallel()
	s := startTLS(t, func(c *Config) { c.API.Key = "0123456789abcdef" })
	web := httpsClient(t)
	base := "https://" + s.TLSAddr().String()
	get := func(addr string) (int, []byte) {
		t.Helper()
		resp, err := web.Get(addr)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, body
	}
	plainStatus, plainPage := get("http://" + s.Addr().String() + "/")
	for range 3 { // on one connection
		if status, page := get(base + "/"); status != plainStatus || !bytes.Equal(page, plainPage) {
			t.Errorf("page: got %d with %d bytes, want %d with %d bytes", status, len(page), plainStatus, len(plainPage))
		}
	}
	body := `{"channel":"x","data":"` + strings.Repeat("y", 40_000) + `"}`
	req, err := http.NewRequest("POST", base+"/api/publish", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", s.cfg.API.Key)
	c := dialTLS(t, s, "x", tls12)
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("API: got %s", resp.Status)
	}
	if m, err := c.nextExceptPings(); err != nil || !strings.Contains(string(m.Payload), strings.Repeat("y", 40_000)) {
		t.Errorf("got %d bytes, %v", len(m.Payload), err)
	}
}

func TestAnHTTPRequestToTheTLSPortIsRejectedInWords(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	resp, err := http.Get("http://" + s.TLSAddr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "https://") {
		t.Errorf("got %s %q, %v", resp.Status, body, err)
	}
	if got := value(t, s, "throng_handshakes_total", metrics.HandshakeTLS); got != 1 {
		t.Errorf("got %v failed TLS handshakes, want 1", got)
	}
}

// The 101 response follows a page on the same connection, so net/http has the connection when it is added to the event loop.
func TestAnUpgradeFollowsARequestOverTLS(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	conn, err := tls.Dial("tcp", s.TLSAddr().String(), tls13)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t: t, conn: conn}
	host := s.TLSAddr().String()
	// The first message comes together with the request, in one record, and the next one in a record of its own.
	all := fmt.Sprintf("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host) + upgradeRequest(host, "/ws?room=x") +
		string(ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("early")))
	c.write([]byte(all))
	c.write(ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("later")))
	c.deadline()
	c.reader = bufio.NewReader(conn)
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("page: %v, %v", resp, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if resp, err = http.ReadResponse(c.reader, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %v", resp, err)
	}
	c.expect(ws.OpText, "early")
	c.expect(ws.OpText, "later")
}

func TestHangingTLSHandshakesDelayNoClient(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	for i := range 40 {
		nc, err := net.Dial("tcp", s.TLSAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if i%2 == 0 {
			tls.Client(helloOnly{nc}, tls13).Handshake() // hangs after its hello
		} else if _, err := nc.Write([]byte{22, 3, 1, 2}); err != nil {
			t.Fatal(err)
		}
	}
	c := dialTLS(t, s, "x", tls13)
	c.send(ws.OpText, "hello")
	c.expect(ws.OpText, "hello")
	eventually(t, "the hanging handshakes to be closed", func() bool {
		return value(t, s, "throng_handshakes_total", metrics.HandshakeLate) == 40
	})
	c.send(ws.OpText, "still here")
	c.expect(ws.OpText, "still here")
}

// A connection over a limit of its address costs no TLS handshake.
func TestLimitsOfAnAddressHoldBeforeTLS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit    func(*Config)
		accepted int
		result   string
	}{
		"connections":     {func(c *Config) { c.MaxConnectionsAddress = 2 }, 2, metrics.HandshakeFull},
		"new connections": {func(c *Config) { c.RateConnectionsAddress = 1 }, 10, metrics.HandshakeRate}, // the burst is that of ten seconds
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startPrepared(t, func(c *Config) { withTLS(t)(c); tt.limit(c) }, func(s *Server) {
				s.edge.ConnectRate.Exempt = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }
			})
			from := func(ip string) (*tls.Conn, error) {
				d := &net.Dialer{Timeout: testTimeout, LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
				return tls.DialWithDialer(d, "tcp", s.TLSAddr().String(), tls13)
			}
			for i := range tt.accepted {
				c, err := from("127.0.0.2")
				if err != nil {
					t.Fatalf("number %d: %v", i, err)
				}
				defer c.Close()
			}
			rejected := 0
			for range 20 {
				c, err := from("127.0.0.2")
				if err == nil {
					defer c.Close()
					continue
				}
				rejected++
			}
			if rejected == 0 {
				t.Error("all connections of the address were accepted")
			}
			if got := value(t, s, "throng_handshakes_total", tt.result); int(got) != rejected {
				t.Errorf("got %v rejections counted as %s, want %d", got, tt.result, rejected)
			}
			if got := value(t, s, "throng_handshakes_total", metrics.HandshakeTLS); got != 0 {
				t.Errorf("got %v failed TLS handshakes counted, want none", got)
			}
			c, err := from("127.0.0.3")
			if err != nil {
				t.Fatalf("another address: %v", err)
			}
			c.Close()
		})
	}
}

// A client that still sends its request is not reset, so that it can read the response.
func TestALongHTTPRequestToTheTLSPortIsAnswered(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	conn, err := net.Dial("tcp", s.TLSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn}
	defer conn.Close()
	c.write([]byte("POST /api/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12000\r\n\r\n"))
	resp := c.response()
	body, err := io.ReadAll(resp.Body) // until the server ends its side
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "https://") {
		t.Fatalf("got %s %q, %v", resp.Status, body, err)
	}
	for range 50 {
		c.write(make([]byte, 100))
	}
}

// The hello of a TLS client has no line, so the plain port would wait for its end.
func TestATLSHelloToThePlainPortIsRejectedInWords(t *testing.T) {
	t.Parallel()
	plainOnly(t, "the port is that of plain TCP")
	s := startServer(t, nil)
	for _, hello := range []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x16\x03\x01\x02\x00\x01\n\x00\r\n\r\n"} {
		resp, body := ask(t, s.Addr().String(), hello)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "plain HTTP") {
			t.Errorf("%q: got %s %q", hello, resp.Status, body)
		}
	}
	if _, err := tls.Dial("tcp", s.Addr().String(), tls13); err == nil || !strings.Contains(err.Error(), "does not look like a TLS handshake") {
		t.Errorf("crypto/tls: got %v", err)
	}
	if got := value(t, s, "throng_handshakes_total", metrics.HandshakeMalformed); got != 3 {
		t.Errorf("got %v malformed handshakes, want 3", got)
	}
}

package bench

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// hostile starts a server that reads the request of each connection and then calls answer.
func hostile(t *testing.T, answer func(c net.Conn, key string)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() {
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				answer(c, r.Header.Get("Sec-WebSocket-Key"))
				_, _ = io.Copy(io.Discard, c) // until the client closes
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return "ws://" + ln.Addr().String() + "/"
}

func writer(t *testing.T, parts ...[]byte) func(net.Conn, string) {
	return func(c net.Conn, key string) {
		// In one write, so that the client receives all of it together.
		if _, err := c.Write(slices.Concat(append([][]byte{ws.SwitchingProtocols(key, "", "")}, parts...)...)); err != nil {
			t.Logf("hostile server: %v", err)
		}
	}
}

func TestFailedHandshakesAreNamed(t *testing.T) {
	text := func(s string) func(net.Conn, string) {
		return func(c net.Conn, _ string) { _, _ = io.WriteString(c, s) }
	}
	for _, tt := range []struct {
		name   string
		answer func(net.Conn, string)
		want   string
	}{
		{name: "a status", answer: text("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), want: "HTTP 503 Service Unavailable"},
		{name: "no HTTP", answer: text("SSH-2.0-OpenSSH_9\r\n\r\n"), want: "is not HTTP"},
		{name: "an endless head", answer: text("HTTP/1.1 101 x\r\nX: " + strings.Repeat("x", 10_000)), want: "bytes"},
		{name: "a wrong proof", answer: func(c net.Conn, key string) { _, _ = c.Write(ws.SwitchingProtocols("x"+key, "", "")) }, want: "invalid handshake response"},
		{name: "silence", answer: func(net.Conn, string) {}, want: "timeout"},
		{name: "a closed connection", answer: func(c net.Conn, _ string) { _ = c.Close() }, want: "closed during the handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(hostile(t, tt.answer))
			cfg.Connections, cfg.DialTimeout = 3, 30*time.Second
			if tt.want == "timeout" {
				cfg.DialTimeout = 100 * time.Millisecond
			}
			r, err := Run(t.Context(), cfg, nil)
			if r != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want an error with %q", r, err, tt.want)
			}
		})
	}
}

func TestBadFramesCloseTheirConnection(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{name: "masked", bytes: ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte("x")), want: "bad frame: "},
		{name: "a reserved bit", bytes: []byte{0xC1, 0}, want: "bad frame: "},
		{name: "too big", bytes: []byte{0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0}, want: "bad frame: "},
		{name: "not UTF-8", bytes: []byte{0x81, 1, 0xFF}, want: "bad frame: "},
		{name: "a close of one byte", bytes: []byte{0x88, 1, 3}, want: "bad frame: "},
		{name: "a close", bytes: ws.AppendFrame(nil, ws.OpClose, ws.ClosePayload(ws.CloseTryLater, "too many")), want: "close 1013 too many"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := idleConfig(hostile(t, writer(t, tt.bytes)))
			cfg.Connections, cfg.Duration = 3, 300*time.Millisecond
			r := mustRun(t, cfg)
			if r.Verdict.Code != result.Broken || r.Delivery.Closed != 3 || !strings.Contains(result.Counts(r.Delivery.Closes), tt.want) {
				t.Errorf("got %d closed: %v, want 3 with %q", r.Delivery.Closed, r.Delivery.Closes, tt.want)
			}
		})
	}
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	got := make(chan ws.Message, 1)
	url := hostile(t, func(c net.Conn, key string) {
		_, _ = c.Write(append(ws.SwitchingProtocols(key, "", ""), ws.AppendFrame(nil, ws.OpPing, []byte("you?"))...))
		var d ws.Decoder
		rules := ws.Rules{MaxMessage: 1000, MaxFragments: 1}
		b := make([]byte, 1000)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			m, _, err := d.Next(&rules, b[:n])
			if err != nil || m.Op != ws.OpContinuation {
				got <- ws.Message{Op: m.Op, Payload: bytes.Clone(m.Payload)}
				return
			}
		}
	})
	cfg := idleConfig(url)
	cfg.Connections, cfg.Duration = 1, 200*time.Millisecond
	if r := mustRun(t, cfg); r.Delivery.Pings != 1 {
		t.Errorf("got %d pings, want 1", r.Delivery.Pings)
	}
	if m := <-got; m.Op != ws.OpPong || string(m.Payload) != "you?" {
		t.Errorf("got %v %q, want the pong", m.Op, m.Payload)
	}
}

//go:build linux

package floor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/server/ws"
)

// start runs a floor server until the test ends, and returns its address.
func start(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	at, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() { done <- Serve(ctx, "127.0.0.1:0", func(a net.Addr) { at <- a }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-at:
		return a.String()
	case err := <-done:
		t.Fatal(err)
		return ""
	}
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func receives(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	_, got, err := c.Read(t.Context())
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestOnlyTheRoomReceives(t *testing.T) {
	url := "ws://" + start(t) + "/ws"
	a1, a2, b := dial(t, url+"?room=a&x=1"), dial(t, url+"?room=a"), dial(t, url)
	long := strings.Repeat("l", 100_000) // it needs more than one read
	for _, text := range []string{"one", strings.Repeat("m", 200), long} {
		a1.SetReadLimit(-1)
		a2.SetReadLimit(-1)
		if err := a1.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		receives(t, a1, text)
		receives(t, a2, text)
	}
	if err := b.Write(t.Context(), websocket.MessageText, []byte("own")); err != nil {
		t.Fatal(err)
	}
	receives(t, b, "own") // and not an earlier message of another room
}

func TestPingIsAnswered(t *testing.T) {
	c := dial(t, "ws://"+start(t)+"/ws")
	ctx := c.CloseRead(t.Context())
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestRequestInPieces(t *testing.T) {
	c, err := net.Dial("tcp", start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, part := range []string{"GET /ws HTTP/1.1\r\nSec-WebSo", "cket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r", "\n"} {
		if _, err := c.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // so that each part arrives separately; the test also holds if it does not
	}
	b := make([]byte, 1000)
	n, err := c.Read(b)
	if err != nil || !strings.Contains(string(b[:n]), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") { // RFC 6455, 1.3
		t.Errorf("got %q, %v", b[:n], err)
	}
}

func TestInvalidInputClosesTheConnection(t *testing.T) {
	address := start(t)
	for name, text := range map[string]string{
		"no key":    "GET / HTTP/1.1\r\n\r\n",
		"endless":   strings.Repeat("x", maxHead+1),
		"no mask":   "GET /ws HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x01x",
		"too large": "GET /ws HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection was not closed", name)
		}
		_ = c.Close()
	}
}

func TestAFullSocketIsClosedAndCounted(t *testing.T) {
	var closed []int
	h := &hall{rooms: map[string]*room{}, close: func(fd int) { closed = append(closed, fd) }}
	sent := map[int]int{}
	h.send = func(fd int, b []byte) error {
		if fd == 2 && ws.Opcode(b[0]&0xF) == ws.OpText {
			return syscall.EAGAIN
		}
		sent[fd]++
		return nil
	}
	request := "GET /ws HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	var peers []*peer
	for fd := range 4 {
		p := &peer{fd: fd}
		if err := h.take(p, []byte(request)); err != nil {
			t.Fatal(err)
		}
		peers = append(peers, p)
	}
	for range 2 {
		if err := h.take(peers[0], ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("hello"))); err != nil {
			t.Fatal(err)
		}
	}
	if h.refused != 1 || len(closed) != 1 || closed[0] != 2 {
		t.Errorf("got %d rejected sends, %v closed, want 1 and 2", h.refused, closed)
	}
	for _, fd := range []int{0, 1, 3} {
		if sent[fd] != 3 { // the handshake and two messages
			t.Errorf("connection %d: got %d sends, want 3", fd, sent[fd])
		}
	}
}

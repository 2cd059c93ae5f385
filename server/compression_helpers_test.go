package server

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

// deflateTail ends a compressed message, and is not sent (RFC 7692, 7.2.1).
const deflateTail = "\x00\x00\xff\xff"

// deflated returns the compressed form of a payload, as a client sends it.
func deflated(t testing.TB, payload string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(payload)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte(deflateTail))
}

// offering returns the request of a handshake with an offer of extensions, one header line each.
func offering(host, path string, offers ...string) string {
	lines := ""
	for _, offer := range offers {
		lines += "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	return strings.TrimSuffix(upgradeRequest(host, path), "\r\n") + lines + "\r\n"
}

// dialDeflate opens a connection that has negotiated permessage-deflate. next decodes compressed messages and returns them as they came.
func dialDeflate(t testing.TB, s *Server, path, offer string) *client {
	t.Helper()
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return offerDeflate(t, conn, s.Addr().String(), path, offer)
}

// offerDeflate is dialDeflate on a connection to a host.
func offerDeflate(t testing.TB, conn net.Conn, host, path, offer string) *client {
	t.Helper()
	t.Cleanup(func() { tcpOf(conn).Close() })
	rules := clientRules
	rules.MaxCompressed = rules.MaxMessage
	c := &client{t: t, conn: conn, rules: &rules}
	c.write([]byte(offering(host, path, offer)))
	if got := c.expectUpgrade().Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate; ") {
		t.Fatalf("got extensions %q, want permessage-deflate", got)
	}
	return c
}

func dialDeflateRoom(t testing.TB, s *Server, room string) *client {
	t.Helper()
	return dialDeflate(t, s, "/ws?room="+url.QueryEscape(room), "permessage-deflate; client_max_window_bits")
}

// inflate returns the payload of a message, and whether it was compressed.
func (c *client) inflate(m ws.Message) (payload string, compressed bool) {
	c.t.Helper()
	if !m.Compressed {
		return string(m.Payload), false
	}
	b, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(m.Payload), strings.NewReader(deflateTail+"\x01\x00\x00\xff\xff"))))
	if err != nil {
		c.t.Fatalf("a compressed message does not inflate: %v", err)
	}
	return string(b), true
}

// expectAs fails the test unless the next message has this payload, compressed or not.
func (c *client) expectAs(payload string, compressed bool) {
	c.t.Helper()
	m, err := c.nextExceptPings()
	if err != nil {
		c.t.Fatalf("got %v, want message %.40q", err, payload)
	}
	got, was := c.inflate(m)
	if m.Op != ws.OpText || got != payload || was != compressed {
		c.t.Fatalf("got %v %.40q (%d bytes), compressed: %v; want %.40q (%d bytes), compressed: %v", m.Op, got, len(got), was, payload, len(payload), compressed)
	}
}

// sendDeflated sends a compressed message in frames of so many bytes of its compressed form.
func (c *client) sendDeflated(op ws.Opcode, compressed []byte, part int) {
	c.t.Helper()
	var stream []byte
	for at := 0; ; at += part {
		end := min(at+part, len(compressed))
		begin := len(stream)
		stream = ws.AppendMaskedFrame(stream, op, rand.Uint32(), compressed[at:end])
		if at == 0 {
			stream[begin] |= 0x40
		}
		op = ws.OpContinuation
		if end == len(compressed) {
			break
		}
		stream[begin] &^= 0x80
	}
	c.write(stream)
}

// chatText is text that shrinks, of about n bytes.
func chatText(n int) string {
	return strings.Repeat("the quick brown fox jumps over the lazy dog; ", n/45+1)[:n]
}

// startHandshake returns the response to a handshake.
func startHandshake(t testing.TB, s *Server, request string) *http.Response {
	t.Helper()
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn}
	c.write([]byte(request))
	return c.response()
}

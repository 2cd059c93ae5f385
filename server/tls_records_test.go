package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tlsconn"
	"github.com/throng-chat/throng/server/tlsrec"
	"github.com/throng-chat/throng/server/ws"
)

// TCP may cut a record anywhere.
func TestARequestMayComeInPartsOfARecord(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	nc, err := net.Dial("tcp", s.TLSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	conn := tls.Client(&bytewise{Conn: nc}, tls13)
	c := &client{t: t, conn: conn}
	c.write([]byte(upgradeRequest(s.TLSAddr().String(), "/ws?room=x")))
	c.expectUpgrade()
	for _, n := range []int{1, 300, 20_000} {
		text := strings.Repeat("z", n)
		c.send(ws.OpText, text)
		c.expect(ws.OpText, text)
	}
}

// Sealed bytes are sent once, as they are, however small the send buffer is.
func TestIntermittentTLSReadersReceiveEveryByte(t *testing.T) {
	t.Parallel()
	s := startTLS(t, func(c *Config) { c.MaxUnsent = 64 << 20 })
	n := 0
	intermittentReaders(t, s, func() *client {
		n++
		return dialTLS(t, s, "narrow", []*tls.Config{tls13, tls12}[n%2])
	})
}

// CVE-2026-56862, on the event loop.
func TestCVE202656862KeyUpdatesEndAConnection(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	nc, c := rawTLS(t, s, upgradeRequest(s.TLSAddr().String(), "/ws?room=x"))
	await(t, nc, &c.In, "\r\n\r\n")
	for i := range 20_000 {
		if _, err := nc.Write(c.Out.KeyUpdate(nil)); err != nil {
			return
		}
		if i > tlsrec.MaxUseless { // the server has to end it now
			if _, err := io.Copy(io.Discard, nc); err == nil || errors.Is(err, net.ErrClosed) || !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
	}
	t.Error("the server accepted 20,000 KeyUpdates")
}

// Bytes of an incomplete record count like those of an unfinished message.
func TestIncompleteRecordsAreBounded(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	nc, c := rawTLS(t, s, upgradeRequest(s.TLSAddr().String(), "/ws?room=x"))
	await(t, nc, &c.In, "\r\n\r\n")
	frame := ws.AppendMaskedFrame(nil, ws.OpText, 7, bytes.Repeat([]byte("x"), 10_000))
	sealed, err := c.Out.Seal(nil, frame)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write(sealed[:9000]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the incomplete record to be counted", func() bool {
		_, n := s.sessions.Unfinished.Size()
		return n >= 9000
	})
	if _, err := nc.Write(sealed[9000:]); err != nil {
		t.Fatal(err)
	}
	await(t, nc, &c.In, strings.Repeat("x", 10_000))
	eventually(t, "the record to be forgotten", func() bool { return unfinishedOf(t, s) == 0 })
	if sealed, err = c.Out.Seal(nil, frame); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write(sealed[:9000]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second record", func() bool { return unfinishedOf(t, s) == 1 })
	olden(s, time.Hour)
	for err == nil {
		_, err = nc.Read(make([]byte, 4096))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a record that does not end has no timeout")
	}
}

// An idle connection has at most 1,300 bytes; one of plain TCP has 700.
func TestATLSConnectionTakes352Bytes(t *testing.T) {
	if got := unsafe.Sizeof(tlsconn.Conn{}); got > 352 {
		t.Errorf("got %d bytes, want 352", got)
	}
}

// OpenSSL asks for a KeyUpdate (K) of a connection on the event loop: the answer comes before the next message.
func TestOpenSSLUpdatesTheKeysOfAConnection(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	publisher := dial(t, s, "x")
	openssl := testkit.OpenSSL(t, s.TLSAddr().String(), "-tls1_3")
	openssl.Write(upgradeRequest(s.TLSAddr().String(), "/ws?room=x"))
	openssl.Await("101 Switching Protocols")
	eventually(t, "the member", func() bool { return value(t, s, "throng_connections", "") == 2 })
	for i, command := range []string{"K", "K", "k", "K"} {
		openssl.Write(command + "\n")
		openssl.Await("KEYUPDATE")
		publisher.send(ws.OpText, fmt.Sprintf("message %d\n", i))
		openssl.Await(fmt.Sprintf("message %d", i))
	}
	openssl.Write("Q\n")
	openssl.Wait()
}

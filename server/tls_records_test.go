package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
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
	for name, request := range requestsOverTLS(s) {
		t.Run(name, func(t *testing.T) {
			nc, c := rawTLS(t, s, request)
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
		})
	}
}

// nextFault reads records until one cannot be opened, such as an alert, and returns the error.
func nextFault(t *testing.T, nc net.Conn, in *tlsrec.In) *tlsrec.Error {
	t.Helper()
	buf := make([]byte, 4096)
	for {
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatalf("the server ends without an alert: %v", err)
		}
		for src := buf[:n]; ; {
			r, rest, err := in.Open(src)
			if fault, ok := errors.AsType[*tlsrec.Error](err); ok {
				return fault
			}
			if src = rest; r.Kind == tlsrec.More {
				break
			}
		}
	}
}

// requestsOverTLS are requests for a connection of each kind, by its name.
func requestsOverTLS(s *Server) map[string]string {
	return map[string]string{
		"websocket":   upgradeRequest(s.TLSAddr().String(), "/ws?room=x"),
		"http_stream": streamRequest(s, "POST", "/connection/http_stream", `{"id":1,"connect":{}}`),
	}
}

// A peer that breaks the protocol on the event loop learns why it is closed.
func TestABadRecordIsAnsweredWithAnAlert(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	for name, tt := range map[string]struct {
		record []byte
		want   tls.AlertError
	}{
		"not authentic":      {append([]byte{23, 3, 3, 0, 100}, make([]byte, 100)...), 20},
		"too long":           {[]byte{23, 3, 3, 0x41, 1}, 22},
		"of another version": {[]byte{23, 3, 1, 0, 1}, 70},
		"change_cipher_spec": {[]byte{20, 3, 3, 0, 1, 1}, 10},
		"HTTP":               {[]byte("GET / HTTP/1.1\r\n\r\n"), 70},
	} {
		for kind, request := range requestsOverTLS(s) {
			t.Run(kind+", "+name, func(t *testing.T) {
				nc, c := rawTLS(t, s, request)
				await(t, nc, &c.In, "\r\n\r\n")
				if _, err := nc.Write(tt.record); err != nil {
					t.Fatal(err)
				}
				if fault := nextFault(t, nc, &c.In); !fault.Received || fault.Alert != tt.want {
					t.Errorf("got %v, want the alert %v", fault, tt.want)
				}
				buf := make([]byte, 1)
				if n, err := nc.Read(buf); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("got %d bytes after the alert, %v: want the end of TCP", n, err)
				}
			})
		}
	}
	eventually(t, "the connections to be removed", func() bool { return value(t, s, "throng_connections", "") == 0 })
}

// Renegotiation of TLS 1.2 is refused, on the event loop.
func TestOpenSSLRenegotiatesNothing(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	s := startTLS(t, nil)
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", s.TLSAddr().String(), "-tls1_2", "-legacy_renegotiation")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, upgradeRequest(s.TLSAddr().String(), "/ws?room=x")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the member", func() bool { return value(t, s, "throng_connections", "") == 1 })
	if _, err := io.WriteString(in, "R\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(out.String(), "no renegotiation") {
		t.Errorf("got %v, %s: want the alert no_renegotiation", err, out.String())
	}
	eventually(t, "the connection to be removed", func() bool { return value(t, s, "throng_connections", "") == 0 })
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

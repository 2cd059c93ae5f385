package tlsconn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tlsrec"
)

// newStream returns a Stream over TCP, and its peer.
func newStream(t *testing.T) (s *Stream, peer net.Conn) {
	t.Helper()
	ours, theirs := testkit.Pipe(t)
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	for _, c := range []net.Conn{ours, theirs} {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	return &Stream{nc: ours, records: records(t, keysOf(suites[0]), false)}, theirs
}

// A peer that breaks the protocol receives the alert at once, and nothing after it.
func TestAStreamSendsAnAlert(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bad  func(*sealer) []byte
		want tls.AlertError
	}{
		"a record that is changed":  {func(s *sealer) []byte { b := s.seal(23, 'x'); b[6] ^= 1; return b }, 20},
		"a record that is too long": {func(*sealer) []byte { return []byte{23, 3, 3, 0x41, 1} }, 22},
		"a content type of 99":      {func(s *sealer) []byte { return s.seal(99, 1) }, 10},
		"an HTTP request":           {func(*sealer) []byte { return []byte("GET / HTTP/1.1\r\n") }, 70},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, peer := newStream(t)
			if _, err := peer.Write(c.bad(newSealer(t))); err != nil {
				t.Fatal(err)
			}
			var fault *tlsrec.Error
			if _, err := s.Read(make([]byte, 100)); !errors.As(err, &fault) || fault.Alert != c.want {
				t.Errorf("Read: got %v, want alert %d", err, c.want)
			}
			if n, _, err := s.Write([]byte("more")); n != 0 || err == nil {
				t.Errorf("Write: got %d, %v, want an error", n, err)
			}
			if err := errors.Join(s.CloseNotify(), s.nc.(*net.TCPConn).CloseWrite()); err != nil {
				t.Fatal(err)
			}
			sent, err := io.ReadAll(peer)
			if err != nil {
				t.Fatal(err)
			}
			in := &records(t, keysOf(suites[0]), true).In
			if _, rest, err := in.Open(sent); !errors.As(err, &fault) || !fault.Received || fault.Alert != c.want || len(rest) > 0 {
				t.Errorf("the peer got %d bytes, %v; want alert %d", len(sent), err, c.want)
			}
		})
	}
}

// While the writer sends, the reader leaves the alert to CloseNotify: each record is sent whole, in its order.
func TestAnAlertDoesNotInterruptARecord(t *testing.T) {
	t.Parallel()
	s, peer := newStream(t)
	s.sending.Store(true) // by the writer
	bad := newSealer(t).seal(23, 'x')
	bad[6] ^= 1
	if _, err := peer.Write(bad); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(make([]byte, 100)); err == nil {
		t.Fatal("no error")
	}
	s.sending.Store(false)
	if n, _, err := s.Write([]byte("data")); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if err := errors.Join(s.CloseNotify(), s.nc.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	sent, err := io.ReadAll(peer)
	if err != nil {
		t.Fatal(err)
	}
	in := &records(t, keysOf(suites[0]), true).In
	r, rest, err := in.Open(sent)
	if string(r.Data) != "data" || err != nil {
		t.Fatalf("got %q, %v", r.Data, err)
	}
	var fault *tlsrec.Error
	if _, _, err := in.Open(rest); !errors.As(err, &fault) || fault.Alert != 20 {
		t.Errorf("got %v, want bad_record_mac", err)
	}
}

// While the reader sends an alert, a write fails and does not wait.
func TestAWriteDuringAnAlertFails(t *testing.T) {
	t.Parallel()
	s, _ := newStream(t)
	s.sending.Store(true)
	if n, moved, err := s.Write([]byte("x")); n != 0 || moved != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %d, %d, %v", n, moved, err)
	}
	if err := s.CloseNotify(); err != nil {
		t.Error(err)
	}
}

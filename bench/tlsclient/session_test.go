package tlsclient

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tlsrec"
)

// The peer is crypto/tls, which shares nothing with the records of the client.
func TestSessionsCarryDataWithEachSuite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version uint16
		kind    string
		suite   uint16
	}{
		{tls.VersionTLS13, "ECDSA", 0},
		{tls.VersionTLS13, "RSA", 0},
		{tls.VersionTLS12, "ECDSA", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		{tls.VersionTLS12, "ECDSA", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
		{tls.VersionTLS12, "RSA", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	} {
		t.Run(fmt.Sprintf("%s %s %s", tls.VersionName(tt.version), tt.kind, tls.CipherSuiteName(tt.suite)), func(t *testing.T) {
			t.Parallel()
			cfg := &tls.Config{MaxVersion: tt.version, Certificates: []tls.Certificate{*certificates()[tt.kind]}}
			if tt.suite != 0 {
				cfg.CipherSuites = []uint16{tt.suite}
			}
			nc, s, agreed := mustDial(t, serve(t, cfg, echo))
			if want := tls.VersionName(tt.version); !strings.HasPrefix(agreed, want) || tt.suite != 0 && !strings.HasSuffix(agreed, tls.CipherSuiteName(tt.suite)) {
				t.Errorf("got %q", agreed)
			}
			for i, n := range []int{1, 2, 130, tlsrec.MaxPlaintext, tlsrec.MaxPlaintext + 1, 100_000, 3} {
				b := bytes.Repeat([]byte{byte('a' + i)}, n)
				if err := s.Write(nc, b, int64(i)*busy); err != nil {
					t.Fatal(err)
				}
				if got, err := read(s, nc, n, busy/2); !bytes.Equal(got, b) {
					t.Fatalf("%d bytes: got %d bytes, %v", n, len(got), err)
				}
			}
		})
	}
}

// Browsers offer AES-GCM first, and a server takes the first one that it has.
func TestClientsOfferAESFirst(t *testing.T) {
	t.Parallel()
	offered := make(chan []uint16, 1)
	address := serve(t, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		offered <- hello.CipherSuites
		return nil, errors.New("seen")
	}}, func(*tls.Conn, error) {})
	if _, _, _, err := dial(t, address, settings()); err == nil {
		t.Fatal("got a handshake")
	}
	suites := <-offered
	first := slices.IndexFunc(suites, func(id uint16) bool { return id>>8 == 0x13 })
	if first < 0 || suites[first] != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("got %v: this machine has no AES instructions", suites)
	}
}

// records returns the sealed bytes of a server for the data, and a session that reads them.
func records(t *testing.T, data ...string) (sealed []byte, s *Session, server *tlsrec.Conn) {
	t.Helper()
	k := &tlsrec.Keys{Version: tls.VersionTLS13, Suite: tls.TLS_AES_128_GCM_SHA256, ClientSecret: make([]byte, 32), ServerSecret: bytes.Repeat([]byte{1}, 32)}
	server, err := tlsrec.New(k, false)
	c, err2 := tlsrec.New(k, true)
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	for _, d := range data {
		if sealed, err = server.Out.Seal(sealed, []byte(d)); err != nil {
			t.Fatal(err)
		}
	}
	return sealed, &Session{records: *c}, server
}

func TestRecordsMayArriveInAnyPieces(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", tlsrec.MaxPlaintext)
	want := "one" + long + "two" + long + "three"
	for name, cut := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader} {
		sealed, s, server := records(t, "one", long, "two", long, "three")
		sealed = server.Out.Close(sealed, nil)
		got, err := read(s, cut(bytes.NewReader(sealed)), len(want)+1, 1)
		if string(got) != want || err != io.EOF {
			t.Errorf("%s: got %d bytes and %v, want %d bytes and the end", name, len(got), err, len(want))
		}
	}
}

// The loop is edge-triggered, so a caller that stops too early is not called again for the remaining bytes.
func TestReadReportsWhatIsLeft(t *testing.T) {
	t.Parallel()
	sealed, s, server := records(t, "one")
	p := make([]byte, 64<<10)
	if n, wire, more, err := s.Read(bytes.NewReader(sealed), p, 1); n != 3 || wire != len(sealed) || more || err != nil {
		t.Errorf("a short read: got %d, %d, %v, %v", n, wire, more, err)
	}
	full, err := server.Out.Seal(nil, make([]byte, 40))
	if err != nil {
		t.Fatal(err)
	}
	if n, wire, more, err := s.Read(bytes.NewReader(full), p[:len(full)], 1); n != 40 || wire != len(full) || !more || err != nil {
		t.Errorf("a full buffer: got %d, %d, %v, %v", n, wire, more, err)
	}
	last := server.Out.Close(must(server.Out.Seal(nil, []byte("last"))), nil)
	if n, _, more, err := s.Read(bytes.NewReader(last), p, 1); n != 4 || !more || err != nil {
		t.Errorf("data before the end: got %d, %v, %v", n, more, err)
	}
	if _, _, _, err := s.Read(iotest.ErrReader(errors.New("read after the end")), p, 1); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestAnAlertEndsTheSession(t *testing.T) {
	t.Parallel()
	sealed, s, server := records(t, "data")
	sealed = server.Out.Close(sealed, &tlsrec.Error{Alert: alertCertificateRequired})
	got, err := read(s, bytes.NewReader(sealed), 100, 1)
	if string(got) != "data" || !strings.Contains(faultOf(err), "--cert") {
		t.Errorf("got %q, %v", got, err)
	}
	sealed, s, _ = records(t, "data")
	sealed[len(sealed)-1] ^= 1
	if got, err := read(s, bytes.NewReader(sealed), 100, 1); len(got) > 0 || err == nil {
		t.Errorf("an altered record: got %q, %v", got, err)
	}
}

func TestDataBeforeTheRequestIsRefused(t *testing.T) {
	t.Parallel()
	sealed, s, _ := records(t, "hello")
	if err := s.early(sealed); err != errEarly {
		t.Errorf("got %v", err)
	}
	sealed, s, _ = records(t, "hello")
	if err := s.early(sealed[:10]); err != nil {
		t.Fatal(err)
	}
	if got, err := read(s, bytes.NewReader(sealed[10:]), 5, 1); string(got) != "hello" {
		t.Errorf("a record of which a part came with the handshake: got %q, %v", got, err)
	}
}

// The publisher, the poller and the heartbeat write at the same time. Records that are sent in another order than sealed do not authenticate.
func TestManyGoroutinesMayWrite(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 200
	got := make(chan map[string]int, 1)
	nc, s, _ := mustDial(t, serve(t, &tls.Config{Certificates: []tls.Certificate{*certificates()["ECDSA"]}}, func(c *tls.Conn, _ error) {
		lines := map[string]int{}
		scanner := bufio.NewScanner(c)
		for range writers * each {
			if !scanner.Scan() {
				break
			}
			lines[scanner.Text()]++
		}
		got <- lines
	}))
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := s.Write(nc, fmt.Appendf(nil, "writer %d line %d\n", w, i), time.Now().UnixNano()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if lines := <-got; len(lines) != writers*each {
		t.Errorf("got %d lines, want %d", len(lines), writers*each)
	}
}

// writerFunc is a socket.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestNoRecordOvertakesAnother(t *testing.T) {
	t.Parallel()
	_, s, server := records(t)
	var wire []byte
	second := make(chan error, 1)
	socket := writerFunc(func(b []byte) (int, error) {
		wire = append(wire, b...)
		return len(b), nil
	})
	err := s.Write(writerFunc(func(b []byte) (int, error) {
		go func() { second <- s.Write(socket, []byte("second"), 1) }()
		select {
		case err := <-second: // it did not wait
			second <- err
		case <-time.After(200 * time.Millisecond):
		}
		return socket(b)
	}), []byte("first"), 1)
	if err := errors.Join(err, <-second); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		r, rest, err := server.In.Open(wire)
		if wire = rest; string(r.Data) != want || err != nil {
			t.Errorf("got %q, %v, want %q", r.Data, err, want)
		}
	}
}

// OpenSSL asks for a KeyUpdate, and checks that one comes before the next data.
func TestKeyUpdatesAreAnswered(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	cert, key := pemOf(certificates()["ECDSA"])
	writeFiles(t, dir, map[string][]byte{"cert.pem": cert, "key.pem": key})
	address := testkit.Addresses(t, 1)[0]
	cmd := exec.CommandContext(t.Context(), openssl, "s_server", "-accept", address, "-cert", "cert.pem", "-key", "key.pem", "-tls1_3", "-msg")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	await := func(text string) {
		t.Helper()
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the server ended, want %q", text)
				}
				if strings.Contains(line, text) {
					return
				}
			case <-time.After(patience):
				t.Fatalf("got no %q", text)
			}
		}
	}
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if nc, err := net.Dial("tcp", address); err == nil {
			nc.Close()
			break
		}
		if time.Now().After(until) {
			t.Fatal("openssl does not listen")
		}
	}
	nc, s, _ := mustDial(t, address)
	if err := s.Write(nc, []byte("first line\n"), 1); err != nil {
		t.Fatal(err)
	}
	await("first line")
	if _, err := io.WriteString(in, "K\n"); err != nil {
		t.Fatal(err)
	}
	await(">>> TLS 1.3, Handshake [length 0005], KeyUpdate")
	if _, err := io.WriteString(in, "second line\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := read(s, nc, len("second line\n"), 1); string(got) != "second line\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := s.Write(nc, []byte("third line\n"), 1); err != nil {
		t.Fatal(err)
	}
	await("<<< TLS 1.3, Handshake [length 0005], KeyUpdate")
	await("third line")
}

// A connection that is idle for some seconds gives its AES objects up: 1.2 KB each.
func TestIdleSessionsAreSmall(t *testing.T) {
	sealed, _, _ := records(t, "data")
	const count, limit = 2_000, 500
	all := make([]*Session, count)
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // frees what sync.Pool kept
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range all {
		_, s, _ := records(t)
		if err := s.Write(io.Discard, []byte("request"), busy+1); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := s.Read(bytes.NewReader(sealed), make([]byte, 32<<10), busy+1); err != nil {
			t.Fatal(err)
		}
		all[i] = s
	}
	per := (heap() - before) / count
	if per > limit {
		t.Errorf("got %d bytes for an idle session, want %d at most", per, limit)
	}
	t.Logf("%d bytes", per)
	runtime.KeepAlive(all)
}

package tlsconn

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tlsrec"
	"github.com/throng-chat/throng/server/wheel"
)

const patience = testkit.Timeout

// keysOf are secrets for a suite of TLS 1.3, the same at each call.
func keysOf(suite uint16) *tlsrec.Keys {
	n := 32
	if suite == tls.TLS_AES_256_GCM_SHA384 {
		n = 48
	}
	return &tlsrec.Keys{Version: tls.VersionTLS13, Suite: suite, ClientSecret: bytes.Repeat([]byte{1}, n), ServerSecret: bytes.Repeat([]byte{2}, n)}
}

func records(t testing.TB, k *tlsrec.Keys, client bool) *tlsrec.Conn {
	t.Helper()
	c, err := tlsrec.New(k, client)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// end is a Conn in a running loop, and its peer.
type end struct {
	*Conn
	t       *testing.T
	peer    *net.TCPConn
	records *tlsrec.Conn  // of the peer
	kinds   []tlsrec.Kind // of the records that the peer opened, but Data
	written chan struct{}
	read    chan result // of each call of Read
	ticks   atomic.Uint32
	ended   bool // Read returned an error; owned by the poller
}

type result struct {
	data string
	err  error
}

// newEnd returns a Conn with new keys, and a send buffer of some bytes, 0 for the default of the kernel.
func newEnd(t *testing.T, suite uint16, sendBuffer int) *end {
	t.Helper()
	return newEndOf(t, keysOf(suite), sendBuffer)
}

func newEndOf(t *testing.T, k *tlsrec.Keys, sendBuffer int) *end {
	t.Helper()
	e := &end{t: t, records: records(t, k, true), written: make(chan struct{}, 1), read: make(chan result, 1000)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e.peer = nc.(*net.TCPConn)
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	ours, err := l.Accept()
	if err == nil && sendBuffer > 0 {
		err = errors.Join(ours.(*net.TCPConn).SetWriteBuffer(sendBuffer), e.peer.SetReadBuffer(sendBuffer))
	}
	if err != nil {
		t.Fatal(err)
	}
	socket, err := netpoll.FromConn(ours.(*net.TCPConn), ours.RemoteAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	e.ticks.Store(1)
	e.Conn = New(socket, &Stream{records: records(t, k, false)}, func() wheel.Tick { return wheel.Tick(e.ticks.Load()) })
	var loop *netpoll.Loop
	loop = netpoll.New(netpoll.Config{Pollers: 1, ReadBuffer: 32 << 10, MaxQueued: 1 << 20}, netpoll.Events{
		Readable: func(s *netpoll.Socket) { e.readAll(loop.Buffer(s)) },
		Written: func(*netpoll.Socket) {
			select {
			case e.written <- struct{}{}:
			default:
			}
		},
		Closed: func(*netpoll.Socket, error) {},
		Woken:  func(int) {},
	})
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := loop.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := loop.Add(socket, e); err != nil {
		t.Fatal(err)
	}
	return e
}

// readAll reads as the event loop does, until the first error. Called on the poller.
func (e *end) readAll(buf []byte) {
	for !e.ended {
		n, more, err := e.Conn.Read(buf)
		e.ended = err != nil && !errors.Is(err, syscall.EAGAIN)
		if n > 0 || e.ended {
			e.read <- result{string(buf[:n]), err}
		}
		if err != nil || !more && !e.HungUp() {
			return
		}
	}
}

// expect waits for data of the peer.
func (e *end) expect(want string) {
	e.t.Helper()
	var got string
	for len(got) < len(want) {
		select {
		case r := <-e.read:
			if got += r.data; r.err != nil && len(got) < len(want) {
				e.t.Fatalf("got %d bytes and %v, want %d bytes", len(got), r.err, len(want))
			} else if r.err != nil {
				e.read <- result{"", r.err} // for expectEnd
			}
		case <-time.After(patience):
			e.t.Fatalf("got %d bytes, want %d", len(got), len(want))
		}
	}
	if got != want {
		e.t.Fatal("other bytes than those that were sent")
	}
}

// expectEnd waits for the error of Read.
func (e *end) expectEnd(want error) {
	e.t.Helper()
	select {
	case r := <-e.read:
		if r.data != "" || r.err == nil || want != nil && !errors.Is(r.err, want) {
			e.t.Errorf("got %q, %v: want %v", r.data, r.err, want)
		}
	case <-time.After(patience):
		e.t.Errorf("Read returns no error: want %v", want)
	}
}

// send has the peer send bytes as they are.
func (e *end) send(b []byte) {
	e.t.Helper()
	if _, err := e.peer.Write(b); err != nil {
		e.t.Fatal(err)
	}
}

// seal returns the records of the peer.
func (e *end) seal(b string) []byte {
	e.t.Helper()
	sealed, err := e.records.Out.Seal(nil, []byte(b))
	if err != nil {
		e.t.Fatal(err)
	}
	return sealed
}

// receive has the peer read once, for 10 ms at most, and returns what it opens.
func (e *end) receive() (data []byte, ended bool) {
	e.t.Helper()
	in, buf := &e.records.In, make([]byte, 64<<10)
	if err := e.peer.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		e.t.Fatal(err)
	}
	n, err := e.peer.Read(buf)
	if errors.Is(err, io.EOF) {
		return nil, true
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Fatal(err)
	}
	for src := buf[:n]; ; {
		r, rest, err := in.Open(src)
		if err != nil {
			e.t.Fatal(err)
		}
		src = rest
		switch r.Kind {
		case tlsrec.Data:
			data = append(data, r.Data...)
		case tlsrec.More:
			return data, false
		default:
			if e.kinds = append(e.kinds, r.Kind); r.Kind == tlsrec.Closed {
				return data, true
			}
		}
	}
}

// sealer makes records of TLS_AES_128_GCM_SHA256 that tlsrec does not make.
type sealer struct {
	t      testing.TB
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// newSealer returns a sealer with the keys of keysOf for the client.
func newSealer(t testing.TB) *sealer {
	return newSealerOf(t, keysOf(tls.TLS_AES_128_GCM_SHA256).ClientSecret)
}

func newSealerOf(t testing.TB, secret []byte) *sealer {
	t.Helper()
	s := &sealer{t: t}
	s.use(secret)
	return s
}

// use changes to the keys of a traffic secret.
func (s *sealer) use(secret []byte) {
	s.t.Helper()
	s.secret, s.seq = secret, 0
	block, err := aes.NewCipher(s.expand("key", 16))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		s.t.Fatal(err)
	}
	s.iv = s.expand("iv", 12)
}

// update changes to the next keys.
func (s *sealer) update() { s.use(s.expand("traffic upd", 32)) }

func (s *sealer) expand(label string, n int) []byte {
	s.t.Helper()
	info := append([]byte{0, byte(n), byte(len("tls13 " + label))}, "tls13 "+label+"\x00"...)
	b, err := hkdf.Expand(sha256.New, s.secret, string(info), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// seal returns a record of a content type.
func (s *sealer) seal(typ byte, b ...byte) []byte { return s.sealInner(append(b, typ)) }

// sealInner returns a record of data, its content type and padding.
func (s *sealer) sealInner(b []byte) []byte {
	nonce := bytes.Clone(s.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.seq)
	s.seq++
	n := len(b) + s.aead.Overhead()
	header := []byte{23, 3, 3, byte(n >> 8), byte(n)}
	return s.aead.Seal(header, nonce, b, header)
}

package tlsconn

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/tlsrec"
	"github.com/throng-chat/throng/server/wheel"
)

var suites = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}

// A socket that becomes full leaves one small record sealed, whatever the size of the writes, and the peer receives every byte once.
func TestAFullSocketLeaves4KiBSealed(t *testing.T) {
	t.Parallel()
	for i, sendBuffer := range []int{8 << 10, 32 << 10, 128 << 10} {
		e := newEnd(t, suites[i], sendBuffer)
		text := make([]byte, 200<<10)
		for i := range text {
			text[i] = byte(rand.Int())
		}
		full, most := 0, 0
		var sent, received []byte
		limit := time.Now().Add(patience)
		take := func() {
			data, _ := e.receive()
			if received = append(received, data...); time.Now().After(limit) {
				t.Fatalf("received %d of %d bytes, %d are pending", len(received), len(sent), e.Pending())
			}
		}
		write := func(p []byte) {
			n, err := e.Write(p)
			sent = append(sent, p[:n]...)
			most = max(most, e.Pending())
			switch {
			case err == nil && (n < len(p) || e.Pending() > 0):
				t.Fatalf("wrote %d of %d bytes, %d pending, without an error", n, len(p), e.Pending())
			case err == nil:
				return
			case !errors.Is(err, syscall.EAGAIN):
				t.Fatal(err)
			}
			full++
			for {
				select {
				case <-e.written:
					return
				default:
					take()
				}
			}
		}
		for round := 0; round < 40 || len(sent) < 1<<20; round++ {
			write(text[:1+rand.IntN(len(text))])
		}
		for e.Pending() > 0 {
			write(nil)
		}
		for len(received) < len(sent) {
			take()
		}
		if !bytes.Equal(received, sent) {
			t.Errorf("send buffer %d: the peer received %d bytes of %d, or others", sendBuffer, len(received), len(sent))
		}
		if most > smallRecord+tlsrec.MaxOverhead {
			t.Errorf("send buffer %d: %d sealed bytes were pending, want %d", sendBuffer, most, smallRecord+tlsrec.MaxOverhead)
		}
		if full == 0 {
			t.Errorf("send buffer %d: the socket was never full", sendBuffer)
		}
		t.Logf("send buffer %d: full %d times, %d sealed bytes pending at most", sendBuffer, full, most)
	}
}

// A socket with room gets records of 16 KiB, which cost less.
func TestAnEmptySocketGetsLongRecords(t *testing.T) {
	t.Parallel()
	e := newEnd(t, suites[0], 256<<10)
	if n, err := e.Write(make([]byte, tlsrec.MaxPlaintext)); n != tlsrec.MaxPlaintext || err != nil {
		t.Fatal(n, err)
	}
	var header [5]byte
	if _, err := io.ReadFull(e.peer, header[:]); err != nil {
		t.Fatal(err)
	}
	if got := int(header[3])<<8 | int(header[4]); got <= tlsrec.MaxPlaintext && netpoll.HasRoom(e.Socket(), tlsrec.SealedLen(tlsrec.MaxPlaintext)) {
		t.Errorf("the first record has %d bytes", got)
	}
}

// TCP may cut records anywhere: the data is the same, and Held counts what has come of a record.
func TestARecordMayComeInParts(t *testing.T) {
	t.Parallel()
	for _, suite := range suites {
		e := newEnd(t, suite, 0)
		sealed := append(e.seal("one"), e.seal("two")...)
		for i := range sealed {
			e.send(sealed[i : i+1])
		}
		e.expect("onetwo")
		text := strings.Repeat("z", 50_000)
		for rest := e.seal(text); len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(20_000))
			e.send(rest[:n])
			rest = rest[n:]
		}
		e.expect(text)
	}
}

func TestTheEndOfThePeer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(e *end)
		want error // nil for any
	}{
		"close_notify":                  {func(e *end) { e.send(e.records.Out.Close(nil, nil)) }, io.EOF},
		"TCP without close_notify":      {func(e *end) { e.peer.CloseWrite() }, io.EOF},
		"TCP within a record":           {func(e *end) { e.send(e.seal("lost")[:9]); e.peer.CloseWrite() }, io.EOF},
		"a record that is changed":      {func(e *end) { b := e.seal("x"); b[7] ^= 1; e.send(b) }, nil},
		"a record again":                {func(e *end) { b := e.seal("x"); e.send(b); e.expect("x"); e.send(b) }, nil},
		"a record longer than 16 KiB":   {func(e *end) { e.send([]byte{23, 3, 3, 0x41, 1}) }, nil},
		"bytes that are not TLS":        {func(e *end) { e.send([]byte("GET / HTTP/1.1\r\n")) }, nil},
		"17 empty records":              {func(e *end) { e.send(empty(newSealer(e.t), tlsrec.MaxUseless+1)) }, nil},
		"17 KeyUpdates without data":    {func(e *end) { e.send(updates(e, tlsrec.MaxUseless+1, 0)) }, nil},
		"too many KeyUpdates with data": {func(e *end) { e.send(updates(e, tlsrec.MaxUpdates+1, 1)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, suites[0], 0)
			c.end(e)
			if name == "too many KeyUpdates with data" {
				e.expect(strings.Repeat("x", tlsrec.MaxUpdates))
			}
			e.expectEnd(c.want)
		})
	}
}

// updates returns KeyUpdates with so many records of data after each.
func updates(e *end, n, data int) (b []byte) {
	for range n {
		b = e.records.Out.KeyUpdate(b)
		for range data {
			b = append(b, e.seal("x")...)
		}
	}
	return b
}

// Empty records are no fault if data follows in time.
func TestEmptyRecordsBetweenData(t *testing.T) {
	t.Parallel()
	e, s := newEnd(t, suites[0], 0), newSealer(t)
	for range 5 {
		e.send(empty(s, tlsrec.MaxUseless))
		e.send(s.seal(23, []byte("data")...))
	}
	e.expect(strings.Repeat("data", 5))
}

// empty returns records without data.
func empty(s *sealer, n int) (b []byte) {
	for range n {
		b = append(b, s.seal(23)...)
	}
	return b
}

// A request for a KeyUpdate is answered once, in front of the next bytes.
func TestAKeyUpdateIsAnsweredInFrontOfTheNextBytes(t *testing.T) {
	t.Parallel()
	e := newEnd(t, suites[0], 0)
	e.send(newSealer(t).seal(22, 24, 0, 0, 1, 1)) // a KeyUpdate that requests one
	e.records.Out.KeyUpdate(nil)
	e.send(e.seal("behind"))
	e.expect("behind")
	for i, want := range []int{1, 1} { // the second write has none
		if _, err := e.Write([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for limit := time.Now().Add(patience); len(got) < len("answer") && time.Now().Before(limit); {
			data, _ := e.receive()
			got = append(got, data...)
		}
		if string(got) != "answer" || len(e.kinds) != want {
			t.Errorf("write %d: the peer got %q and %d KeyUpdates, want %d", i, got, len(e.kinds), want)
		}
	}
}

// A key of AES-GCM is replaced after 2^24 records, at a KeyUpdate in the stream.
func TestAKeyIsReplacedAfterItsRecords(t *testing.T) {
	t.Parallel()
	for _, suite := range suites {
		k := keysOf(suite)
		k.ServerSeq = tlsrec.RekeyAfter - 1
		e := newEndOf(t, k, 0)
		for range 3 {
			if _, err := e.Write([]byte("abc")); err != nil {
				t.Fatal(err)
			}
		}
		var got []byte
		for limit := time.Now().Add(patience); len(got) < 9 && time.Now().Before(limit); {
			data, _ := e.receive()
			got = append(got, data...)
		}
		want := 1
		if suite == tls.TLS_CHACHA20_POLY1305_SHA256 {
			want = 0
		}
		if string(got) != "abcabcabc" || len(e.kinds) != want {
			t.Errorf("%s: the peer got %q and %d KeyUpdates, want %d", tls.CipherSuiteName(suite), got, len(e.kinds), want)
		}
	}
}

func TestCloseWriteSendsCloseNotify(t *testing.T) {
	t.Parallel()
	e := newEnd(t, suites[0], 0)
	if _, err := e.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := e.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		data, ended := e.receive()
		if got = append(got, data...); ended {
			break
		}
	}
	if string(got) != "last" || len(e.kinds) != 1 || e.kinds[0] != tlsrec.Closed {
		t.Errorf("the peer got %q, then %v: want close_notify", got, e.kinds)
	}
	if _, err := e.Write([]byte("more")); err == nil {
		t.Error("a write after it has no error")
	}
	e.send(e.seal("still read"))
	e.expect("still read")
	if err := e.End(); err != nil {
		t.Error(err)
	}
	e.expectEnd(nil)
}

// Thousands of connections are silent after their first message, so none holds an AES object for it.
func TestANewConnHoldsNoAES(t *testing.T) {
	const n, want = 1000, 512
	conns := make([]*Conn, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range conns {
		s := &Stream{records: records(t, keysOf(suites[0]), false)}
		client := records(t, keysOf(suites[0]), true)
		sealed, err := client.Out.Seal(nil, []byte("GET / HTTP/1.1"))
		if err != nil {
			t.Fatal(err)
		}
		s.open(sealed)
		if len(s.plain) == 0 {
			t.Fatal("nothing was opened")
		}
		if _, err := s.records.Out.Seal(nil, []byte("x")); err != nil {
			t.Fatal(err)
		}
		conns[i] = New(nil, s, func() wheel.Tick { return 1 })
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := int64(after.HeapAlloc-before.HeapAlloc) / n; got > want {
		t.Errorf("got %d bytes for each connection, want %d", got, want)
	}
	runtime.KeepAlive(conns)
}

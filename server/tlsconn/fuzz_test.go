package tlsconn

import (
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/tlsrec"
)

// Whatever a client sends, and however TCP cuts it, a Stream reads the same bytes as crypto/tls, and sends the same alert.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 3, 6, 1, 0, 9, 8, 255}, uint16(0), uint16(0), byte(0), []byte{0})
	f.Add([]byte{3, 100, 4, 128, 5, 0, 0, 1}, uint16(1), uint16(9), byte(1), []byte{3, 200, 0})
	f.Add([]byte{4, 255}, uint16(0), uint16(0), byte(0), []byte{})
	f.Add([]byte{0, 3, 7, 181, 0, 3, 7, 80}, uint16(0), uint16(0), byte(0), []byte{7})
	f.Add([]byte{0, 3, 9, 4, 10, 20}, uint16(3), uint16(40), byte(7), []byte{1})
	f.Add([]byte{0, 3, 11, 71}, uint16(4), uint16(11), byte(0), []byte{255})
	f.Add([]byte{6, 2}, uint16(0), uint16(0), byte(0), []byte{4})
	f.Add([]byte{10, 21}, uint16(0), uint16(0), byte(0), []byte{4})
	f.Fuzz(func(t *testing.T, steps []byte, edit, at uint16, with byte, cuts []byte) {
		server, socket, k := newOracle(t)
		b := script(newSealerOf(t, k.ClientSecret), steps, edit, at, with)
		theirs, ours := &wire{rest: b}, &wire{rest: b, cuts: cuts}
		socket.Conn = theirs
		want := outcomeOf(t, server, theirs, k)
		s := &Stream{nc: ours, records: records(t, k, false)}
		got := outcomeOf(t, s, ours, k)
		if !got.like(want) {
			t.Errorf("got %d bytes, fault %v, alert %v; crypto/tls: %d bytes, fault %v, alert %v",
				len(got.data), got.fault, got.alert, len(want.data), want.fault, want.alert)
		}
	})
}

// The same holds for a Conn in the event loop. Its reads end with the first error, and CloseWrite sends the alert.
func TestAConnReadsAsCryptoTLSDoes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		steps := make([]byte, 2*(1+random.IntN(6)))
		for i := range steps {
			steps[i] = byte(random.IntN(256))
		}
		server, socket, k := newOracle(t)
		edit, at, with := uint16(random.IntN(8)), uint16(random.IntN(1<<16)), byte(1+random.IntN(255))
		b := script(newSealerOf(t, k.ClientSecret), steps, edit, at, with)
		theirs := &wire{rest: b}
		socket.Conn = theirs
		want := outcomeOf(t, server, theirs, k)

		e := newEndOf(t, k, 0)
		for rest := b; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(5000))
			if _, err := e.peer.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !want.fault {
			if err := e.peer.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		var got outcome
		for done := false; !done; {
			select {
			case r := <-e.read:
				got.data += r.data
				done = r.err != nil
				got.fault = done && !errors.Is(r.err, io.EOF)
			case <-time.After(patience):
				t.Fatal("no end")
			}
		}
		if got.fault {
			if err := e.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			sent, err := io.ReadAll(e.peer)
			if err != nil {
				t.Fatal(err)
			}
			got.alert = alertIn(t, sent, k)
		}
		if !got.like(want) {
			t.Errorf("steps %v, edit %d at %d with %d: got %d bytes, fault %v, alert %v; crypto/tls: %d bytes, fault %v, alert %v",
				steps, edit, at, with, len(got.data), got.fault, got.alert, len(want.data), want.fault, want.alert)
		}
	}
}

// alertIn returns the alert in the records of a server; close_notify for none.
func alertIn(t testing.TB, sent []byte, k *tlsrec.Keys) (alert tls.AlertError) {
	t.Helper()
	for in, src := &records(t, k, true).In, sent; ; {
		r, rest, err := in.Open(src)
		if alert, ok := errors.AsType[*tlsrec.Error](err); ok && alert.Received {
			return alert.Alert
		}
		if err != nil {
			t.Fatalf("the peer cannot open what was sent: %v", err)
		}
		if src = rest; r.Kind == tlsrec.More || r.Kind == tlsrec.Closed {
			return 0
		}
	}
}

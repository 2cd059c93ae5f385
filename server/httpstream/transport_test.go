package httpstream

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// silent is the connection of a response whose client sends what read returns.
type silent struct {
	fanout.Transport
	read func(p []byte) (int, bool, error)
}

func (s *silent) Read(p []byte) (int, bool, error) { return s.read(p) }

func quiet([]byte) (int, bool, error) { return 0, false, syscall.EAGAIN }

// testTimeout is the time limit for an event that must occur.
const testTimeout = testkit.Timeout

var rules = ws.Rules{MaxMessage: 1 << 20, MaxFragments: 1}

// take reads all messages that wait, in pieces of size bytes.
func take(t *testing.T, tr *Transport, size int) (all []string) {
	t.Helper()
	var d ws.Decoder
	p := make([]byte, size)
	for {
		n, more, err := tr.Read(p)
		if errors.Is(err, syscall.EAGAIN) {
			return all
		}
		if err != nil || !more {
			t.Fatalf("got %d bytes, more %v, %v", n, more, err)
		}
		for b := p[:n]; len(b) > 0; {
			m, rest, err := d.Next(&rules, b)
			if err != nil {
				t.Fatal(err)
			}
			if b = rest; m.Op == ws.OpText {
				all = append(all, string(m.Payload))
			}
			if m.Op == ws.OpContinuation {
				break
			}
		}
	}
}

// Commands are read once, whole and in order, whatever the size of the buffer.
func TestCommandsAreReadInOrder(t *testing.T) {
	t.Parallel()
	for size := 1; size < 70; size++ {
		tr := over(&silent{read: quiet})
		want := []string{"a", strings.Repeat("b", 200), "", "c\nd"}
		for _, c := range want {
			if err := tr.Put(t.Context(), ws.OpText, []byte(c)); err != nil {
				t.Fatal(err)
			}
		}
		if got := take(t, tr, size); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("buffer of %d bytes: got %q, want %q", size, got, want)
		}
		if tr.queue != nil {
			t.Fatal("an empty queue takes memory")
		}
	}
}

// Bytes of the client itself are an error, after the commands that were accepted before. So is its end.
func TestTheClientOfAStreamIsSilent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		read func([]byte) (int, bool, error)
		want error
	}{
		{func(p []byte) (int, bool, error) { return copy(p, "GET"), false, nil }, errExtraBytes},
		{func([]byte) (int, bool, error) { return 0, false, io.EOF }, io.EOF},
	} {
		tr := over(&silent{read: c.read})
		if err := tr.Put(t.Context(), ws.OpText, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 100)
		if n, more, err := tr.Read(p); n == 0 || !more || err != nil {
			t.Errorf("got %d bytes, more %v, %v; want the command", n, more, err)
		}
		if n, _, err := tr.Read(p); n != 0 || !errors.Is(err, c.want) {
			t.Errorf("got %d bytes, %v; want %v", n, err, c.want)
		}
	}
}

// A full queue makes requests wait until the loop reads. A command longer than the queue is accepted if the queue is empty.
func TestAFullQueueWaits(t *testing.T) {
	t.Parallel()
	tr := over(&silent{read: quiet})
	if err := tr.Put(t.Context(), ws.OpText, make([]byte, 2*MaxQueued)); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := tr.Put(short, ws.OpText, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the end of the context", err)
	}
	const waiting = 20
	long, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	results := make(chan error, waiting)
	for range waiting {
		go func() { results <- tr.Put(long, ws.OpText, []byte("waited")) }()
	}
	select {
	case err := <-results:
		t.Fatalf("got %v, want the requests to wait", err)
	case <-time.After(20 * time.Millisecond):
	}
	got := 0
	for done := 0; done < waiting || got <= waiting; {
		got += len(take(t, tr, 16<<10))
		select {
		case err := <-results:
			if done++; err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAClosedTransportAcceptsNoCommands(t *testing.T) {
	t.Parallel()
	tr := over(&silent{read: quiet})
	if err := tr.Put(t.Context(), ws.OpText, make([]byte, MaxQueued)); err != nil {
		t.Fatal(err)
	}
	var ready, done sync.WaitGroup
	long, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	for range 10 {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			if err := tr.Put(long, ws.OpText, []byte("x")); !errors.Is(err, ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		})
	}
	ready.Wait()
	tr.Close()
	tr.Close()
	done.Wait()
}

// over returns a Transport over one that has sent and received nothing.
func over(below fanout.Transport) *Transport { return &Transport{Transport: below} }

func FuzzCommands(f *testing.F) {
	f.Add([]byte(`{"session":"00000000000000000000000000000000","node":"n","data":"{\"id\":1}\n"}`), false)
	f.Add([]byte("\x0a\x01n\x12\x2000000000000000000000000000000000\x1a\x02\x00\x00"), true)
	f.Fuzz(func(t *testing.T, body []byte, isProtobuf bool) {
		if c, err := ParseCommands(body, isProtobuf); err == nil && (len(c.Data) == 0 || len(c.Data) > len(body)) {
			t.Errorf("got %d bytes of commands of a body of %d", len(c.Data), len(body))
		}
		if command, err := ConnectCommand(body); err == nil && strings.ContainsAny(string(command), "\r\n") {
			t.Errorf("got %q, want one line", command)
		}
	})
}

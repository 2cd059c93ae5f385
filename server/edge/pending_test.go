package edge

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
)

// answered returns connections whose requests are being handled.
func answered(t *testing.T, h *Pending, n int) (all []*PendingConn) {
	t.Helper()
	for range n {
		ours, theirs := testkit.Pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &PendingConn{Conn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours)), owner: h}
		h.onState(c, http.StateActive)
		all = append(all, c)
	}
	return all
}

func open(c *PendingConn) bool {
	_, err := c.Conn.Write([]byte("x"))
	return err == nil
}

// If too many requests are being handled, the one without progress for the longest time is evicted. A request with the API key is not
// evicted, and neither is a handshake that waits for a proxy request.
func TestAResponseWithProgressIsNotEvicted(t *testing.T) {
	t.Parallel()
	m := metrics.New(fanout.CloseLabels())
	h := newPending(slog.New(slog.DiscardHandler), m, func() int { return 1 << 20 })
	all := answered(t, h, MaxResponding)
	h.trust(all[0])
	h.awaitProxy(all[4])
	if _, err := all[1].Write([]byte("some of an answer")); err != nil {
		t.Fatal(err)
	}
	answered(t, h, 4)
	for i, want := range []bool{true, true, false, false, true, true} {
		if got := open(all[i]); got != want {
			t.Errorf("number %d: got open %v, want %v", i, got, want)
		}
	}
}

// If there are too many pending connections in all, the least useful are evicted first.
func TestAllPendingConnectionsAreBounded(t *testing.T) {
	most := 1 << 20
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return most })
	all := answered(t, h, 5)
	keyed, answering, waiting, flushing, kept := all[0], all[1], all[2], all[3], all[4]
	h.trust(keyed)
	h.Begin(waiting)
	h.onState(flushing, http.StateIdle)
	h.Mu.Lock()
	h.moveLocked(kept, h.Idle)
	h.Mu.Unlock()
	for i, c := range []*PendingConn{kept, flushing, waiting, answering} {
		for _, stays := range []*PendingConn{keyed, answering, waiting, flushing, kept}[:4-i] {
			if !open(stays) {
				t.Fatalf("after %d: a more useful connection was closed", i)
			}
		}
		most = 5 - i // as many as there are, and one more
		answered(t, h, 1)
		if open(c) {
			t.Fatalf("number %d is open, want it closed: it is the least useful", i)
		}
		most = 1 << 20
		h.Mu.Lock()
		newest := h.Responding.Back().Value.(*PendingConn)
		h.Mu.Unlock()
		h.End(newest)
	}
	if !open(keyed) {
		t.Error("the connection with the API key is closed, want it to be the last")
	}
}

// An evicted connection stays evicted, whatever its goroutine does before it notices. It releases its address once.
func TestAnEvictedConnectionStaysEvicted(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	released := map[*chat.Address]int{}
	h.release = func(a *chat.Address) { released[a]++ }
	all := answered(t, h, 3)
	for _, c := range all {
		c.source = &chat.Address{}
	}
	evicted, taken, ended := all[0], all[1], all[2]
	places := []*chat.Address{evicted.source, taken.source, ended.source}
	if !h.EvictOldest() || open(evicted) {
		t.Fatal("the oldest is not closed")
	}
	h.onState(evicted, http.StateIdle)
	h.onState(evicted, http.StateActive)
	if got := h.Length(h.Waiting, h.Responding, h.Flushing, h.Idle, h.AwaitingProxy, h.Trusted); got != 2 {
		t.Errorf("got %d connections, want the two that were not evicted", got)
	}
	h.onState(evicted, http.StateClosed)
	if got := h.take(taken); got != places[1] || h.take(taken) != nil {
		t.Errorf("got %p for the address of a connection that continues, want %p, once", got, places[1])
	}
	for range 2 {
		h.End(taken)
		h.End(ended)
	}
	for i, want := range []int{1, 0, 1} {
		if got := released[places[i]]; got != want {
			t.Errorf("connection %d: got its address released %d times, want %d", i, got, want)
		}
	}
}

// An idle connection is evicted without a reset, so that its client sends the next request on another connection. All others are reset.
func TestAnIdleConnectionIsEvictedWithoutReset(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	for _, kept := range []bool{true, false} {
		ours, theirs := testkit.Pipe(t)
		t.Cleanup(func() { theirs.Close() })
		c := &PendingConn{Conn: ours, owner: h}
		h.Mu.Lock()
		h.moveLocked(c, h.Waiting)
		if kept {
			h.moveLocked(c, h.Idle)
		}
		h.Mu.Unlock()
		if !h.EvictOldest() {
			t.Fatal("no connection to evict")
		}
		if err := theirs.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Read(make([]byte, 1)); errors.Is(err, io.EOF) != kept || errors.Is(err, syscall.ECONNRESET) == kept {
			t.Errorf("idle %v: got %v", kept, err)
		}
	}
}

// If a peer receives some bytes of a response that is in the kernel, its time without progress starts again.
func TestProgressInTheKernelCounts(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	ours, theirs := testkit.Pipe(t)
	t.Cleanup(func() { theirs.Close(); ours.Close() })
	if err := ours.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a full socket", err)
	}
	c := &PendingConn{Conn: ours, owner: h}
	h.Mu.Lock()
	h.moveLocked(c, h.Flushing)
	h.Mu.Unlock()
	start := time.Now()
	if cut := h.Stalled(start); len(cut) != 0 {
		t.Fatal("closed at once")
	}
	before := unsentBytes(ours)
	buf := make([]byte, 1<<20)
	eventually(t, "the kernel to have fewer bytes", func() bool {
		if _, err := theirs.Read(buf); err != nil {
			t.Fatal(err)
		}
		return unsentBytes(ours) < before
	})
	if unsentBytes(ours) == 0 {
		t.Fatal("the peer received everything, so the test is not valid")
	}
	later := start.Add(ResponseStall + time.Hour)
	if cut := h.Stalled(later); len(cut) != 0 {
		t.Error("closed in spite of progress")
	}
	h.Mu.Lock()
	c.unsent = unsentBytes(ours) // no further progress
	h.Mu.Unlock()
	if cut := h.Stalled(later.Add(ResponseStall - time.Millisecond)); len(cut) != 0 {
		t.Error("closed before the timeout")
	}
	if cut := h.Stalled(later.Add(ResponseStall)); len(cut) != 1 {
		t.Error("not closed after the timeout")
	}
}

// A connection with the API key is evicted last, also after a handshake that waits for a proxy request.
func TestAConnectionWithTheAPIKeyIsEvictedLast(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	all := answered(t, h, 2)
	keyed, asked := all[0], all[1]
	h.trust(keyed)
	h.awaitProxy(asked)
	if !h.EvictOldest() || open(asked) || !open(keyed) {
		t.Errorf("got the waiting handshake open %v, the connection with the key open %v", open(asked), open(keyed))
	}
}

// During a flood, the acceptor waits for descriptors: that of an evicted connection is free only when its goroutine ends.
func TestTheAcceptorWaitsForDescriptors(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 })
	var all []*PendingConn
	for range maxClosing + 3 {
		ours, theirs := testkit.Pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &PendingConn{Conn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours)), HeadRead: true}
		h.move(c, h.Waiting)
		all = append(all, c)
	}
	started := time.Now()
	h.awaitClosing()
	if took := time.Since(started); took < acceptErrorBackoff {
		t.Errorf("waited for %v, want %v: none of %d is free", took, acceptErrorBackoff, maxClosing+2)
	}
	for _, c := range all {
		h.End(c)
		h.End(c)
	}
	if h.closing != 0 {
		t.Errorf("got %d closing, want 0", h.closing)
	}
}

// One address may not have many pending connections for long, but may open any number.
func TestOneAddressMayNotHaveManyPendingConnections(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return MaxPending })
	var held []*PendingConn
	begin := func(address string, age time.Duration) *PendingConn {
		ours, theirs := testkit.Pipe(t)
		t.Cleanup(func() { theirs.Close() })
		c := &PendingConn{Conn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours))}
		h.Begin(c)
		h.Mu.Lock()
		c.Since = c.Since.Add(-age)
		h.Mu.Unlock()
		held = append(held, c)
		return c
	}
	for range MaxPendingAddress + 10 {
		begin("a", 0)
	}
	if got := h.Count(); got != MaxPendingAddress+10 {
		t.Fatalf("got %d, want all %d: none has waited for PendingGrace", got, MaxPendingAddress+10)
	}
	for _, c := range held[:20] {
		c.Since = c.Since.Add(-2 * PendingGrace)
	}
	begin("a", 0)
	if got := h.Count(); got != MaxPendingAddress+10 {
		t.Fatalf("got %d, want %d: one added, the oldest evicted", got, MaxPendingAddress+10)
	}
	if held[0].At != nil {
		t.Error("the oldest is still counted")
	}
	if _, err := held[0].Write([]byte("x")); err == nil {
		t.Error("the oldest is still open")
	}
}

// The timeout of a head does not close an idle connection.
func TestAnIdleConnectionOutlivesTheHeadTimeout(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 10 })
	c := answered(t, h, 1)[0]
	h.onState(c, http.StateIdle)
	eventually(t, "it to be idle", func() bool {
		h.Expire(time.Now())
		return h.Length(h.Idle) == 1
	})
	h.Expire(time.Now().Add(2 * HeadTimeout))
	if !open(c) {
		t.Error("it was closed")
	}
}

// A connection without a request, as browsers open ahead, is late: the server had a place for it.
func TestAConnectionWithoutARequestIsLateAndNotEvicted(t *testing.T) {
	m := metrics.New(fanout.CloseLabels())
	h := newPending(slog.New(slog.DiscardHandler), m, func() int { return MaxPending })
	ours, theirs := testkit.Pipe(t)
	t.Cleanup(func() { theirs.Close(); ours.Close() })
	h.Begin(&PendingConn{Conn: ours})
	h.Expire(time.Now().Add(2 * HeadTimeout))
	for result, want := range map[string]uint64{metrics.HandshakeLate: 1, metrics.HandshakeEvicted: 0} {
		if got := metrics.Value(m.Handshakes.WithLabelValues(result)); got != want {
			t.Errorf("%s: got %d, want %d", result, got, want)
		}
	}
}

// After a PROXY protocol header, a waiting connection counts for its client: those above the limit evict the oldest of this client.
func TestWaitingConnectionsCountForTheClientInTheHeader(t *testing.T) {
	h := newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return MaxPending })
	one, another := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("198.51.100.8")
	begin := func(client netip.Addr) *PendingConn {
		ours, theirs := testkit.Pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &PendingConn{Conn: ours}
		h.Begin(c)
		h.setAddress(c, client, nil)
		h.Mu.Lock()
		defer h.Mu.Unlock()
		c.Since = c.Since.Add(-2 * PendingGrace)
		return c
	}
	other := begin(another)
	oldest := begin(one)
	for range MaxPendingAddress - 1 {
		begin(one)
	}
	if !open(oldest) || h.Count() != MaxPendingAddress+1 {
		t.Fatalf("got %d waiting, the oldest open: %v; want all", h.Count(), open(oldest))
	}
	begin(one)
	if open(oldest) || !open(other) || h.Count() != MaxPendingAddress+1 {
		t.Errorf("got %d waiting, the oldest open: %v, another client's: %v; want the oldest evicted", h.Count(), open(oldest), open(other))
	}
	h.setAddress(oldest, another, nil) // it was evicted meanwhile
	for h.EvictOldest() {
	}
	if len(h.waiters.by) != 0 {
		t.Errorf("got the waiters %v, want none", h.waiters.by)
	}
}

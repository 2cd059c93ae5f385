package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/ws"
)

// HTTP requests whose responses are not read are bounded, and do not affect other clients.
func TestUnreadResponsesAreBounded(t *testing.T) {
	s := startAPI(t)
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	gather(t, s, edge.MaxResponding+1500, crowdUnread)
	h := s.edge.Pending
	if got := h.Length(h.Responding); got > edge.MaxResponding+1 { // one more may be arriving
		t.Errorf("got %d requests being handled, want %d at most", got, edge.MaxResponding)
	}
	for range 20 {
		c := dial(t, s, "lobby")
		c.send(ws.OpText, "hello")
		c.expect(ws.OpText, "hello")
		c.conn.Close()
	}
	call(t, s, "publish", `{"channel":"x","data":1}`)
	eventually(t, "the connections above the limit to be closed", func() bool {
		return value(t, s, "throng_http_refused_total", metrics.RejectedFull)+value(t, s, "throng_http_refused_total", metrics.RejectedSlow) > 1000
	})
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+20 })
}

// answered returns connections whose requests are being handled.
func answered(t *testing.T, h *edge.Pending, n int) (all []*edge.PendingConn) {
	t.Helper()
	for range n {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &edge.PendingConn{TCPConn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours)), Owner: h}
		h.OnState(c, http.StateActive)
		all = append(all, c)
	}
	return all
}

func open(c *edge.PendingConn) bool {
	_, err := c.TCPConn.Write([]byte("x"))
	return err == nil
}

// If too many requests are being handled, the one without progress for the longest time is evicted. A request with the API key is not
// evicted, and neither is a handshake that waits for a proxy request.
func TestAResponseWithProgressIsNotEvicted(t *testing.T) {
	t.Parallel()
	m := metrics.New(fanout.CloseLabels())
	h := edge.NewPending(slog.New(slog.DiscardHandler), m, func() int { return 1 << 20 })
	all := answered(t, h, edge.MaxResponding)
	h.Trust(all[0])
	h.AwaitProxy(all[4])
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
	h := edge.NewPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return most })
	all := answered(t, h, 5)
	keyed, answering, waiting, flushing, kept := all[0], all[1], all[2], all[3], all[4]
	h.Trust(keyed)
	h.Begin(waiting)
	h.OnState(flushing, http.StateIdle)
	h.Mu.Lock()
	h.MoveLocked(kept, h.Idle)
	h.Mu.Unlock()
	for i, c := range []*edge.PendingConn{kept, flushing, waiting, answering} {
		for _, stays := range []*edge.PendingConn{keyed, answering, waiting, flushing, kept}[:4-i] {
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
		newest := h.Responding.Back().Value.(*edge.PendingConn)
		h.Mu.Unlock()
		h.End(newest)
	}
	if !open(keyed) {
		t.Error("the connection with the API key is closed, want it to be the last")
	}
}

// An evicted connection stays evicted, whatever its goroutine does before it notices. It releases its address once.
func TestAnEvictedConnectionStaysEvicted(t *testing.T) {
	h := edge.NewPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	released := map[*chat.Address]int{}
	h.Release = func(a *chat.Address) { released[a]++ }
	all := answered(t, h, 3)
	for _, c := range all {
		c.Source = &chat.Address{}
	}
	evicted, taken, ended := all[0], all[1], all[2]
	places := []*chat.Address{evicted.Source, taken.Source, ended.Source}
	if !h.EvictOldest() || open(evicted) {
		t.Fatal("the oldest is not closed")
	}
	h.OnState(evicted, http.StateIdle)
	h.OnState(evicted, http.StateActive)
	if got := h.Length(h.Waiting, h.Responding, h.Flushing, h.Idle, h.AwaitingProxy, h.Trusted); got != 2 {
		t.Errorf("got %d connections, want the two that were not evicted", got)
	}
	h.OnState(evicted, http.StateClosed)
	if got := h.Take(taken); got != places[1] || h.Take(taken) != nil {
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
	h := edge.NewPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	for _, kept := range []bool{true, false} {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close() })
		c := &edge.PendingConn{TCPConn: ours, Owner: h}
		h.Mu.Lock()
		h.MoveLocked(c, h.Waiting)
		if kept {
			h.MoveLocked(c, h.Idle)
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
	h := edge.NewPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	ours, theirs := pipe(t)
	t.Cleanup(func() { theirs.Close(); ours.Close() })
	if err := ours.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a full socket", err)
	}
	c := &edge.PendingConn{TCPConn: ours, Owner: h}
	h.Mu.Lock()
	h.MoveLocked(c, h.Flushing)
	h.Mu.Unlock()
	start := time.Now()
	if cut := h.Stalled(start); len(cut) != 0 {
		t.Fatal("closed at once")
	}
	before := edge.UnsentBytes(ours)
	buf := make([]byte, 1<<20)
	eventually(t, "the kernel to have fewer bytes", func() bool {
		if _, err := theirs.Read(buf); err != nil {
			t.Fatal(err)
		}
		return edge.UnsentBytes(ours) < before
	})
	if edge.UnsentBytes(ours) == 0 {
		t.Fatal("the peer received everything, so the test is not valid")
	}
	later := start.Add(edge.ResponseStall + time.Hour)
	if cut := h.Stalled(later); len(cut) != 0 {
		t.Error("closed in spite of progress")
	}
	h.Mu.Lock()
	c.Unsent = edge.UnsentBytes(ours) // no further progress
	h.Mu.Unlock()
	if cut := h.Stalled(later.Add(edge.ResponseStall - time.Millisecond)); len(cut) != 0 {
		t.Error("closed before the timeout")
	}
	if cut := h.Stalled(later.Add(edge.ResponseStall)); len(cut) != 1 {
		t.Error("not closed after the timeout")
	}
}

// A connection with the API key is evicted last, also after a handshake that waits for a proxy request.
func TestAConnectionWithTheAPIKeyIsEvictedLast(t *testing.T) {
	h := edge.NewPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	all := answered(t, h, 2)
	keyed, asked := all[0], all[1]
	h.Trust(keyed)
	h.AwaitProxy(asked)
	if !h.EvictOldest() || open(asked) || !open(keyed) {
		t.Errorf("got the waiting handshake open %v, the connection with the key open %v", open(asked), open(keyed))
	}
}

// During a flood, the acceptor waits for descriptors: that of an evicted connection is free only when its goroutine ends.
func TestTheAcceptorWaitsForDescriptors(t *testing.T) {
	h := edge.NewPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 })
	var all []*edge.PendingConn
	for range edge.MaxClosing + 3 {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &edge.PendingConn{TCPConn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours)), HeadRead: true}
		h.Move(c, h.Waiting)
		all = append(all, c)
	}
	started := time.Now()
	h.AwaitClosing()
	if took := time.Since(started); took < edge.AcceptErrorBackoff {
		t.Errorf("waited for %v, want %v: none of %d is free", took, edge.AcceptErrorBackoff, edge.MaxClosing+2)
	}
	for _, c := range all {
		h.End(c)
		h.End(c)
	}
	if h.Closing != 0 {
		t.Errorf("got %d closing, want 0", h.Closing)
	}
}

// One address may not have many pending connections for long, but may open any number.
func TestOneAddressMayNotHaveManyPendingConnections(t *testing.T) {
	h := edge.NewPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return edge.MaxPending })
	var held []*edge.PendingConn
	begin := func(address string, age time.Duration) *edge.PendingConn {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close() })
		c := &edge.PendingConn{TCPConn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours))}
		h.Begin(c)
		h.Mu.Lock()
		c.Since = c.Since.Add(-age)
		h.Mu.Unlock()
		held = append(held, c)
		return c
	}
	for range edge.MaxPendingAddress + 10 {
		begin("a", 0)
	}
	if got := h.Count(); got != edge.MaxPendingAddress+10 {
		t.Fatalf("got %d, want all %d: none has waited for PendingGrace", got, edge.MaxPendingAddress+10)
	}
	for _, c := range held[:20] {
		c.Since = c.Since.Add(-2 * edge.PendingGrace)
	}
	begin("a", 0)
	if got := h.Count(); got != edge.MaxPendingAddress+10 {
		t.Fatalf("got %d, want %d: one added, the oldest evicted", got, edge.MaxPendingAddress+10)
	}
	if held[0].At != nil {
		t.Error("the oldest is still counted")
	}
	if _, err := held[0].Write([]byte("x")); err == nil {
		t.Error("the oldest is still open")
	}
}

// pipe returns both ends of a TCP connection.
func pipe(t testing.TB) (ours *net.TCPConn, theirs net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	theirs, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), theirs
}

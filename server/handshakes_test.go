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

// RELIABILITY: HTTP requests whose answers nobody reads are bounded in all, and cost the others nothing.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	s := startAPI(t)
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	gather(t, s, edge.MaxAnswering+1500, crowdUnread)
	h := s.edge.Handshakes
	if got := h.Length(h.Answering); got > edge.MaxAnswering+1 { // one more may be on its way in
		t.Errorf("got %d requests being answered, want %d at most", got, edge.MaxAnswering)
	}
	for range 20 {
		c := dial(t, s, "lobby")
		c.send(ws.OpText, "hello")
		c.hear(ws.OpText, "hello")
		c.conn.Close()
	}
	call(t, s, "publish", `{"channel":"x","data":1}`)
	eventually(t, "those over the limit to be closed", func() bool {
		return value(t, s, "throng_http_refused_total", metrics.RefusedFull)+value(t, s, "throng_http_refused_total", metrics.RefusedSlow) > 1000
	})
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+20 })
}

// answered are sockets whose requests are being answered.
func answered(t *testing.T, h *edge.Handshakes, n int) (all []*edge.Handshake) {
	t.Helper()
	for range n {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &edge.Handshake{TCPConn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours)), Owner: h}
		h.OnState(c, http.StateActive)
		all = append(all, c)
	}
	return all
}

func open(c *edge.Handshake) bool {
	_, err := c.TCPConn.Write([]byte("x"))
	return err == nil
}

// Of too many requests that are being answered, the one goes whose peer took nothing for the longest time. One of the server API
// does not, nor a handshake about which the application is asked.
func TestWhoTakesItsAnswerIsNotCutForOthers(t *testing.T) {
	t.Parallel()
	m := metrics.New(fanout.CloseLabels())
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), m, func() int { return 1 << 20 })
	all := answered(t, h, edge.MaxAnswering)
	h.Trust(all[0])
	h.Asks(all[4])
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

// When there are too many sockets in all, those go first that are of the least use.
func TestSocketsInAllAreBounded(t *testing.T) {
	most := 1 << 20
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return most })
	all := answered(t, h, 5)
	keyed, answering, waiting, flushing, kept := all[0], all[1], all[2], all[3], all[4]
	h.Trust(keyed)
	h.Begin(waiting)
	h.OnState(flushing, http.StateIdle)
	h.Mu.Lock()
	h.MoveLocked(kept, h.Kept)
	h.Mu.Unlock()
	for i, c := range []*edge.Handshake{kept, flushing, waiting, answering} {
		for _, stays := range []*edge.Handshake{keyed, answering, waiting, flushing, kept}[:4-i] {
			if !open(stays) {
				t.Fatalf("after %d: one of more use was closed", i)
			}
		}
		most = 5 - i // as much as there is, with one more
		answered(t, h, 1)
		if open(c) {
			t.Fatalf("number %d is open, want it closed: it is of the least use", i)
		}
		most = 1 << 20
		h.Mu.Lock()
		newest := h.Answering.Back().Value.(*edge.Handshake)
		h.Mu.Unlock()
		h.End(newest)
	}
	if !open(keyed) {
		t.Error("the API's is closed, want it to be the last")
	}
}

// What was evicted stays out, whatever its goroutine does before it has seen that, and gives its place back once.
func TestWhatWasEvictedStaysOut(t *testing.T) {
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
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
	if got := h.Length(h.Waiting, h.Answering, h.Flushing, h.Kept, h.Asking, h.Trusted); got != 2 {
		t.Errorf("got %d sockets counted, want the two that were not evicted", got)
	}
	h.OnState(evicted, http.StateClosed)
	if got := h.Take(taken); got != places[1] || h.Take(taken) != nil {
		t.Errorf("got %p for the place of a socket that goes on, want %p, once", got, places[1])
	}
	for range 2 {
		h.End(taken)
		h.End(ended)
	}
	for i, want := range []int{1, 0, 1} {
		if got := released[places[i]]; got != want {
			t.Errorf("socket %d: got its place given back %d times, want %d", i, got, want)
		}
	}
}

// A connection that is kept for another request ends in order, so that its client sends that elsewhere; any other by a reset.
func TestAKeptConnectionIsEvictedInOrder(t *testing.T) {
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	for _, kept := range []bool{true, false} {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close() })
		c := &edge.Handshake{TCPConn: ours, Owner: h}
		h.Mu.Lock()
		h.MoveLocked(c, h.Waiting)
		if kept {
			h.MoveLocked(c, h.Kept)
		}
		h.Mu.Unlock()
		if !h.EvictOldest() {
			t.Fatal("nothing to evict")
		}
		if err := theirs.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Read(make([]byte, 1)); errors.Is(err, io.EOF) != kept || errors.Is(err, syscall.ECONNRESET) == kept {
			t.Errorf("kept %v: got %v", kept, err)
		}
	}
}

// A peer that takes something of an answer, which the kernel still holds, has all of its time again.
func TestProgressOfAnAnswerInTheKernelCounts(t *testing.T) {
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	ours, theirs := pipe(t)
	t.Cleanup(func() { theirs.Close(); ours.Close() })
	if err := ours.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a full socket", err)
	}
	c := &edge.Handshake{TCPConn: ours, Owner: h}
	h.Mu.Lock()
	h.MoveLocked(c, h.Flushing)
	h.Mu.Unlock()
	start := time.Now()
	if cut := h.Stalled(start); len(cut) != 0 {
		t.Fatal("cut at once")
	}
	before := edge.UnsentBytes(ours)
	buf := make([]byte, 1<<20)
	eventually(t, "the kernel to hold less", func() bool {
		if _, err := theirs.Read(buf); err != nil {
			t.Fatal(err)
		}
		return edge.UnsentBytes(ours) < before
	})
	if edge.UnsentBytes(ours) == 0 {
		t.Fatal("all is taken: the test does not test")
	}
	later := start.Add(edge.AnswerStall + time.Hour)
	if cut := h.Stalled(later); len(cut) != 0 {
		t.Error("cut though it took something")
	}
	h.Mu.Lock()
	c.Unsent = edge.UnsentBytes(ours) // it takes no more
	h.Mu.Unlock()
	if cut := h.Stalled(later.Add(edge.AnswerStall - time.Millisecond)); len(cut) != 0 {
		t.Error("cut before its time")
	}
	if cut := h.Stalled(later.Add(edge.AnswerStall)); len(cut) != 1 {
		t.Error("not cut when its time is over")
	}
}

// A caller with the key is the last to go: also behind a handshake about which the application is asked.
func TestACallerWithTheKeyGoesLast(t *testing.T) {
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
	all := answered(t, h, 2)
	keyed, asked := all[0], all[1]
	h.Trust(keyed)
	h.Asks(asked)
	if !h.EvictOldest() || open(asked) || !open(keyed) {
		t.Errorf("got the one that is asked about open %v, the one with the key open %v", open(asked), open(keyed))
	}
}

// In a flood descriptors are let go before others are taken: one that was closed is free only when its goroutine has seen that.
func TestTheAcceptorWaitsForDescriptors(t *testing.T) {
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 })
	var all []*edge.Handshake
	for range edge.MaxClosing + 3 {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &edge.Handshake{TCPConn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours)), Whole: true}
		h.Enter(c, h.Waiting)
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
		t.Errorf("got %d closing, want 0: all are free", h.Closing)
	}
}

// One address may not hold many unfinished handshakes for long, but may begin as many as it likes.
func TestOneAddressMayNotHoldManyUnfinishedHandshakes(t *testing.T) {
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return edge.MaxHandshakes })
	var held []*edge.Handshake
	begin := func(address string, age time.Duration) *edge.Handshake {
		ours, theirs := pipe(t)
		t.Cleanup(func() { theirs.Close() })
		c := &edge.Handshake{TCPConn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours))}
		h.Begin(c)
		h.Mu.Lock()
		c.Since = c.Since.Add(-age)
		h.Mu.Unlock()
		held = append(held, c)
		return c
	}
	for range edge.MaxHandshakesAddr + 10 {
		begin("a", 0)
	}
	if got := h.Count(); got != edge.MaxHandshakesAddr+10 {
		t.Fatalf("got %d, want all %d: none has had its time", got, edge.MaxHandshakesAddr+10)
	}
	for _, c := range held[:20] {
		c.Since = c.Since.Add(-2 * edge.HandshakeGrace)
	}
	begin("a", 0)
	if got := h.Count(); got != edge.MaxHandshakesAddr+10 {
		t.Fatalf("got %d, want %d: one in, the oldest out", got, edge.MaxHandshakesAddr+10)
	}
	if held[0].At != nil {
		t.Error("the oldest is still held")
	}
	if _, err := held[0].Write([]byte("x")); err == nil {
		t.Error("the oldest is still open")
	}
}

// pipe is both ends of a TCP connection.
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

package brokertest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// available waits until the engine accepts appends again, and returns its newly opened log.
func available(t testing.TB, e broker.Engine) (l broker.Log) {
	t.Helper()
	again(t, e, func(ctx context.Context) (err error) { l, err = e.Open(ctx, 0); return err })
	return l
}

// availableTable waits until the engine opens a table again: a log is available before a new table finds a place on all nodes.
func availableTable(t testing.TB, e broker.Engine, name string) (table broker.Table) {
	t.Helper()
	again(t, e, func(ctx context.Context) (err error) { table, err = e.Table(ctx, name); return err })
	return table
}

// again repeats what fails until the engine is available.
func again(t testing.TB, e broker.Engine, do func(context.Context) error) {
	t.Helper()
	for end := time.Now().Add(patience(t)); ; time.Sleep(5 * time.Millisecond) {
		err := e.Health().Err
		if err == nil {
			ctx, cancel := context.WithTimeout(within(t), patience(t)/10) // a request that is lost has no answer
			err = do(ctx)
			cancel()
		}
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the engine is not available again: %v", err)
		}
	}
}

func nothingBlocks(t testing.TB, c Config) {
	e := c.Start(t)
	l := openLog(t, e, 0)
	table := openTable(t, e, "names")
	_, ended := watch(t, table)
	appendAll(t, l, 0, []byte("one"))
	c.Down(true)
	results := make(chan error, 2)
	l.Append(1, []byte("two"), func(err error) { results <- err })
	l.Append(2, []byte("three"), func(err error) { results <- err })
	for range 1000 {
		e.Send("another", []byte("message"))
		e.Broadcast([]byte("message"))
	}
	if e.Health().Err == nil {
		t.Error("an engine that is down reports that it accepts appends")
	}
	for range 2 {
		wantError(t, "append while the engine is down", receive(t, results, "done"), broker.ErrUnavailable)
	}
	if _, err := table.Put(within(t), "key", []byte("value"), nil, 0); err == nil {
		t.Error("Put succeeds while the engine is down")
	}
	wantError(t, "watch while the engine is down", receive(t, ended, "end of the watch"), broker.ErrUnavailable)
	c.Down(false)
	stop(t, e)
}

func comesBack(t testing.TB, c Config) {
	e := c.Start(t)
	var kept [][]byte
	for round := range 3 {
		l := available(t, e)
		_, records, last := replayed(t, l, 0)
		sameRecords(t, records[:min(len(kept), len(records))], kept)
		r := fmt.Appendf(nil, "round %d", round)
		appendAll(t, l, last, r)
		kept = append(records, r)
		c.Down(true)
		if err := appendOne(t, l, last+1, []byte("while down")); err == nil {
			t.Error("an append succeeds while the engine is down")
		}
		l.Close()
		c.Down(false)
	}
	l := available(t, e)
	_, records, _ := replayed(t, l, 0)
	sameRecords(t, records[:min(len(kept), len(records))], kept)
	put(t, availableTable(t, e, "names"), "key", "value")
	stop(t, e)
}

func fullDisk(t testing.TB, c Config) {
	if c.Full == nil {
		t.Skip("this engine has no way to fill its disk")
	}
	e := c.Start(t)
	l := openLog(t, e, 0)
	appendAll(t, l, 0, []byte("one"), []byte("two"))
	c.Full(true)
	wantError(t, "append on a full disk", appendOne(t, l, 2, []byte("three")), broker.ErrFull)
	wantError(t, "Health on a full disk", e.Health().Err, broker.ErrFull)
	l.Close()
	c.Full(false)
	l = available(t, e)
	_, records, last := replayed(t, l, 0)
	sameRecords(t, records[:2], [][]byte{[]byte("one"), []byte("two")})
	appendAll(t, l, last, []byte("after"))
}

func closedEngine(t testing.TB, c Config) {
	e := c.Start(t)
	l, table := openLog(t, e, 0), openTable(t, e, "names")
	appendAll(t, l, 0, []byte("one"))
	_, ended := watch(t, table)
	stop(t, e)
	stop(t, e)

	wantError(t, "watch of a closed engine", receive(t, ended, "end of the watch"), broker.ErrClosed)
	wantError(t, "append of a closed engine", appendOne(t, l, 1, []byte("two")), broker.ErrClosed)
	wantError(t, "Health of a closed engine", e.Health().Err, broker.ErrClosed)
	e.Send("another", []byte("message"))
	e.Broadcast([]byte("message"))
	ctx := within(t)
	_, err := e.Open(ctx, 0)
	wantError(t, "Open of a closed engine", err, broker.ErrClosed)
	_, err = e.Table(ctx, "names")
	wantError(t, "Table of a closed engine", err, broker.ErrClosed)
	_, err = l.Replay(ctx, 0, func(uint64, []byte) error { return nil })
	wantError(t, "Replay of a closed engine", err, broker.ErrClosed)
	_, _, err = l.Extent(ctx)
	wantError(t, "Extent of a closed engine", err, broker.ErrClosed)
	wantError(t, "Trim of a closed engine", l.Trim(ctx, 1), broker.ErrClosed)
	_, err = table.Put(ctx, "key", []byte("value"), nil, 0)
	wantError(t, "Put of a closed engine", err, broker.ErrClosed)
	_, err = table.Delete(ctx, "key")
	wantError(t, "Delete of a closed engine", err, broker.ErrClosed)
	wantError(t, "Watch of a closed engine", table.Watch(ctx, func(string, []byte, uint64, bool) {}), broker.ErrClosed)
	l.Close()
}

func messagesArrive(t testing.TB, c Config) {
	if c.Peer == nil {
		t.Skip("this engine has one node")
	}
	a, b := c.Start(t), c.Peer(t)
	if a.Self() == b.Self() {
		t.Fatalf("two nodes have the ID %q", a.Self())
	}
	got := make(chan string, 1000)
	met := make(chan struct{})
	meet := sync.OnceFunc(func() { close(met) })
	b.Receive(func(from broker.NodeID, m []byte) {
		if string(m) == "greeting" {
			meet()
			return
		}
		got <- string(from) + ": " + string(m)
	})
	for waits := true; waits; { // messages before the peer is known are lost
		a.Broadcast([]byte("greeting"))
		select {
		case <-met:
			waits = false
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the nodes do not meet")
		}
	}
	for i := range 100 {
		m := fmt.Appendf(nil, "message %d", i)
		if i%2 == 0 {
			a.Send(b.Self(), m)
		} else {
			a.Broadcast(m)
		}
	}
	for i := range 100 {
		if m, want := receive(t, got, "message"), fmt.Sprintf("%s: message %d", a.Self(), i); m != want {
			t.Fatalf("message %d is %q, want %q", i, m, want)
		}
	}
}

func lossesAreReported(t testing.TB, c Config) {
	if c.Peer == nil {
		t.Skip("this engine has one node")
	}
	a, b := c.Start(t), c.Peer(t)
	lost := make(chan struct{}, 100)
	b.Receive(func(broker.NodeID, []byte) {})
	b.Lost(func() { lost <- struct{}{} })
	c.Drop(true)
	for range 100 {
		a.Send(b.Self(), []byte("message"))
	}
	c.Drop(false)
	receive(t, lost, "report of lost messages")
}

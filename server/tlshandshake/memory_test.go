package tlshandshake

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// A handshake that waits for its client has a small stack with llib: crypto/tls computes on the goroutine that waits.
func TestAWaitingHandshakeHasASmallStack(t *testing.T) {
	ours, blocking := stackOfWaiting(t, EngineLLib), stackOfWaiting(t, EngineStd)
	if ours > blocking*9/10 {
		t.Errorf("got %d bytes of stack for each, want less than nine tenths of the %d with crypto/tls", ours, blocking)
	}
	t.Logf("%d bytes of stack; with crypto/tls %d", ours, blocking)
}

// 2,000 handshakes may wait for their clients, with as much garbage and their stacks beside them: 64 MiB.
func TestAWaitingHandshakeHolds12KiB(t *testing.T) {
	const waiting, want = 300, 12 << 10
	hello := helloBytes(t)
	address, _ := echo(t, newHandshaker(t, configOf(EngineLLib, "ECDSA")), nil)
	var before, after runtime.MemStats
	for n := range 2 * waiting { // the first half fills pools
		if n == waiting {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		if _, err := nc.Write(hello); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(nc, make([]byte, 5)); err != nil { // the server has computed its first flight
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	got := int64(after.HeapAlloc-before.HeapAlloc) / waiting
	if got > want {
		t.Errorf("got %d bytes of heap for each, want %d", got, want)
	}
	t.Logf("%d bytes of heap for each, both sides of TCP included", got)
}

// stackOfWaiting returns the bytes of stack for each handshake that waits after the hello of its client.
func stackOfWaiting(t *testing.T, engine string) uint64 {
	t.Helper()
	const waiting = 200
	address, _ := echo(t, newHandshaker(t, configOf(engine, "ECDSA")), nil)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range waiting {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		tls.Client(helloOnly{nc}, clientOf(tls.VersionTLS13, 0)).Handshake()
		if _, err := io.ReadFull(nc, make([]byte, 5)); err != nil { // the server has computed its first flight
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	return max(after.StackInuse, before.StackInuse)/waiting - before.StackInuse/waiting
}

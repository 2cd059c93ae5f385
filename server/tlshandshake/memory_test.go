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

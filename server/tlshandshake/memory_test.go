package tlshandshake

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// A handshake that waits for its client has a small stack: the one that computes grows to 12 KiB.
func TestAWaitingHandshakeHasASmallStack(t *testing.T) {
	const waiting = 200
	address, _ := echo(t, newHandshaker(t, configOf(EngineLLib, "ECDSA")), nil)
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
	stack, heap := (after.StackInuse-before.StackInuse)/waiting, (after.HeapInuse-before.HeapInuse)/waiting
	if stack > 8<<10 {
		t.Errorf("got %d bytes of stack for each, want 8 KiB at most", stack)
	}
	t.Logf("%d bytes of stack, %d of heap (with garbage)", stack, heap)
}

package edge

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/rand/v2"

	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tlshandshake"
)

func emptyPending() *Pending {
	return newPending(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 1 << 20 })
}

// waitFrom adds a connection without a socket to Waiting.
func waitFrom(pd *Pending, host byte) *PendingConn {
	c := &PendingConn{}
	if host > 0 {
		c.Address = netip.AddrFrom4([4]byte{192, 0, 2, host})
	}
	pd.moveLocked(c, pd.Waiting)
	return c
}

// A crowd from some addresses loses its own connections, also if those of others are older.
func TestACrowdEvictsNoClientOfAnotherAddress(t *testing.T) {
	t.Parallel()
	pd := emptyPending()
	waitFrom(pd, 1)
	waitFrom(pd, 0) // of a proxy
	var crowd []*PendingConn
	for i := range MaxPending - 1 {
		crowd = append(crowd, waitFrom(pd, byte(2+i%7)))
	}
	for i := range 7 * 20 { // by then the addresses have equally many again
		newest := waitFrom(pd, byte(2+i%7))
		over, why := pd.excessLocked(newest)
		if over == nil || over.in != pd.Waiting || why != metrics.RejectedFull {
			t.Fatalf("got %v and %q, want a waiting connection to be evicted", over, why)
		}
		if !over.Address.IsValid() || over.Address == netip.AddrFrom4([4]byte{192, 0, 2, 1}) {
			t.Fatalf("after %d: a client of address %v is evicted", i, over.Address)
		}
		if n := pd.waiters.count(over.Address); n < (MaxPending-1)/7 {
			t.Fatalf("after %d: an address with %d connections loses one", i, n)
		}
		pd.removeLocked(over)
	}
	if crowd[0].At != nil {
		t.Error("the oldest of the crowd is still there")
	}
}

// If no address has two connections, the oldest goes, that of a proxy too.
func TestTheOldestIsEvictedIfAllAddressesHaveOne(t *testing.T) {
	t.Parallel()
	pd := emptyPending()
	proxy, first := waitFrom(pd, 0), waitFrom(pd, 1)
	waitFrom(pd, 2)
	for i, want := range []*PendingConn{proxy, first} {
		got, _ := pd.leastUsefulLocked()
		if got != want {
			t.Errorf("number %d: got address %v, want %v", i, got.Address, want.Address)
		}
		pd.removeLocked(got)
	}
}

// The address with the most connections is found after any sequence of arrivals and departures.
func TestTheAddressWithTheMostIsFound(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pd := emptyPending()
	var all []*PendingConn // in their order
	for step := range 20_000 {
		if len(all) == 0 || random.IntN(100) < 52 {
			all = append(all, waitFrom(pd, byte(1+random.IntN(1+random.IntN(20)))))
		} else {
			at := random.IntN(len(all))
			pd.removeLocked(all[at])
			all = append(all[:at], all[at+1:]...)
		}
		counts := map[netip.Addr]int{}
		most := 1
		for _, c := range all {
			counts[c.Address]++
			most = max(most, counts[c.Address])
		}
		var want *PendingConn
		for _, c := range all {
			if most > 1 && counts[c.Address] == most {
				want = c
				break
			}
		}
		if got := pd.waiters.oldestOfMost(); got != want {
			t.Fatalf("step %d with %d connections: got %+v, want %+v", step, len(all), got, want)
		}
		if len(pd.waiters.order) != len(counts) || len(pd.waiters.by) != len(counts) {
			t.Fatalf("step %d: %d and %d addresses, want %d", step, len(pd.waiters.order), len(pd.waiters.by), len(counts))
		}
	}
}

// A client whose handshake waits for a processor is not silent. Its time begins when the server has answered, once.
func TestAQueuedHandshakeIsNotSilent(t *testing.T) {
	t.Parallel()
	pd := emptyPending()
	queued, behind := waitFrom(pd, 1), waitFrom(pd, 1)
	pd.queue(queued)
	silent := func(after time.Duration) *PendingConn {
		return pd.waiters.silent(queued.Address, time.Now().Add(after))
	}
	if got := silent(PendingGrace); got != behind {
		t.Errorf("the first to be silent: got %p, want the one that is not queued", got)
	}
	pd.removeLocked(behind)
	if silent(time.Hour) != nil {
		t.Error("the queued one counts as silent")
	}
	for i, age := range []time.Duration{0, time.Minute} {
		queued.Since = queued.Since.Add(-time.Minute)
		pd.awaitClient(queued)
		if got := time.Since(queued.Since) > time.Minute-time.Second; got != (age > 0) {
			t.Errorf("call %d: it has waited for %v", i, time.Since(queued.Since))
		}
		if silent(PendingGrace) != queued {
			t.Errorf("call %d: it is not silent after PendingGrace", i)
		}
	}
}

// A handshake is queued from its hello until the server reads from the client again.
func TestATLSHandshakeIsQueuedUntilItsAnswer(t *testing.T) {
	t.Parallel()
	pd := emptyPending()
	file := filepath.Join(t.TempDir(), "pair.pem")
	testkit.WriteCertificate(t, file+".crt", file, &x509.Certificate{NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}, nil)
	pair, err := tls.LoadX509KeyPair(file+".crt", file)
	if err != nil {
		t.Fatal(err)
	}
	computes := make(chan struct{})
	h, err := tlshandshake.New(tlshandshake.Config{
		Engine: tlshandshake.EngineLLib, MinVersion: tls.VersionTLS13, Workers: 1,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			computes <- struct{}{} // holds the slot
			return &pair, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ac := &Acceptor{Edge: &Edge{Pending: pd, metrics: pd.metrics}, Log: slog.New(slog.DiscardHandler), tls: h}
	ours, theirs := testkit.Pipe(t)
	go tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).Handshake()
	hello := make([]byte, 5)
	if _, err := io.ReadFull(ours, hello); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, int(hello[3])<<8|int(hello[4]))
	if _, err := io.ReadFull(ours, rest); err != nil {
		t.Fatal(err)
	}
	c := &PendingConn{Conn: ours, Address: limiter.AddressKey(fanout.PeerOf(ours)), ReadAhead: append(hello, rest...)}
	pd.Begin(c)
	done := make(chan bool)
	go func() { done <- ac.startTLS(c) }()
	queued := func() bool {
		pd.Mu.Lock()
		defer pd.Mu.Unlock()
		return c.queued
	}
	eventually(t, "the handshake to be queued", queued)
	<-computes
	if !<-done {
		t.Fatal("the handshake failed")
	}
	if queued() {
		t.Error("it is queued after the server read the answer of the client")
	}
}

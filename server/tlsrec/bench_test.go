package tlsrec

import (
	"crypto/tls"
	"fmt"
	"testing"
	"unsafe"
)

// The budget of an idle connection is 1,300 bytes, with the state of its WebSocket.
func TestBytesOfAConnection(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(Conn{}); got > 264 {
		t.Errorf("a Conn has %d bytes: doc.go says 264", got)
	}
	t.Logf("In %d, Out %d, Conn %d bytes", unsafe.Sizeof(In{}), unsafe.Sizeof(Out{}), unsafe.Sizeof(Conn{}))
}

func TestSealingAndOpeningAllocateNothing(t *testing.T) {
	for i := range suites {
		server, client := pair(t, &suites[i])
		plain, buf := make([]byte, 500), make([]byte, 0, SealedLen(500))
		allocs := testing.AllocsPerRun(100, func() {
			sealed, err := server.Out.Seal(buf, plain)
			if err != nil {
				t.Fatal(err)
			}
			if r, rest, err := client.In.Open(sealed); r.Kind != Data || len(rest) > 0 || err != nil {
				t.Fatal(r.Kind, err)
			}
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations a record", tls.CipherSuiteName(suites[i].id), allocs)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	for i := range suites {
		for _, n := range []int{132, 4096, MaxPlaintext} {
			b.Run(fmt.Sprintf("%s/%d", tls.CipherSuiteName(suites[i].id), n), func(b *testing.B) {
				server, _ := pair(b, &suites[i])
				plain, buf := make([]byte, n), make([]byte, 0, SealedLen(n))
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := server.Out.Seal(buf, plain); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkSealParked(b *testing.B) {
	server, _ := pair(b, &suites[aes13])
	plain, buf := make([]byte, 132), make([]byte, 0, SealedLen(132))
	b.ReportAllocs()
	for b.Loop() {
		server.Out.Park()
		if _, err := server.Out.Seal(buf, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for i := range suites {
		b.Run(tls.CipherSuiteName(suites[i].id)+"/132", func(b *testing.B) {
			server, client := pair(b, &suites[i])
			sealed := mustSeal(b, &client.Out, string(make([]byte, 132)))
			buf, seq := make([]byte, len(sealed)), server.In.seq
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, sealed)
				server.In.seq = seq
				if r, _, err := server.In.Open(buf); r.Kind != Data || err != nil {
					b.Fatal(r.Kind, err)
				}
			}
		})
	}
}

func BenchmarkKeyUpdate(b *testing.B) {
	server, client := pair(b, &suites[aes13])
	b.ReportAllocs()
	for b.Loop() {
		server.In.updates, server.In.useless = 0, 0
		if _, _, err := openAll(&server.In, client.Out.KeyUpdate(nil)); err != nil {
			b.Fatal(err)
		}
	}
}

package tlshandshake

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/throng-chat/throng/server/tlsrec"
)

// Both engines agree with crypto/tls, and with each other.
func TestCryptoTLSConnects(t *testing.T) {
	t.Parallel()
	b := make([]byte, 100_000)
	rand.Read(b)
	states := map[string]State{}
	var mu sync.Mutex
	t.Run("engines", func(t *testing.T) {
		eachEngine(t, func(t *testing.T, engine string) {
			for _, suite := range append([]uint16{0}, tlsrec.Suites12()...) {
				version := uint16(tls.VersionTLS12)
				if suite == 0 {
					version = tls.VersionTLS13
				}
				address, outcomes := echo(t, newHandshaker(t, configOf(engine, kindOf(suite))), nil)
				state := dial(t, address, clientOf(version, suite), b)
				got := <-outcomes
				if got.err != nil {
					t.Fatal(got.err)
				}
				if got.Suite != state.CipherSuite || suite != 0 && got.Suite != suite || got.Version != version {
					t.Errorf("the server has %s, the client %s", tls.CipherSuiteName(got.Suite), tls.CipherSuiteName(state.CipherSuite))
				}
				if got.Protocol != "http/1.1" || got.ServerName != "localhost" || got.Resumed {
					t.Errorf("got %+v", got.State)
				}
				mu.Lock()
				states[fmt.Sprint(engine, suite)] = got.State
				mu.Unlock()
			}
		})
	})
	for _, suite := range append([]uint16{0}, tlsrec.Suites12()...) {
		a, b := states[fmt.Sprint(EngineLLib, suite)], states[fmt.Sprint(EngineStd, suite)]
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("llib: %+v, crypto/tls: %+v", a, b)
		}
	}
}

// llib 1.2.5 does not look at the processor by itself.
func TestAESIsChosenWhereTheProcessorHasIt(t *testing.T) {
	t.Parallel()
	if !cpu.X86.HasAES && !cpu.ARM64.HasAES {
		t.Skip("this processor has no AES")
	}
	eachEngine(t, func(t *testing.T, engine string) {
		address, _ := echo(t, newHandshaker(t, configOf(engine, "ECDSA")), nil)
		state := dial(t, address, clientOf(tls.VersionTLS13, 0), []byte("x"))
		if state.CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
			t.Errorf("got %s", tls.CipherSuiteName(state.CipherSuite))
		}
		if state.CurveID != tls.X25519MLKEM768 {
			t.Errorf("key exchange %v: want %v", state.CurveID, tls.X25519MLKEM768)
		}
	})
}

func TestSessionsAreResumed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		h := newHandshaker(t, configOf(engine, "ECDSA"))
		address, outcomes := echo(t, h, nil)
		client := clientOf(tls.VersionTLS13, 0)
		client.ClientSessionCache = tls.NewLRUClientSessionCache(10)
		next := func(what string, want bool) {
			t.Helper()
			state := dial(t, address, client, []byte("hello"))
			if got := <-outcomes; got.err != nil || got.Resumed != want || state.DidResume != want {
				t.Errorf("%s: resumed %v and %v, error %v: want %v", what, got.Resumed, state.DidResume, got.err, want)
			}
		}
		next("first", false)
		next("second", true)
		h.RotateTickets()
		h.RotateTickets()
		next("after two rotations", true)
		for range 3 {
			h.RotateTickets()
		}
		next("after three rotations", false)
		next("with the new ticket", true)
		h.ReplaceTickets()
		next("after the keys were replaced", false)
	})
}

func TestTLS12IsNotResumed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		address, outcomes := echo(t, newHandshaker(t, configOf(engine, "ECDSA")), nil)
		client := clientOf(tls.VersionTLS12, 0)
		client.ClientSessionCache = tls.NewLRUClientSessionCache(10)
		for range 3 {
			dial(t, address, client, []byte("hello"))
			if got := <-outcomes; got.err != nil || got.Resumed {
				t.Errorf("resumed %v, %v", got.Resumed, got.err)
			}
		}
	})
}

func TestWithoutTicketsTheFirstRecordIsNumberZero(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		address, outcomes := echo(t, newHandshaker(t, configOf(engine, "ECDSA")), nil)
		client := clientOf(tls.VersionTLS13, 0)
		client.SessionTicketsDisabled = true
		dial(t, address, client, []byte("hello"))
		if got := <-outcomes; got.err != nil {
			t.Error(got.err)
		}
	})
}

// slowReads gives the bytes of a connection one by one.
type slowReads struct{ net.Conn }

func (c slowReads) Read(b []byte) (int, error) { return c.Conn.Read(b[:1]) }

func TestAHelloMayComeByteByByte(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			address, outcomes := echo(t, newHandshaker(t, configOf(engine, "ECDSA")), func(nc net.Conn) net.Conn { return slowReads{nc} })
			dial(t, address, clientOf(version, 0), []byte("hello"))
			if got := <-outcomes; got.err != nil || len(got.Rest) > 0 {
				t.Errorf("%d bytes read behind the handshake, %v", len(got.Rest), got.err)
			}
		}
	})
}

// held is the connection of a client. After hold, it keeps its writes back.
type held struct {
	net.Conn
	hold bool
	kept []byte
}

func (c *held) Write(b []byte) (int, error) {
	if !c.hold {
		return c.Conn.Write(b)
	}
	c.kept = append(c.kept, b...)
	return len(b), nil
}

// What the client sends directly after its Finished message stays sealed, and is not lost.
func TestDataBehindTheHandshakeIsNotForTheEngine(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		for cut := range 3 {
			address, outcomes := echo(t, newHandshaker(t, configOf(engine, "ECDSA")), nil)
			nc, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(patience))
			h := &held{Conn: nc}
			cfg := clientOf(tls.VersionTLS13, 0)
			cfg.VerifyConnection = func(tls.ConnectionState) error { h.hold = true; return nil } // only the Finished message follows
			c := tls.Client(h, cfg)
			for _, b := range []string{"one", "two"} {
				if _, err := c.Write([]byte(b)); err != nil {
					t.Fatal(err)
				}
			}
			// Everything at once, but for the last bytes.
			late := h.kept[len(h.kept)-7*cut:]
			if _, err := nc.Write(h.kept[:len(h.kept)-len(late)]); err != nil {
				t.Fatal(err)
			}
			got := <-outcomes
			if got.err != nil || len(got.Rest) == 0 {
				t.Fatalf("%d bytes behind the handshake, %v", len(got.Rest), got.err)
			}
			if _, err := nc.Write(late); err != nil {
				t.Fatal(err)
			}
			echoed := make([]byte, 6)
			if _, err := io.ReadFull(c, echoed); err != nil || string(echoed) != "onetwo" {
				t.Errorf("got %q, %v", echoed, err)
			}
		}
	})
}

func BenchmarkHandshake(b *testing.B) {
	for _, version := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		for _, engine := range []string{EngineLLib, EngineStd, "crypto/tls alone"} {
			b.Run(tls.VersionName(version)+"/"+engine, func(b *testing.B) {
				var h *Handshaker
				if engine != "crypto/tls alone" {
					h = newHandshaker(b, configOf(engine, "ECDSA"))
				}
				base := &tls.Config{Certificates: []tls.Certificate{*certificates()["ECDSA"]}}
				b.ReportAllocs()
				for b.Loop() {
					server, client := net.Pipe()
					done := make(chan error, 1)
					go func() { done <- tls.Client(client, clientOf(version, 0)).Handshake() }()
					var err error
					if h != nil {
						_, err = h.Handshake(server, netip.Addr{}, nil, nil)
					} else {
						err = tls.Server(server, base).Handshake()
					}
					server.Close()
					client.Close()
					if err = errors.Join(err); err != nil {
						b.Fatal(err)
					}
					<-done
				}
			})
		}
	}
}

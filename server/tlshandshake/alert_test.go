package tlshandshake

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Each engine refuses what is obsolete with the alert of the RFCs.
func TestWhatIsObsoleteIsRefusedWithAnAlert(t *testing.T) {
	t.Parallel()
	const handshakeFailure, protocolVersion, noApplicationProtocol = 40, 70, 120
	upTo12 := func(suites ...uint16) *tls.Config {
		cfg := clientOf(tls.VersionTLS12, 0)
		cfg.MinVersion, cfg.CipherSuites = tls.VersionTLS10, suites
		return cfg
	}
	for name, tt := range map[string]struct {
		certificate string
		client      *tls.Config
		want        tls.AlertError
	}{
		"TLS 1.0":             {"ECDSA", clientOf(tls.VersionTLS10, 0), protocolVersion},
		"TLS 1.1":             {"ECDSA", clientOf(tls.VersionTLS11, 0), protocolVersion},
		"RSA key exchange":    {"RSA", upTo12(tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_CBC_SHA), handshakeFailure},
		"CBC":                 {"RSA", upTo12(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256), handshakeFailure},
		"3DES":                {"RSA", upTo12(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), handshakeFailure},
		"RC4":                 {"RSA", upTo12(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA), handshakeFailure},
		"another certificate": {"ECDSA", upTo12(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), handshakeFailure},
		"P-521": {"ECDSA", func() *tls.Config {
			cfg := clientOf(tls.VersionTLS13, 0)
			cfg.CurvePreferences = []tls.CurveID{tls.CurveP521}
			return cfg
		}(), handshakeFailure},
		"HTTP/2 alone": {"ECDSA", func() *tls.Config {
			cfg := clientOf(tls.VersionTLS13, 0)
			cfg.NextProtos = []string{"h2"}
			return cfg
		}(), noApplicationProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine string) {
				address, outcomes := echo(t, newHandshaker(t, configOf(engine, tt.certificate)), nil)
				nc, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				err = errors.Join(nc.SetDeadline(time.Now().Add(patience)), tls.Client(nc, tt.client).Handshake())
				var remote *net.OpError
				if !errors.As(err, &remote) || remote.Op != "remote error" || remote.Err.Error() != tt.want.Error() {
					t.Errorf("got %v, want the alert %v", err, tt.want)
				}
				if got := <-outcomes; got.err == nil {
					t.Error("the server has no error")
				}
			})
		})
	}
}

// firstRecord is the hello of a client.
func firstRecord(t testing.TB, cfg *tls.Config) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go tls.Client(theirs, cfg).Handshake()
	b := make([]byte, 4<<10)
	n, err := ours.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// script is a peer that sends bytes, then ends its side, and keeps what it gets.
type script struct {
	net.Conn
	send, got []byte
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.send) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.send)
	s.send = s.send[n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error) {
	s.got = append(s.got, b...)
	return len(b), nil
}

// FuzzHandshake has a peer send anything. Each engine ends with an error: nobody completes a handshake without keys. It sends nothing but whole
// records.
func FuzzHandshake(f *testing.F) {
	handshakers := map[string]*Handshaker{}
	for _, engine := range []string{EngineLLib, EngineStd} {
		handshakers[engine] = newHandshaker(f, configOf(engine, "ECDSA"))
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		hello := firstRecord(f, clientOf(version, 0))
		f.Add(hello)
		f.Add(slices.Concat(hello, hello))
		f.Add(slices.Concat(hello, []byte{20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 53}, make([]byte, 53)))
		f.Add(slices.Concat(hello, []byte{21, 3, 3, 0, 2, 1, 0}))
		for _, at := range []int{5, 9, 43, 76, 80, len(hello) - 1} {
			bad := slices.Clone(hello)
			bad[at] ^= 0xff
			f.Add(bad)
		}
	}
	f.Add([]byte{22, 3, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for engine, h := range handshakers {
			peer := &script{send: b}
			if _, err := h.Handshake(peer, netip.Addr{}, nil, nil); err == nil || errors.Is(err, ErrPanic) {
				t.Errorf("%s: got %v", engine, err)
			}
			for got := peer.got; len(got) > 0; {
				n := 5
				if len(got) >= 5 {
					n += int(got[3])<<8 + int(got[4])
				}
				if n > len(got) {
					t.Fatalf("%s: %d bytes of a record of %d", engine, len(got), n)
				}
				got = got[n:]
			}
		}
	})
}

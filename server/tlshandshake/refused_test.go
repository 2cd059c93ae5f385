package tlshandshake

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestWhatIsNotTLSIsRefused(t *testing.T) {
	t.Parallel()
	endless := bytes.Repeat(append([]byte{22, 3, 1, 0x40, 0}, append([]byte{1, 0, 0xff, 0xff}, make([]byte, 1<<14-4)...)...), 5)
	eachEngine(t, func(t *testing.T, engine string) {
		for _, c := range []struct {
			name string
			send []byte
			want error // nil for any
		}{
			{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), ErrNotTLS},
			{"a letter", []byte("G"), ErrNotTLS},
			{"SSL 2", []byte{0x80, 46, 1, 3, 3}, ErrNotTLS},
			{"application data", []byte{23, 3, 3, 0, 1, 0}, ErrNotTLS},
			{"a long record", []byte{22, 3, 1, 0x41, 1}, errRecordLength},
			{"a hello without end", endless, errTooLong},
			{"an alert", []byte{21, 3, 1, 0, 2, 2, 40}, nil},
			{"nothing", nil, io.EOF},
			{"half a header", []byte{22, 3}, io.EOF},
		} {
			address, outcomes := echo(t, newHandshaker(t, configOf(engine, "ECDSA")), nil)
			nc, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			nc.Write(c.send)
			nc.(*net.TCPConn).CloseWrite()
			got := <-outcomes
			if got.err == nil || c.want != nil && !errors.Is(got.err, c.want) {
				t.Errorf("%s: got %v: want %v", c.name, got.err, c.want)
			}
			nc.Close()
		}
	})
}

// helloOnly is a connection that gives a client nothing to read.
type helloOnly struct{ net.Conn }

func (helloOnly) Read([]byte) (int, error) { return 0, io.EOF }

// A handshake that waits for its peer computes nothing, so it holds no slot.
func TestHangingHandshakesDelayNoOther(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		cfg := configOf(engine, "ECDSA")
		cfg.Workers = 1
		address, outcomes := echo(t, newHandshaker(t, cfg), nil)
		for i := range 50 {
			nc, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if i%2 == 0 {
				continue // silent
			}
			// The first record of the server's answer is there, so its handshake waits for the client, which hangs.
			nc.SetDeadline(time.Now().Add(patience))
			tls.Client(helloOnly{nc}, clientOf(tls.VersionTLS13, 0)).Handshake()
			if _, err := io.ReadFull(nc, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
		}
		dial(t, address, clientOf(tls.VersionTLS13, 0), []byte("hello"))
		if got := <-outcomes; got.err != nil {
			t.Error(got.err)
		}
	})
}

// A handshake whose connection is closed while it waits for a slot computes nothing.
func TestAHandshakeThatWasClosedTakesNoSlot(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		computes, proceed := make(chan struct{}), make(chan struct{})
		cfg := configOf(engine, "ECDSA")
		cfg.Workers = 1
		cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			computes <- struct{}{}
			<-proceed
			return certificates()["ECDSA"], nil
		}
		h := newHandshaker(t, cfg)
		address, outcomes := echo(t, h, nil)
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if _, err := nc.Write(helloBytes(t)); err != nil {
			t.Fatal(err)
		}
		<-computes
		server, client := net.Pipe()
		defer server.Close()
		defer client.Close()
		gone := make(chan struct{})
		close(gone)
		if _, err := h.Handshake(server, netip.Addr{}, helloBytes(t), gone); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v: want %v", err, net.ErrClosed)
		}
		nc.Close()
		close(proceed)
		if got := <-outcomes; got.err == nil {
			t.Error("a handshake without its client is complete")
		}
	})
}

// captured keeps what a client sends.
type captured struct {
	helloOnly
	b []byte
}

func (c *captured) Write(b []byte) (int, error) {
	c.b = append(c.b, b...)
	return len(b), nil
}

// helloBytes is the first record of a client.
func helloBytes(t *testing.T) []byte {
	t.Helper()
	c := &captured{}
	if err := tls.Client(c, clientOf(tls.VersionTLS13, 0)).Handshake(); len(c.b) == 0 {
		t.Fatal(err)
	}
	return c.b
}

func TestClientCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		good := certificates()["ECDSA"]
		leaf, err := x509.ParseCertificate(good.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		cfg := configOf(engine, "RSA")
		cfg.ClientCAs = x509.NewCertPool()
		cfg.ClientCAs.AddCert(leaf)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			address, outcomes := echo(t, newHandshaker(t, cfg), nil)
			client := clientOf(version, 0)
			client.Certificates = []tls.Certificate{*good}
			dial(t, address, client, []byte("hello"))
			if got := <-outcomes; got.err != nil || len(got.PeerCertificates) != 1 {
				t.Errorf("with a certificate: %d, %v", len(got.PeerCertificates), got.err)
			}
			for _, bad := range [][]tls.Certificate{nil, {*certificates()["RSA"]}} {
				client.Certificates = bad
				nc, err := tls.Dial("tcp", address, client)
				if err == nil { // TLS 1.3: the alert follows later
					_, err = io.ReadAll(nc)
					nc.Close()
				}
				if got := <-outcomes; got.err == nil || err == nil {
					t.Errorf("with %d bad certificates: the server %v, the client %v", len(bad), got.err, err)
				}
			}
		}
	})
}

func TestAPanicCostsOneHandshake(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		cfg := configOf(engine, "ECDSA")
		cfg.Workers = 1
		cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "panic.example" {
				panic("planted")
			}
			return certificates()["ECDSA"], nil
		}
		address, outcomes := echo(t, newHandshaker(t, cfg), nil)
		bad := clientOf(tls.VersionTLS13, 0)
		bad.ServerName = "panic.example"
		if nc, err := tls.Dial("tcp", address, bad); err == nil {
			nc.Close()
			t.Error("the client has a connection")
		}
		if got := <-outcomes; !errors.Is(got.err, ErrPanic) {
			t.Errorf("got %v, want %v", got.err, ErrPanic)
		}
		dial(t, address, clientOf(tls.VersionTLS13, 0), []byte("hello"))
		if got := <-outcomes; got.err != nil {
			t.Error(got.err)
		}
	})
}

func TestAConfigThatIsNotUsableIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"engine":      func(c *Config) { c.Engine = "openssl" },
		"TLS 1.1":     func(c *Config) { c.MinVersion = tls.VersionTLS11 },
		"certificate": func(c *Config) { c.GetCertificate = nil },
	} {
		cfg := configOf(EngineLLib, "RSA")
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheMinimumVersionHolds(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		cfg := configOf(engine, "ECDSA")
		cfg.MinVersion = tls.VersionTLS13
		address, outcomes := echo(t, newHandshaker(t, cfg), nil)
		nc, err := tls.Dial("tcp", address, clientOf(tls.VersionTLS12, 0))
		if got := <-outcomes; err == nil || got.err == nil {
			t.Errorf("TLS 1.2: the client %v, the server %v", err, got.err)
		}
		if nc != nil {
			nc.Close()
		}
	})
}

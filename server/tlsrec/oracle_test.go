package tlsrec

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// certificateFor makes a self-signed certificate.
func certificateFor(t testing.TB, useRSA bool) tls.Certificate {
	t.Helper()
	var key any
	var public any
	if useRSA {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	} else {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tap is a connection whose written bytes are kept.
type tap struct {
	net.Conn
	mu    sync.Mutex
	sent  []byte
	quiet bool // keeps nothing, and sends nothing
}

func (c *tap) Write(b []byte) (int, error) {
	if c.quiet {
		return len(b), nil
	}
	c.mu.Lock()
	c.sent = append(c.sent, b...)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *tap) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.sent
	c.sent = nil
	return sent
}

// oracle is a connection between two ends of crypto/tls, with its secrets.
type oracle struct {
	server, client         *tls.Conn
	fromServer, fromClient *tap
	keys                   *Keys
}

func newOracle(t testing.TB, version, id uint16) *oracle {
	t.Helper()
	a, b := net.Pipe()
	o := &oracle{fromServer: &tap{Conn: a}, fromClient: &tap{Conn: b}}
	var log bytes.Buffer
	o.server = tls.Server(o.fromServer, &tls.Config{
		Certificates: []tls.Certificate{certificateFor(t, strings.Contains(tls.CipherSuiteName(id), "RSA"))},
		MinVersion:   version, MaxVersion: version, CipherSuites: []uint16{id}, KeyLogWriter: &log,
		SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
	})
	o.client = tls.Client(o.fromClient, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
	failed := make(chan error, 1)
	go func() { failed <- o.client.Handshake() }()
	if err := o.server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	o.keys = &Keys{Version: version, Suite: o.server.ConnectionState().CipherSuite}
	hello := o.fromServer.take()
	o.fromClient.take()
	for line := range strings.Lines(log.String()) {
		fields := strings.Fields(line)
		random, secret := unhex(t, fields[1]), unhex(t, fields[2])
		switch fields[0] {
		case "CLIENT_TRAFFIC_SECRET_0":
			o.keys.ClientSecret = secret
		case "SERVER_TRAFFIC_SECRET_0":
			o.keys.ServerSecret = secret
		case "CLIENT_RANDOM":
			o.keys.Master, o.keys.ClientRandom, o.keys.ServerRandom = secret, random, hello[11:43]
			o.keys.ClientSeq, o.keys.ServerSeq = 1, 1
		}
	}
	return o
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send writes b at one end of crypto/tls, and returns what it put on the wire. The other end reads it.
func (o *oracle) send(t *testing.T, from, to *tls.Conn, wire *tap, b []byte) []byte {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(to, make([]byte, len(b)))
		done <- err
	}()
	if _, err := from.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return wire.take()
}

// crypto/tls and we seal the same bytes, and open each other's.
func TestRecordsAreThoseOfCryptoTLS(t *testing.T) {
	t.Parallel()
	eachSuite(t, func(t *testing.T, s *suite) {
		o := newOracle(t, s.version, s.id)
		if o.keys.Suite != s.id {
			t.Skipf("crypto/tls agrees on %s here: OpenSSL's client asks for this one (package tlshandshake)", tls.CipherSuiteName(o.keys.Suite))
		}
		server, err := New(o.keys, false)
		if err != nil {
			t.Fatal(err)
		}
		client, err := New(o.keys, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 16, 132, 4096, MaxPlaintext, MaxPlaintext + 1, 40_000} {
			b := make([]byte, n)
			rand.Read(b)
			for _, way := range []struct {
				from, to     *tls.Conn
				wire         *tap
				ours, theirs *Conn
			}{
				{o.server, o.client, o.fromServer, server, client},
				{o.client, o.server, o.fromClient, client, server},
			} {
				want := o.send(t, way.from, way.to, way.wire, b)
				got := mustSeal(t, &way.ours.Out, string(b))
				if !bytes.Equal(got, want) {
					t.Fatalf("%d bytes are sealed in another way: got %d bytes, want %d", n, len(got), len(want))
				}
				if data, _, err := openAll(&way.theirs.In, want); data != string(b) || err != nil {
					t.Fatalf("%d bytes of crypto/tls: got %d, %v", n, len(data), err)
				}
			}
		}
		go io.Copy(io.Discard, o.client)
		if err := o.server.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		want := o.fromServer.take()
		if got := server.Out.Close(nil, nil); !bytes.Equal(got, want) {
			t.Errorf("close_notify is %x: want %x", got, want)
		}
		if _, kinds, err := openAll(&client.In, want); len(kinds) != 1 || kinds[0] != Closed || err != nil {
			t.Errorf("close_notify of crypto/tls: got %v, %v", kinds, err)
		}
	})
}

// crypto/tls continues after our KeyUpdates, and answers those that request an answer.
func TestCryptoTLSFollowsOurKeyUpdates(t *testing.T) {
	t.Parallel()
	o := newOracle(t, tls.VersionTLS13, 0)
	server, err := New(o.keys, false)
	if err != nil {
		t.Fatal(err)
	}
	wire := o.fromServer.Conn // ours writes in place of the server of crypto/tls
	for range 10 {
		sealed := server.Out.seal(nil, typeHandshake, []byte{keyUpdate, 0, 0, 1, 1})
		server.Out.update()
		sealed = append(sealed, mustSeal(t, &server.Out, "after")...)
		written := make(chan error, 1)
		go func() {
			_, err := wire.Write(sealed)
			written <- err
		}()
		go func() { // the client answers from within Read
			buf := make([]byte, 100)
			n, err := wire.Read(buf)
			if err == nil {
				_, kinds, openErr := openAll(&server.In, buf[:n])
				if err = openErr; err == nil && (len(kinds) != 1 || kinds[0] != Ignored) {
					t.Errorf("the answer of crypto/tls: %v", kinds)
				}
			}
			written <- err
		}()
		got := make([]byte, 5)
		if _, err := io.ReadFull(o.client, got); err != nil || string(got) != "after" {
			t.Fatalf("got %q, %v", got, err)
		}
		for range 2 {
			if err := <-written; err != nil {
				t.Fatal(err)
			}
		}
		// Data pays for the updates of the client.
		for range RecordsPerUpdate {
			go o.client.Write([]byte("x"))
			buf := make([]byte, 100)
			n, err := wire.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if data, _, err := openAll(&server.In, buf[:n]); data != "x" || err != nil {
				t.Fatalf("got %q, %v", data, err)
			}
		}
	}
}

// BenchmarkSealCryptoTLS is BenchmarkSeal of crypto/tls, with the call of a Write that does nothing.
func BenchmarkSealCryptoTLS(b *testing.B) {
	for _, n := range []int{132, 4096, MaxPlaintext} {
		b.Run("TLS_AES_128_GCM_SHA256/"+strconv.Itoa(n), func(b *testing.B) {
			o := newOracle(b, tls.VersionTLS13, 0)
			o.fromServer.quiet = true
			plain := make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := o.server.Write(plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package tlsconn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/tlsrec"
)

// outcome is what the server's side of a connection makes of the bytes of a client.
type outcome struct {
	data  string
	fault bool           // the bytes break the protocol, or are an alert of the client
	alert tls.AlertError // that the server sent; close_notify for none
}

// like reports whether two outcomes are the same. The alerts may differ: crypto/tls sends bad_record_mac where RFC 8446 asks for
// unexpected_message (5.2), and others where a message is not well-formed.
func (o outcome) like(other outcome) bool {
	return o.data == other.data && o.fault == other.fault && (o.alert == 0) == (other.alert == 0)
}

// script makes the bytes of a client of its input: records of all kinds, cut and changed.
//
// Each step is two bytes, a kind and an argument. Then one edit changes a byte, inserts it, or ends the bytes there.
func script(s *sealer, steps []byte, edit, at uint16, with byte) (b []byte) {
	updates := 0
	for ; len(steps) >= 2 && len(b) < 100_000; steps = steps[2:] {
		kind, arg := steps[0], steps[1]
		switch kind % 12 {
		case 0, 1, 2: // data
			b = append(b, s.seal(23, bytes.Repeat([]byte{arg}, 1+int(arg))...)...)
		case 3: // data with padding
			b = append(b, s.sealInner(append([]byte{arg, 23}, make([]byte, arg)...))...)
		case 4: // a long record
			b = append(b, s.seal(23, make([]byte, tlsrec.MaxPlaintext-128+int(arg))...)...)
		case 5: // an empty record
			b = append(b, s.seal(23)...)
		case 6: // KeyUpdate; we allow fewer than crypto/tls
			if updates++; updates <= tlsrec.MaxUpdates {
				b = append(b, s.seal(22, 24, 0, 0, 1, arg%3)...)
				s.update()
			}
		case 7: // an alert
			b = append(b, s.seal(21, 1+arg&1, arg>>1)...)
		case 8: // close_notify
			if arg > 200 {
				b = append(b, s.seal(21, 1, 0)...)
			}
		case 9: // another handshake message
			b = append(b, s.seal(22, arg, 0, 0, 1, 0)...)
		case 10: // another content type
			b = append(b, s.seal(arg, arg)...)
		case 11: // garbage
			b = append(b, bytes.Repeat([]byte{arg}, 1+int(arg>>4))...)
		}
	}
	if len(b) == 0 {
		return b
	}
	switch pos := int(at) % len(b); edit % 8 {
	case 1, 2:
		b[pos] ^= with
	case 3:
		b = append(b[:pos], append([]byte{with}, b[pos:]...)...)
	case 4:
		b = b[:pos]
	}
	return b
}

// wire is a socket: it returns bytes in pieces, then io.EOF, and keeps what is written.
type wire struct {
	net.Conn
	rest []byte
	cuts []byte // lengths of the pieces, in turn
	n    int
	sent []byte
}

func (w *wire) Read(b []byte) (int, error) {
	if len(w.rest) == 0 {
		return 0, io.EOF
	}
	most := len(b)
	if len(w.cuts) > 0 {
		most = min(most, 1+int(w.cuts[w.n%len(w.cuts)]))
		w.n++
	}
	n := copy(b[:most], w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *wire) Write(b []byte) (int, error) {
	w.sent = append(w.sent, b...)
	return len(b), nil
}

func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }

var oracleCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// switched is a net.Conn whose bytes come from another one after the handshake.
type switched struct{ net.Conn }

// newOracle returns a connection of crypto/tls after its handshake, with its secrets.
func newOracle(t testing.TB) (server *tls.Conn, socket *switched, k *tlsrec.Keys) {
	t.Helper()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	defer ours.Close()
	var log bytes.Buffer
	socket = &switched{ours}
	server = tls.Server(socket, &tls.Config{
		Certificates: []tls.Certificate{oracleCertificate()}, MinVersion: tls.VersionTLS13, KeyLogWriter: &log, SessionTicketsDisabled: true,
	})
	failed := make(chan error, 1)
	go func() { failed <- tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	if err := errors.Join(server.Handshake(), <-failed); err != nil {
		t.Fatal(err)
	}
	k = &tlsrec.Keys{Version: tls.VersionTLS13, Suite: server.ConnectionState().CipherSuite}
	for line := range strings.Lines(log.String()) {
		fields := strings.Fields(line)
		secret, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		switch fields[0] {
		case "CLIENT_TRAFFIC_SECRET_0":
			k.ClientSecret = secret
		case "SERVER_TRAFFIC_SECRET_0":
			k.ServerSecret = secret
		}
	}
	return server, socket, k
}

// outcomeOf reads all of r, whose server has written to w.
func outcomeOf(t testing.TB, r io.Reader, w *wire, k *tlsrec.Keys) (o outcome) {
	t.Helper()
	data, err := io.ReadAll(r)
	o.data, o.fault = string(data), err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF)
	o.alert = alertIn(t, w.sent, k)
	return o
}

package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/tlsclient"
	"github.com/throng-chat/throng/server/testkit"
)

// tlsServer starts a server whose certificate is valid for some time. It returns its address and the file of the certificate.
func tlsServer(t *testing.T, left time.Duration, change func(*tls.Config)) (address string, file []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(left), DNSNames: []string{"chat.example", "a\nb"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if change != nil {
		change(srv.TLS)
	}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestTheServerIsVisited(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	mutual := func(cfg *tls.Config) {
		cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	}
	for _, tt := range []struct {
		name    string
		left    time.Duration
		change  func(*tls.Config)
		adjust  func(*tlsclient.Settings)
		grade   Grade
		want    []string
		without string
	}{
		{"all is well", 30 * day, nil, nil, OK, []string{"OK: wss://chat.example: TLS 1.3, TLS_", "certificate for chat.example", " until 20"}, "renew"},
		{"the certificate expires soon", 3*day + time.Hour, nil, nil, Warn, []string{"WARN: ", "TLS 1.3", "expires in 3.0 days: renew it"}, ""},
		{"the certificate has expired", -day, nil, nil, Stop, []string{"STOP: ", "expired at 20"}, "TLS 1.3"},
		{"the certificate has expired, but any is accepted", -day, nil, func(s *tlsclient.Settings) { s.Insecure = true }, Warn, []string{"WARN: ", "has expired"}, ""},
		{"the authority is unknown", 30 * day, nil, func(s *tlsclient.Settings) { s.CA = nil }, Stop, []string{"STOP: wss://chat.example: ", "use --ca FILE"}, "TLS 1.3"},
		{"a client certificate is required", 30 * day, mutual, nil, Stop, []string{"STOP: ", "use --cert FILE and --key FILE"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, file := tlsServer(t, tt.left, tt.change)
			settings := tlsclient.Settings{CA: file}
			if tt.adjust != nil {
				tt.adjust(&settings)
			}
			client, err := tlsclient.New(settings, "chat.example")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
			defer cancel()
			r := &Report{OK: true}
			r.Visit(ctx, "wss://chat.example", address, client)
			if r.Server.Grade != tt.grade || r.OK != (tt.grade != Stop) {
				t.Errorf("got %+v, and OK = %v", r.Server, r.OK)
			}
			var text bytes.Buffer
			if err := r.WriteText(&text, false); err != nil {
				t.Fatal(err)
			}
			line := strings.Split(text.String(), "\n")[1]
			for _, want := range tt.want {
				if !strings.Contains(line, want) {
					t.Errorf("got the line %q, want %q in it", line, want)
				}
			}
			if tt.without != "" && strings.Contains(line, tt.without) {
				t.Errorf("got the line %q, want no %q in it", line, tt.without)
			}
		})
	}
}

func TestAServerThatIsAwayIsReported(t *testing.T) {
	t.Parallel()
	client, err := tlsclient.New(tlsclient.Settings{}, "chat.example")
	if err != nil {
		t.Fatal(err)
	}
	r := &Report{OK: true}
	r.Visit(t.Context(), "wss://chat.example", "127.0.0.1:1", client)
	if r.OK || r.Server.Grade != Stop || !strings.Contains(r.Server.Why, "refused") {
		t.Errorf("got %+v", r.Server)
	}
}

package tlsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/throng-chat/throng/server/tlsrec"
)

// Settings are the settings of TLS for all connections. The zero value trusts the authorities of this system.
type Settings struct {
	CA         []byte `json:"ca,omitempty"`          // PEM: the trusted authorities, in place of those of the system
	Cert       []byte `json:"cert,omitempty"`        // PEM: the client certificate with its chain; empty for none
	Key        []byte `json:"key,omitempty"`         // PEM: its private key
	Insecure   bool   `json:"insecure,omitempty"`    // accept every server certificate
	ServerName string `json:"server_name,omitempty"` // the name to request and to verify, in place of the host of the URL
}

// Set reports whether a setting differs from its default.
func (se *Settings) Set() bool {
	return len(se.CA)+len(se.Cert)+len(se.Key)+len(se.ServerName) > 0 || se.Insecure
}

// Client makes handshakes with one server. Any goroutine may use it.
type Client struct{ base *tls.Config }

// New returns a client for a server that is named host in its URL. The errors name the flags of the settings.
func New(s Settings, host string) (*Client, error) {
	base := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		CipherSuites:       tlsrec.Suites12(),
		NextProtos:         []string{"http/1.1"},
		ServerName:         host,
		InsecureSkipVerify: s.Insecure,
	}
	if s.ServerName != "" {
		base.ServerName = s.ServerName
	}
	var errs []error
	if len(s.CA) > 0 {
		base.RootCAs = x509.NewCertPool()
		if !base.RootCAs.AppendCertsFromPEM(s.CA) {
			errs = append(errs, errors.New("ca: has no certificate in PEM form"))
		}
	}
	switch {
	case len(s.Cert) > 0 && len(s.Key) > 0:
		pair, err := tls.X509KeyPair(s.Cert, s.Key)
		if err != nil {
			errs = append(errs, fmt.Errorf("cert and key: %w", err))
		}
		base.Certificates = []tls.Certificate{pair}
	case len(s.Cert) > 0:
		errs = append(errs, errors.New("key: missing: --cert needs the private key of its certificate"))
	case len(s.Key) > 0:
		errs = append(errs, errors.New("cert: missing: --key needs the certificate of its private key"))
	}
	return &Client{base: base}, errors.Join(errs...)
}

// Config returns the settings for a client of crypto/tls.
func (c *Client) Config() *tls.Config { return c.base.Clone() }

// Handshake makes a handshake on nc, and blocks until it is complete or ctx ends. The caller closes nc after an error. The error is an *Error
// if every other connection would have it, too.
func (c *Client) Handshake(ctx context.Context, nc net.Conn) (*Session, string, error) {
	rc, log := &recordConn{Conn: nc}, &keyLog{}
	cfg := c.base.Clone() // for a key log of its own
	cfg.KeyLogWriter = log
	conn := tls.Client(rc, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, "", explain(err)
	}
	state := conn.ConnectionState()
	records, err := tlsrec.New(rc.keys(&state, log), true)
	if err != nil {
		return nil, "", err
	}
	s := &Session{records: *records}
	return s, describe(&state), s.early(rc.unread)
}

// describe returns version and cipher suite as text.
func describe(state *tls.ConnectionState) string {
	return tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
}

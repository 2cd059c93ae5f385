package tlsclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/tlsrec"
)

// Error is a fault of TLS that every connection to the server would have. Its text says what to do.
type Error struct {
	text string
	err  error // nil for none
}

func (e *Error) Error() string { return e.text }

func (e *Error) Unwrap() error { return e.err }

// The alerts that a fault of the settings causes (RFC 8446, 6.2).
const (
	alertHandshakeFailure    tls.AlertError = 40
	alertProtocolVersion     tls.AlertError = 70
	alertUnrecognizedName    tls.AlertError = 112
	alertCertificateRequired tls.AlertError = 116
	alertNoProtocol          tls.AlertError = 120
)

// aboutCertificate are the alerts about the certificate of the client.
var aboutCertificate = []tls.AlertError{42, 43, 44, 45, 46, 48, 49}

// explain returns an *Error for a fault that has nothing to do with one connection, and other errors as they are.
func explain(err error) error {
	text := ""
	if e := (tls.RecordHeaderError{}); errors.As(err, &e) {
		text = "the server does not speak TLS: use ws://"
	} else if e := (*tls.CertificateVerificationError)(nil); errors.As(err, &e) {
		text = certificateFault(e)
	} else if alert, ok := received(err); ok {
		text = alertFault(alert)
	}
	if text == "" {
		return err
	}
	return &Error{text: text, err: err}
}

// certificateFault describes why the certificate of the server was not accepted.
func certificateFault(e *tls.CertificateVerificationError) string {
	unknown, name, invalid := x509.UnknownAuthorityError{}, x509.HostnameError{}, x509.CertificateInvalidError{}
	const otherwise = ", or --insecure to accept any certificate"
	switch {
	case errors.As(e.Err, &name):
		return fmt.Sprintf("the server's certificate is for %s, not for %s: use --server-name NAME"+otherwise, names(name.Certificate), name.Host)
	case errors.As(e.Err, &unknown):
		return fmt.Sprintf("the server's certificate is not trusted: its issuer %q is unknown: use --ca FILE with the certificate of the authority"+otherwise,
			issuer(e.UnverifiedCertificates))
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		from, to := invalid.Cert.NotBefore, invalid.Cert.NotAfter
		if time.Now().Before(from) {
			return fmt.Sprintf("the server's certificate is not valid before %s: check the clock, or use --insecure", from.UTC().Format(time.DateTime))
		}
		return fmt.Sprintf("the server's certificate expired at %s: renew it, or use --insecure", to.UTC().Format(time.DateTime))
	default:
		return fmt.Sprintf("the server's certificate is not valid: %v", e.Err)
	}
}

// issuer returns who has signed the last certificate that the server sent.
func issuer(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	return chain[len(chain)-1].Issuer.String()
}

// names returns the names and IP addresses of a certificate, at most five.
func names(c *x509.Certificate) string {
	const most = 5
	list := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	switch {
	case len(list) == 0:
		return "no name"
	case len(list) > most:
		list = append(list[:most], fmt.Sprintf("%d more", len(list)-most))
	}
	return strings.Join(list, ", ")
}

// received returns the alert that the server sent, if that is the error.
func received(err error) (tls.AlertError, bool) {
	if e := (*tlsrec.Error)(nil); errors.As(err, &e) {
		return e.Alert, e.Received
	}
	// The alerts of crypto/tls have a type that is not exported.
	e := (*net.OpError)(nil)
	if !errors.As(err, &e) || e.Op != "remote error" {
		return 0, false
	}
	for alert := range tls.AlertError(255) {
		if alert.Error() == e.Err.Error() {
			return alert, true
		}
	}
	return 0, false
}

const offered = "bench offers TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305"

// alertFault describes an alert of the server. It is empty for one that may concern a single connection.
func alertFault(alert tls.AlertError) string {
	switch {
	case alert == alertCertificateRequired:
		return "the server requires a client certificate: use --cert FILE and --key FILE"
	case slices.Contains(aboutCertificate, alert):
		return fmt.Sprintf("the server rejected the client certificate of --cert, or the lack of one (TLS alert: %s)", trimmed(alert))
	case alert == alertHandshakeFailure:
		return "no cipher suite in common with the server (TLS alert: handshake failure): " + offered + "; or the server requires a client certificate (--cert)"
	case alert == alertProtocolVersion:
		return "no version in common with the server (TLS alert: protocol version): " + offered
	case alert == alertUnrecognizedName:
		return "the server has no certificate for this name (TLS alert: unrecognized name): use --server-name NAME"
	case alert == alertNoProtocol:
		return "the server does not accept HTTP/1.1 by ALPN, which a WebSocket needs"
	}
	return ""
}

func trimmed(alert tls.AlertError) string { return strings.TrimPrefix(alert.Error(), "tls: ") }

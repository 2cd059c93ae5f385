package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/certs"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/tlshandshake"
)

const (
	certCheck     = time.Second    // interval at which the files of certificates are checked for changes
	ticketKeyTime = 24 * time.Hour // after which session tickets get a new key; the keys of the two days before stay valid
)

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// tlsPort is the TLS port, and what it shares with an admin port over TLS. Its fields are constant; certs and handshakes change under maintainTLS.
type tlsPort struct {
	acceptor   *edge.Acceptor // nil if the TLS port is off
	certs      *certs.Store
	adminCA    *certs.CA             // of the clients of the admin port; nil if they need no certificate
	acme       *certs.ACME           // nil without ACME
	issued     chan certs.ACMEResult // of acme
	handshakes *tlshandshake.Handshaker
	reload     chan struct{} // a request to read all certificates again
}

// openTLS reads the certificates and listens on the TLS port, if one is configured.
func (s *Server) openTLS() error {
	c := s.cfg.TLS
	if !s.cfg.usesTLS() {
		return nil
	}
	store, err := s.cfg.openCertificates()
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	acme, challenge, err := s.openACME()
	if err != nil {
		return err
	}
	handshakes, err := tlshandshake.New(tlshandshake.Config{
		Engine:         c.Engine,
		MinVersion:     tlsVersions[c.MinVersion],
		NextProtos:     []string{"http/1.1"},
		GetCertificate: store.GetCertificate,
		Challenge:      challenge,
	})
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	s.tls = &tlsPort{certs: store, acme: acme, issued: make(chan certs.ACMEResult), handshakes: handshakes, reload: make(chan struct{}, 1)}
	if s.cfg.TLSListen != "off" {
		port := edge.Port{Address: s.cfg.TLSListen, TLS: handshakes, ProxyProtocol: s.cfg.requiresProxyHeader("tls-listen")}
		if s.tls.acceptor, err = s.edge.Listen(port); err != nil {
			return err
		}
	}
	s.metrics.Gauge("throng_tls_certificate_seconds_left", "Time until the first TLS certificate in use expires; negative if it has expired, 0 without a certificate.",
		func() float64 {
			first := store.NotAfter()
			if first.IsZero() {
				return 0
			}
			return time.Until(first).Seconds()
		})
	return nil
}

// ReloadCertificates makes the server read all certificates again, soon and without waiting. It returns false if no port uses TLS. Any
// goroutine may call it.
func (s *Server) ReloadCertificates() bool {
	if s.tls == nil {
		return false
	}
	select {
	case s.tls.reload <- struct{}{}:
	default: // the request before it is not done yet, and counts for both
	}
	return true
}

// maintainTLS reads changed certificates and changes the key of session tickets, until ctx ends. It reads files, so it has a goroutine of
// its own.
func (s *Server) maintainTLS(ctx context.Context) {
	checks := time.NewTicker(certCheck)
	defer checks.Stop()
	rotations := time.NewTicker(ticketKeyTime)
	defer rotations.Stop()
	daily := rate.Sometimes{Interval: ticketKeyTime}
	for {
		daily.Do(func() { warnOfExpiry(s.log, s.tls.certs, time.Now()) })
		select {
		case <-ctx.Done():
			return
		case <-rotations.C:
			s.tls.handshakes.RotateTickets()
		case now := <-checks.C:
			s.checkCertificates(false, now)
		case r := <-s.tls.issued:
			s.useIssued(r)
		case <-s.tls.reload:
			s.checkCertificates(true, time.Now())
		}
	}
}

// checkCertificates reads changed files, or all with all. A pair that cannot be used is logged once for each change, and the one before it
// stays in use.
func (s *Server) checkCertificates(all bool, now time.Time) {
	changed, err := s.tls.certs.Check(all, now)
	renewedCA := false
	if ca := s.tls.adminCA; ca != nil {
		var bad error
		renewedCA, bad = ca.Check(all)
		err = errors.Join(err, bad)
	}
	if changed > 0 {
		// The key may have been replaced because others know it: no session of the old one is resumed.
		s.tls.handshakes.ReplaceTickets()
	}
	expiry := s.tls.certs.NotAfter().UTC().Format(time.DateTime)
	switch {
	case err != nil:
		s.log.Error("TLS certificate not replaced: the one before stays in use", "error", err, "pairs_replaced", changed, "first_expiry", expiry)
	case changed > 0 || renewedCA || all:
		s.log.Info("TLS certificates replaced", "pairs", changed, "client_ca", renewedCA, "first_expiry", expiry)
	}
	if all {
		warnOfExpiry(s.log, s.tls.certs, now)
	}
}

// canReplaceCertificates returns an error if an expired certificate would replace one that has not expired.
func (s *Server) canReplaceCertificates() error {
	if s.tls == nil {
		return nil
	}
	return s.tls.certs.CanReplace(time.Now())
}

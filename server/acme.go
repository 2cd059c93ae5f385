package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/certs"
)

func (s *Server) acmeConfig() certs.ACMEConfig {
	c := s.cfg.acmeConfig()
	c.CacheFailed = func(err error) {
		s.log.Error("ACME certificate not stored: a restart orders a new one", "error", err)
	}
	return c
}

// openACME returns the answer to the checks of the CA, or nil without ACME.
func (s *Server) openACME() (a *certs.ACME, challenge func(*tls.ClientHelloInfo) (*tls.Certificate, error), err error) {
	if len(s.cfg.TLS.ACMEDomains) == 0 {
		return nil, nil, nil
	}
	if a, err = certs.OpenACME(s.acmeConfig()); err != nil {
		return nil, nil, fmt.Errorf("tls: %w", err)
	}
	return a, a.Challenge, nil
}

// runACME gets and renews the certificates of the CA until ctx ends. maintainTLS uses the results.
func (s *Server) runACME(ctx context.Context) {
	s.tls.acme.Run(ctx, func(r certs.ACMEResult) {
		select {
		case s.tls.issued <- r:
		case <-ctx.Done():
		}
	})
}

// useIssued puts a certificate of the CA into use, or logs that there is none.
func (s *Server) useIssued(r certs.ACMEResult) {
	if r.Err != nil {
		s.metrics.ACMEFailures.Inc()
		s.log.Error("ACME certificate not issued, or not renewed", "domain", r.Domain, "in_use", r.InUse, "error", r.Err, "advice", r.Advice, "retry_in", r.Retry.String())
		return
	}
	s.tls.certs.SetACME(r.Domain, r.Cert)
	s.log.Info("ACME certificate in use", "domain", r.Domain, "expiry", r.Cert.Leaf.NotAfter.UTC().Format(time.DateTime))
}

package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/throng-chat/throng/server/certs"
)

// openCertificates reads the certificates. Each error is a *certs.PairError.
func (c *Config) openCertificates() (*certs.Store, error) {
	var files []certs.Files
	for i := range c.TLS.Cert {
		files = append(files, certs.Files{Cert: c.TLS.Cert[i], Key: c.TLS.Key[i]})
	}
	for _, pair := range c.Pairs {
		files = append(files, certs.Files(pair))
	}
	return certs.Open(files, c.TLS.ACMEDomains)
}

// CheckCertificates returns the files of [tls] that cannot be used, joined: each error is a *ConfigError. It reads the files. It returns nil if
// Validate returns an error about [tls].
func (c Config) CheckCertificates() error {
	if !c.usesTLS() || len(c.tlsErrors()) > 0 {
		return nil
	}
	ce := configErrors{table: "tls.", title: "tls."}
	if _, err := c.openCertificates(); err != nil {
		c.addPairErrors(&ce, err)
	}
	t := &c.TLS
	if t.AdminClientCA != "" {
		if _, err := certs.OpenCA(t.AdminClientCA); err != nil {
			ce.add("admin-client-ca", t.AdminClientCA, "%v", err)
		}
	}
	if len(t.ACMEDomains) > 0 {
		if err := c.acmeConfig().CheckRoots(); err != nil {
			ce.add("acme-ca", t.ACMECA, "%v", err)
		}
		if err := c.acmeConfig().CheckCache(); err != nil {
			ce.add("acme-cache", t.ACMECache, "%v", err)
		}
	}
	return errors.Join(ce.errs...)
}

// addPairErrors adds the errors of openCertificates.
func (c *Config) addPairErrors(ce *configErrors, err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		bad := (*certs.PairError)(nil)
		if !errors.As(err, &bad) {
			ce.add("cert", c.TLS.Cert, "%v", err)
			continue
		}
		at := configErrors{table: "tls.", title: "tls."}
		var pair CertificateFiles
		if i := bad.Pair - len(c.TLS.Cert); i < 0 {
			pair = CertificateFiles{Cert: c.TLS.Cert[bad.Pair], Key: c.TLS.Key[bad.Pair]}
		} else {
			at, pair = configErrors{table: "tls.certificate.", title: "tls.certificate: ", index: i}, c.Pairs[i]
		}
		if bad.Key {
			at.add("key", pair.Key, "%v", err)
		} else {
			at.add("cert", pair.Cert, "%v", err)
		}
		ce.errs = append(ce.errs, at.errs...)
	}
}

// WarnOfCertificates logs the certificates of files that have expired or expire soon. CheckCertificates must have returned nil.
func (c Config) WarnOfCertificates(log *slog.Logger) error {
	if !c.usesTLS() {
		return nil
	}
	store, err := c.openCertificates()
	if err != nil {
		return err
	}
	warnOfExpiry(log, store, time.Now())
	return nil
}

// warnOfExpiry logs the certificates that have expired or expire soon.
func warnOfExpiry(log *slog.Logger, store *certs.Store, now time.Time) {
	for _, e := range store.Expiring(now) {
		level, text := slog.LevelWarn, "a TLS certificate expires soon: renew it"
		if now.After(e.NotAfter) {
			level, text = slog.LevelError, "a TLS certificate has expired, and clients reject it: renew it"
		}
		log.Log(context.Background(), level, text, "cert", e.Cert, "expiry", e.NotAfter.UTC().Format(time.DateTime))
	}
}

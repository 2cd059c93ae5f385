package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

const (
	maxOrders     = 4                // orders at the same time; the other domains wait
	maxChallenges = 8                // challenges that read the cache at the same time; more are refused
	acmeTimeout   = 30 * time.Second // for one request to the CA

	renewalCheck = 10 * time.Second // interval at which a domain takes a renewed certificate
	firstRetry   = 90 * time.Second // after a failed order, and then twice as long each time; autocert forgets a failure after a minute
	lastRetry    = time.Hour
)

// ACMEConfig has the settings of a CA with ACME (RFC 8555).
type ACMEConfig struct {
	Domains   []string // in ASCII, lower case
	Cache     string   // directory for the account key, the certificates and their keys
	Email     string   // for messages of the CA; empty for none
	Directory string   // URL
	CA        string   // PEM file with the roots of the URL's certificate; empty for those of the system

	// CacheFailed is called on any goroutine if the cache cannot be written. A certificate is in use then, until a restart.
	CacheFailed func(error)
}

// ACME gets certificates from a CA and renews them. The CA checks each domain by a handshake on port 443 (TLS-ALPN-01). Handshakes of
// clients never wait for the CA: Run calls back with each certificate, and Store has it from then on.
type ACME struct {
	Domains []string // constant

	manager    *autocert.Manager
	requests   *requests
	orders     chan struct{} // has an entry for each order
	challenges chan struct{} // has an entry for each challenge
}

// errRenewal is for a renewal that failed. autocert returns the certificate before it.
var errRenewal = errors.New("the CA rejected the domain")

// ACMEResult is what Run gets for a domain: a certificate, or an error.
type ACMEResult struct {
	Domain string
	Cert   *tls.Certificate
	Err    error
	Advice string        // what to do, with Err
	Retry  time.Duration // until the next attempt, with Err; at most, for a renewal
	InUse  bool          // a renewal failed, and the certificate before it stays in use
}

// CheckRoots returns an error if the roots cannot be used.
func (c ACMEConfig) CheckRoots() error {
	_, err := c.roots()
	return err
}

// CheckCache returns an error if the cache cannot be used. It changes nothing.
func (c ACMEConfig) CheckCache() error {
	switch info, err := os.Stat(c.Cache); {
	case errors.Is(err, os.ErrNotExist):
		return nil // OpenACME makes it
	case err != nil:
		return fmt.Errorf("ACME cache: %w", err)
	case !info.IsDir():
		return fmt.Errorf("ACME cache: %s is not a directory", c.Cache)
	}
	return nil
}

// roots returns the roots of the CA's own certificate, nil for those of the system.
func (c ACMEConfig) roots() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	pool, err := readPool(c.CA)
	if err != nil {
		return nil, fmt.Errorf("roots of the ACME server: %w", err)
	}
	return pool, nil
}

// OpenACME makes the cache directory, and checks that it can be written: without it, each restart would order new certificates.
func OpenACME(c ACMEConfig) (*ACME, error) {
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Cache, 0o700); err != nil {
		return nil, fmt.Errorf("ACME cache: %w", err)
	}
	probe, err := os.CreateTemp(c.Cache, ".probe")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return nil, fmt.Errorf("ACME cache: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	requests := newRequests(transport, c.Domains)
	return &ACME{
		Domains: c.Domains,
		manager: &autocert.Manager{
			Prompt:     autocert.AcceptTOS,
			Cache:      cache{autocert.DirCache(c.Cache), c.CacheFailed},
			HostPolicy: autocert.HostWhitelist(c.Domains...),
			Email:      c.Email,
			Client: &acme.Client{
				DirectoryURL: c.Directory, UserAgent: "throng", HTTPClient: &http.Client{Transport: requests, Timeout: acmeTimeout},
			},
		},
		requests:   requests,
		orders:     make(chan struct{}, maxOrders),
		challenges: make(chan struct{}, maxChallenges),
	}, nil
}

// Run gets the certificates of all domains and their renewals, until ctx ends. It calls got for each, on several goroutines. An order that is
// not complete at the end goes on in the background, until its next request to the CA fails.
func (a *ACME) Run(ctx context.Context, got func(ACMEResult)) {
	defer a.requests.ended.Store(true)
	var domains sync.WaitGroup
	for _, domain := range a.Domains {
		domains.Go(func() { a.keep(ctx, domain, got) })
	}
	domains.Wait()
}

// keep gets the certificate of one domain and its renewals. autocert renews it a month or a third of its lifetime before its end.
func (a *ACME) keep(ctx context.Context, domain string, got func(ACMEResult)) {
	var last *x509.Certificate
	for retry := firstRetry; ; {
		wait := renewalCheck
		switch cert, err := a.order(ctx, domain); {
		case ctx.Err() != nil:
			return
		case err != nil:
			got(ACMEResult{Domain: domain, Err: withReason(err, a.requests.takeReason(domain)), Advice: adviceFor(err), Retry: retry})
			wait, retry = retry, min(2*retry, lastRetry)
		case last == nil || !last.Equal(cert.Leaf):
			last, retry = cert.Leaf, firstRetry
			a.requests.takeReason(domain) // of an attempt before the one that succeeded
			got(ACMEResult{Domain: domain, Cert: cert})
		default:
			if reason := a.requests.takeReason(domain); reason != "" {
				got(ACMEResult{Domain: domain, Err: withReason(errRenewal, reason), Advice: adviceOnDomain, Retry: lastRetry, InUse: true})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// order returns the certificate of a domain: from memory, from the cache directory, or from the CA, which takes seconds to minutes.
func (a *ACME) order(ctx context.Context, domain string) (*tls.Certificate, error) {
	select {
	case a.orders <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	type result struct {
		cert *tls.Certificate
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-a.orders }()
		cert, err := a.manager.GetCertificate(&tls.ClientHelloInfo{
			ServerName: domain, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
			SupportedCurves: []tls.CurveID{tls.CurveP256}, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		})
		done <- result{cert, err}
	}()
	select {
	case r := <-done:
		return r.cert, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// errBusy is for a handshake of TLS-ALPN-01 while too many others read the cache.
var errBusy = errors.New("too many ACME challenges at the same time")

// Challenge returns the certificate that answers a check of the CA: hello offers the protocol acme-tls/1 and nothing else. It may read the
// cache directory, which several servers may share. Any goroutine may call it.
func (a *ACME) Challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if !slices.Contains(a.Domains, nameOf(hello)) {
		return nil, fmt.Errorf("ACME challenge for %q, which is not one of the domains", hello.ServerName)
	}
	select {
	case a.challenges <- struct{}{}:
		defer func() { <-a.challenges }()
		return a.manager.GetCertificate(hello)
	default:
		return nil, errBusy
	}
}

// cache is the cache directory. autocert ignores an error of Put.
type cache struct {
	autocert.DirCache
	failed func(error)
}

// Put implements autocert.Cache.
func (dc cache) Put(ctx context.Context, name string, data []byte) error {
	err := dc.DirCache.Put(ctx, name, data)
	if err != nil {
		dc.failed(fmt.Errorf("ACME cache: %w", err))
	}
	return err
}

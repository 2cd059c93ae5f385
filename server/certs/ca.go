package certs

import (
	"crypto/x509"
	"fmt"
	"os"
	"sync/atomic"
)

// CA has the certificates that sign those of clients, from a file in PEM. It has no goroutine and no clock, like Store.
type CA struct {
	file    string // constant
	current atomic.Pointer[x509.CertPool]
	seen    stamp // owned by the caller of Check
}

// OpenCA reads the file.
func OpenCA(file string) (*CA, error) {
	ca := &CA{file: file, seen: stampOf(file)}
	pool, err := readPool(file)
	if err != nil {
		return nil, fmt.Errorf("client CA: %w", err)
	}
	ca.current.Store(pool)
	return ca, nil
}

// Check reads the file if it has changed since it was read, or in any case with always, and reports whether its certificates are in use now. If
// the file cannot be used, the certificates before stay in use. Called by one goroutine at a time; it reads files.
func (ca *CA) Check(always bool) (changed bool, err error) {
	now := stampOf(ca.file)
	changed = always || !now.same(ca.seen)
	ca.seen = now
	if !changed {
		return false, nil
	}
	pool, err := readPool(ca.file)
	if err != nil {
		return false, fmt.Errorf("client CA: %w", err)
	}
	ca.current.Store(pool)
	return true, nil
}

// Pool returns the certificates in use. Any goroutine may call it.
func (ca *CA) Pool() *x509.CertPool { return ca.current.Load() }

// readPool reads a file of certificates, at least one.
func readPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return pool, nil
}

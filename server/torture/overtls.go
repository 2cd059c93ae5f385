//go:build linux

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// overTLS is the engine of TLS with which the attacks run over TLS; empty for plain TCP. The address of a TLS port begins with tlsScheme.
var overTLS string

const tlsScheme = "tls:"

// writeCertificate writes a certificate and its key, and returns the table of the config file that names them.
func writeCertificate(dir, engine string) (config string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(30 * 24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	var both bytes.Buffer
	err = errors.Join(pem.Encode(&both, &pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.Encode(&both, &pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	file := filepath.Join(dir, "tls.pem")
	if err = errors.Join(err, os.WriteFile(file, both.Bytes(), 0o600)); err != nil {
		return "", err
	}
	return fmt.Sprintf("\n[tls]\nengine = %q\ncert = [%q]\nkey = [%[2]q]\n", engine, file), nil
}

// clientTLS is the TLS of all clients: one object, because a target may have thousands of them.
var clientTLS = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}

// errHandshake is the error of a TLS handshake that the server did not complete.
var errHandshake = errors.New("TLS handshake")

// secured makes the TLS handshake on c. Its Close ends TCP at once: crypto/tls would wait for a peer that does not read.
func secured(c net.Conn) (net.Conn, error) {
	s := &securedConn{Conn: tls.Client(c, clientTLS)}
	err := errors.Join(c.SetDeadline(time.Now().Add(wait)), s.Handshake(), c.SetDeadline(time.Time{}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errHandshake, err), c.Close())
	}
	return s, nil
}

type securedConn struct{ *tls.Conn }

func (s *securedConn) Close() error { return s.NetConn().Close() }

// apiClient calls the server API.
var apiClient = &http.Client{Transport: &http.Transport{TLSClientConfig: clientTLS}}

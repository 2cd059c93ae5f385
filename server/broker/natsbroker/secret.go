//go:build !nonats

package natsbroker

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"
)

// The nodes of a cluster authenticate each other by TLS. The key of their certificate authority is derived from the secret of the cluster, and
// each process signs a certificate for a key of its own at its start. So the secret is all that the nodes share, and it is not sent.

const secretName = "throng cluster" // of the certificates

// routePassword returns the password of routes, which is derived from the secret.
func routePassword(secret string) string {
	return base64.RawURLEncoding.EncodeToString(derive(secret, "route password"))
}

func derive(secret, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(secretName), purpose, ed25519.SeedSize)
	if err != nil {
		panic(err) // 32 bytes are not too many
	}
	return key
}

// secretTLS returns the TLS configuration of routes, for both sides.
func secretTLS(secret string) (*tls.Config, error) {
	authority := ed25519.NewKeyFromSeed(derive(secret, "certificate authority"))
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: secretName}, NotBefore: time.Unix(0, 0), NotAfter: now.AddDate(100, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootBytes, err := x509.CreateCertificate(rand.Reader, root, root, authority.Public(), authority)
	if err != nil {
		return nil, fmt.Errorf("certificate authority of the cluster: %w", err)
	}
	if root, err = x509.ParseCertificate(rootBytes); err != nil {
		return nil, fmt.Errorf("certificate authority of the cluster: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: secretName}, DNSNames: []string{serverName},
		NotBefore: time.Unix(0, 0), NotAfter: now.AddDate(100, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	leafBytes, err := x509.CreateCertificate(rand.Reader, leaf, root, public, authority)
	if err != nil {
		return nil, fmt.Errorf("certificate of the node: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leafBytes}, PrivateKey: private}},
		RootCAs:      pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, ServerName: serverName, MinVersion: tls.VersionTLS13,
	}, nil
}

// serverName is the name in the certificates of all nodes: the key is what counts.
const serverName = "throng-cluster"

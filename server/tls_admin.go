package server

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/throng-chat/throng/server/certs"
)

// overTLS returns listener, or with tls.admin the same over TLS. net/http makes the handshakes, with crypto/tls: the admin port has few
// connections, and a goroutine for each.
func (s *Server) overTLS(listener net.Listener) (net.Listener, error) {
	t := &s.cfg.TLS
	if !t.Admin {
		return listener, nil
	}
	base := &tls.Config{
		MinVersion:             tlsVersions[t.MinVersion],
		NextProtos:             []string{"http/1.1"},
		GetCertificate:         s.tls.certs.GetCertificate,
		SessionTicketsDisabled: true, // each connection is checked against the CA of its time
	}
	if t.AdminClientCA == "" {
		return tls.NewListener(listener, base), nil
	}
	ca, err := certs.OpenCA(t.AdminClientCA)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	s.tls.adminCA = ca
	base.ClientAuth = tls.RequireAndVerifyClientCert
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := base.Clone()
		now.ClientCAs = ca.Pool()
		return now, nil
	}
	return tls.NewListener(listener, base), nil
}

// grpcCertificates returns the settings of TLS for the port of the gRPC API; nil without TLS.
func (s *Server) grpcCertificates() *tls.Config {
	t := &s.cfg.TLS
	if !t.GRPC {
		return nil
	}
	return &tls.Config{MinVersion: tlsVersions[t.MinVersion], GetCertificate: s.tls.certs.GetCertificate}
}

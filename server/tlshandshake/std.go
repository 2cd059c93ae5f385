package tlshandshake

import (
	"crypto/tls"
	"slices"

	"github.com/throng-chat/throng/server/tlsrec"
)

// std is crypto/tls.
type std struct {
	base *tls.Config
	cfg  *Config
}

func newStd(cfg *Config) *std {
	base := &tls.Config{
		MinVersion:       cfg.MinVersion,
		CipherSuites:     tlsrec.Suites12(),
		NextProtos:       cfg.NextProtos,
		CurvePreferences: curves,
	}
	if cfg.ClientCAs != nil {
		base.ClientCAs, base.ClientAuth = cfg.ClientCAs, tls.RequireAndVerifyClientCert
	}
	return &std{base, cfg}
}

func (s *std) setTicketKeys(keys [][32]byte) { s.base.SetSessionTicketKeys(keys) }

// handshake holds a slot, which reading from the socket releases.
func (s *std) handshake(rc *recordConn, log *keyLog) (State, error) {
	if err := rc.acquire(); err != nil {
		return State{}, err
	}
	defer rc.release()
	cfg := s.base.Clone()
	cfg.KeyLogWriter = log
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cfg.certificate(rc, hello) }
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
			return nil, nil
		}
		without := cfg.Clone()
		without.SessionTicketsDisabled = true // the key log has nothing of a resumed session of TLS 1.2
		return without, nil
	}
	c := tls.Server(rc, cfg)
	if err := c.Handshake(); err != nil {
		return State{}, err
	}
	state := c.ConnectionState()
	return State{
		Version:          state.Version,
		Suite:            state.CipherSuite,
		ServerName:       state.ServerName,
		Protocol:         state.NegotiatedProtocol,
		Resumed:          state.DidResume,
		PeerCertificates: state.PeerCertificates,
	}, nil
}

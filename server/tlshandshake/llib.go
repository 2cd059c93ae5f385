package tlshandshake

import (
	stdtls "crypto/tls"
	"runtime"
	"slices"
	_ "unsafe" // go:linkname

	"github.com/lesismal/llib/std/crypto/tls"
	"golang.org/x/sys/cpu"

	"github.com/throng-chat/throng/server/tlsrec"
)

// llibHasAES is whether llib prefers AES-GCM in TLS 1.3 to ChaCha20-Poly1305, where the client does. llib 1.2.5 never looks at the processor,
// so it would never. A test asserts the suite: without the name in llib the link does nothing.
//
//go:linkname llibHasAES github.com/lesismal/llib/std/crypto/tls.hasAESGCMHardwareSupport
var llibHasAES bool

func init() {
	llibHasAES = cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 ||
		cpu.ARM64.HasAES && cpu.ARM64.HasPMULL ||
		runtime.GOOS == "darwin" && runtime.GOARCH == "arm64"
}

// llib is the copy of crypto/tls in github.com/lesismal/llib.
type llib struct {
	base *tls.Config
	cfg  *Config
}

func newLLib(cfg *Config) *llib {
	base := &tls.Config{
		MinVersion:       cfg.MinVersion,
		CipherSuites:     tlsrec.Suites12(),
		NextProtos:       cfg.NextProtos,
		CurvePreferences: convert[tls.CurveID](curves),
	}
	if cfg.ClientCAs != nil {
		base.ClientCAs, base.ClientAuth = cfg.ClientCAs, tls.RequireAndVerifyClientCert
	}
	return &llib{base, cfg}
}

func (l *llib) setTicketKeys(keys [][32]byte) { l.base.SetSessionTicketKeys(keys) }

// handshake passes one record at a time to llib, which computes on a goroutine that ends when all records read have been passed. So a handshake
// that waits for its peer has a small stack: the one that computes grows to 12 KiB. llib's state is made by the first step, since thousands of
// hellos may wait for it.
func (l *llib) handshake(rc *recordConn, log *keyLog) (State, error) {
	var c *tls.Conn
	buffers := &buffers{}
	feed := func() error {
		if c == nil {
			c = tls.NewConn(rc, l.config(rc, log), false, true, buffers)
		}
		for !c.ConnectionState().HandshakeComplete {
			record, err := rc.next()
			if err != nil || record == nil {
				return err
			}
			if _, _, err := c.AppendAndRead(record, nil); err != nil {
				return err
			}
		}
		return nil
	}
	for c == nil || !c.ConnectionState().HandshakeComplete {
		if err := rc.fill(); err != nil {
			return State{}, err
		}
		if err := rc.step(feed); err != nil {
			return State{}, err
		}
		buffers.trim()
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

// config returns the Config of one connection.
func (l *llib) config(rc *recordConn, log *keyLog) *tls.Config {
	cfg := l.base.Clone()
	cfg.KeyLogWriter = log
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := l.cfg.certificate(rc, stdHello(hello))
		if err != nil {
			return nil, err
		}
		return llibCertificate(cert), nil
	}
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
			return nil, nil
		}
		without := cfg.Clone()
		without.SessionTicketsDisabled = true
		return without, nil
	}
	return cfg
}

// stdHello is what a choice of certificates needs of a hello.
func stdHello(h *tls.ClientHelloInfo) *stdtls.ClientHelloInfo {
	return &stdtls.ClientHelloInfo{
		CipherSuites:      h.CipherSuites,
		ServerName:        h.ServerName,
		SupportedCurves:   convert[stdtls.CurveID](h.SupportedCurves),
		SupportedPoints:   h.SupportedPoints,
		SignatureSchemes:  convert[stdtls.SignatureScheme](h.SignatureSchemes),
		SupportedProtos:   h.SupportedProtos,
		SupportedVersions: h.SupportedVersions,
		Conn:              h.Conn,
	}
}

func llibCertificate(c *stdtls.Certificate) *tls.Certificate {
	return &tls.Certificate{
		Certificate:                  c.Certificate,
		PrivateKey:                   c.PrivateKey,
		SupportedSignatureAlgorithms: convert[tls.SignatureScheme](c.SupportedSignatureAlgorithms),
		OCSPStaple:                   c.OCSPStaple,
		SignedCertificateTimestamps:  c.SignedCertificateTimestamps,
		Leaf:                         c.Leaf,
	}
}

func convert[To, From ~uint16](from []From) []To {
	if from == nil {
		return nil
	}
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = To(v)
	}
	return to
}

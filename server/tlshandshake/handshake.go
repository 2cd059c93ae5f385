package tlshandshake

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/throng-chat/throng/server/tlsrec"
)

// The engines.
const (
	EngineLLib = "llib"
	EngineStd  = "std"
)

// curves are the key exchanges. P-521, which both engines have besides, costs the server 16 times as much as P-256, and no client needs it.
var curves = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}

// maxTicketKeys is how many keys open session tickets: a ticket is valid for two to three rotations.
const maxTicketKeys = 3

// ChallengeProtocol is the ALPN protocol of a CA that checks a name (TLS-ALPN-01, RFC 8737). The connection ends after the handshake.
const ChallengeProtocol = "acme-tls/1"

// Config is what the handshakes of a port have in common.
type Config struct {
	Engine     string   // EngineLLib or EngineStd
	MinVersion uint16   // tls.VersionTLS12 or tls.VersionTLS13
	NextProtos []string // of ALPN, the preferred one first
	Workers    int      // handshakes that compute at the same time; 0 for half the processors

	// GetCertificate is called on the goroutine of a handshake. It must not block, since it holds a slot.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

	// Challenge is called instead of GetCertificate for a client that offers ChallengeProtocol alone: a CA that checks a name. It may block,
	// since the handshake holds no slot meanwhile. nil for a port without ACME.
	Challenge func(*tls.ClientHelloInfo) (*tls.Certificate, error)

	// ClientCAs are those that sign client certificates: a client needs one. nil for no client certificates.
	ClientCAs *x509.CertPool
}

// State is what a handshake has agreed on.
type State struct {
	Version          uint16
	Suite            uint16
	ServerName       string // SNI; empty for none
	Protocol         string // ALPN; empty for none
	Resumed          bool
	PeerCertificates []*x509.Certificate // verified, where Config has ClientCAs
}

// Result is a complete handshake.
type Result struct {
	State
	Conn *tlsrec.Conn
	Rest []byte // sealed bytes that were read after the handshake: the first for Conn.In; nil for none
}

// engine is a TLS implementation.
type engine interface {
	// handshake makes one handshake, with secrets written to log. It computes only while it holds a slot of rc.
	handshake(rc *recordConn, log *keyLog) (State, error)

	// setTicketKeys replaces the keys of session tickets: the first seals them, all open them. Any goroutine may call it.
	setTicketKeys(keys [][32]byte)
}

// Handshaker makes handshakes. Its methods may be called by any goroutine, but for RotateTickets and ReplaceTickets.
type Handshaker struct {
	engine  engine
	turns   *turns
	tickets [][32]byte // owned by the caller of RotateTickets and ReplaceTickets
}

// New checks cfg, and makes the first key of session tickets.
func New(cfg Config) (*Handshaker, error) {
	if cfg.MinVersion != tls.VersionTLS12 && cfg.MinVersion != tls.VersionTLS13 {
		return nil, fmt.Errorf("TLS version %#04x: want 1.2 or 1.3", cfg.MinVersion)
	}
	if cfg.GetCertificate == nil {
		return nil, errors.New("TLS needs a certificate")
	}
	if cfg.Challenge != nil {
		cfg.NextProtos = append(slices.Clip(cfg.NextProtos), ChallengeProtocol)
	}
	h := &Handshaker{turns: newTurns(cmp.Or(cfg.Workers, max(1, runtime.GOMAXPROCS(0)/2)))}
	switch cfg.Engine {
	case EngineLLib:
		h.engine = newLLib(&cfg)
	case EngineStd:
		h.engine = newStd(&cfg)
	default:
		return nil, fmt.Errorf("TLS engine %q: want %q or %q", cfg.Engine, EngineLLib, EngineStd)
	}
	h.RotateTickets()
	return h, nil
}

// certificate returns the certificate for a hello on c. The caller holds a slot.
func (cfg *Config) certificate(c *recordConn, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if cfg.Challenge == nil || !slices.Equal(hello.SupportedProtos, []string{ChallengeProtocol}) {
		return cfg.GetCertificate(hello)
	}
	c.release()
	cert, err := cfg.Challenge(hello)
	return cert, errors.Join(err, c.acquire())
}

// RotateTickets makes a new key for session tickets, and deletes the oldest of three. Call it once a day.
func (h *Handshaker) RotateTickets() { h.setTickets(h.tickets) }

// ReplaceTickets makes a new key for session tickets and deletes all others: no older session can be resumed. Call it when the private
// key of a certificate may be known to others.
func (h *Handshaker) ReplaceTickets() { h.setTickets(nil) }

func (h *Handshaker) setTickets(older [][32]byte) {
	keys := make([][32]byte, 1, maxTicketKeys)
	rand.Read(keys[0][:]) // never fails (Go 1.24)
	h.tickets = append(keys, older[:min(len(older), maxTicketKeys-1)]...)
	h.engine.setTicketKeys(h.tickets)
}

// ErrPanic is a fault of an engine. It costs one connection.
var ErrPanic = errors.New("panic in the TLS engine")

// recovered returns the error of a call that may have panicked, with e.
func recovered(err error, e any) error {
	if e == nil {
		return err
	}
	return fmt.Errorf("%w: %v\n%s", ErrPanic, e, debug.Stack())
}

// Handshake makes the server's side of one handshake. from is what counts as the address of the client. early has the bytes of nc that have
// been read; Handshake owns it. Handshake blocks on nc until the caller closes it or its deadline passes, and for a slot until gone is closed. On an error, the engine has sent the alert, and the caller closes nc. ErrNotTLS is
// the error if the peer does not speak TLS.
func (h *Handshaker) Handshake(nc net.Conn, from netip.Addr, early []byte, gone <-chan struct{}) (r *Result, err error) {
	rc := &recordConn{Conn: nc, unread: early, turns: h.turns, from: from, gone: gone}
	log := &keyLog{}
	defer func() { err = recovered(err, recover()) }()
	state, err := h.engine.handshake(rc, log)
	if err != nil {
		if rc.rejected != nil {
			err = rc.rejected
		}
		return nil, err
	}
	keys, err := rc.keys(&state, log)
	if err != nil {
		return nil, err
	}
	conn, err := tlsrec.New(keys, false)
	if err != nil {
		return nil, err
	}
	return &Result{State: state, Conn: conn, Rest: rc.rest()}, nil
}

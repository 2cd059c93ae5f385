package tlshandshake

import (
	"crypto/tls"
	"errors"
	"sync"
	"testing"
)

func TestAChallengeThatWaitsHoldsUpNoHandshake(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		cfg := configOf(engine, "ECDSA")
		cfg.Workers = 1
		asked, proceed := make(chan string, 1), make(chan struct{})
		cfg.Challenge = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			asked <- hello.ServerName
			<-proceed
			return certificates()["RSA"], nil
		}
		address, outcomes := echo(t, newHandshaker(t, cfg), nil)
		var challenge sync.WaitGroup
		challenge.Go(func() {
			cfg := clientOf(tls.VersionTLS13, 0)
			cfg.NextProtos = []string{ChallengeProtocol}
			conn, err := tls.Dial("tcp", address, cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if got := conn.ConnectionState().NegotiatedProtocol; got != ChallengeProtocol {
				t.Errorf("got ALPN %q, want %q", got, ChallengeProtocol)
			}
		})
		if got := <-asked; got != "localhost" {
			t.Errorf("got a challenge for %q, want localhost", got)
		}
		for range 3 {
			dial(t, address, clientOf(tls.VersionTLS13, 0), []byte("hello"))
			if got := <-outcomes; got.err != nil || got.Protocol == ChallengeProtocol {
				t.Errorf("during a challenge: got %+v, want a handshake of a client", got)
			}
		}
		close(proceed)
		challenge.Wait()
		if got := <-outcomes; got.err != nil || got.Protocol != ChallengeProtocol {
			t.Errorf("got %+v, want the protocol of a challenge", got)
		}
	})
}

func TestAClientWithMoreProtocolsIsNoChallenge(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		cfg := configOf(engine, "ECDSA")
		cfg.Challenge = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("not a challenge") }
		address, outcomes := echo(t, newHandshaker(t, cfg), nil)
		client := clientOf(tls.VersionTLS13, 0)
		client.NextProtos = []string{ChallengeProtocol, "http/1.1"}
		dial(t, address, client, []byte("hello"))
		if got := <-outcomes; got.err != nil || got.Protocol != "http/1.1" {
			t.Errorf("got %+v, want http/1.1", got)
		}
	})
}

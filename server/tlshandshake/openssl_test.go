package tlshandshake

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/testkit"
)

// OpenSSL's client asks for each cipher suite, also those that crypto/tls never agrees on.
func TestOpenSSLConnects(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		for _, c := range []struct {
			flag, name string
			suite      uint16
		}{
			{"-ciphersuites", "TLS_AES_128_GCM_SHA256", tls.TLS_AES_128_GCM_SHA256},
			{"-ciphersuites", "TLS_AES_256_GCM_SHA384", tls.TLS_AES_256_GCM_SHA384},
			{"-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", tls.TLS_CHACHA20_POLY1305_SHA256},
			{"-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
			{"-cipher", "ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
			{"-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
			{"-cipher", "ECDHE-RSA-AES256-GCM-SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
			{"-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
			{"-cipher", "ECDHE-RSA-CHACHA20-POLY1305", tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				address, outcomes := echo(t, newHandshaker(t, configOf(engine, kindOf(c.suite))), nil)
				version := "-tls1_3"
				if c.flag == "-cipher" {
					version = "-tls1_2"
				}
				openssl := testkit.OpenSSL(t, address, version, c.flag, c.name, "-quiet", "-no_ign_eof")
				for i := range 20 {
					want := fmt.Sprintf("%d: %s\n", i, strings.Repeat("y", 200*i))
					openssl.Write(want)
					if got, err := openssl.Line(); got != want {
						t.Fatalf("line %d: got %.20q, %v", i, got, err)
					}
				}
				if got := <-outcomes; got.err != nil || got.Suite != c.suite {
					t.Errorf("got %s, %v", tls.CipherSuiteName(got.Suite), got.err)
				}
				openssl.CloseInput()
				openssl.Wait()
			})
		}
	})
}

// In its interactive mode, K asks for a KeyUpdate, and k makes one that wants no answer.
func TestOpenSSLUpdatesItsKeys(t *testing.T) {
	t.Parallel()
	address, _ := echo(t, newHandshaker(t, configOf(EngineLLib, "ECDSA")), nil)
	openssl := testkit.OpenSSL(t, address, "-tls1_3")
	for i, command := range []string{"K", "k", "K", "K"} {
		for _, line := range []string{command, fmt.Sprintf("line %d", i)} {
			openssl.Write(line + "\n")
			if line != command {
				openssl.AwaitLine(line)
			} else {
				openssl.AwaitLine("KEYUPDATE")
			}
		}
	}
	openssl.Write("Q\n")
	openssl.Wait()
}

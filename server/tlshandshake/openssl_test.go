package tlshandshake

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// OpenSSL's client asks for each cipher suite, also those that crypto/tls never agrees on.
func TestOpenSSLConnects(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
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
				cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", address, version, c.flag, c.name, "-quiet", "-no_ign_eof")
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewReader(out)
				for i := range 20 {
					want := fmt.Sprintf("%d: %s\n", i, strings.Repeat("y", 200*i))
					if _, err := in.Write([]byte(want)); err != nil {
						t.Fatal(err)
					}
					if got, err := lines.ReadString('\n'); got != want {
						t.Fatalf("line %d: got %.20q, %v", i, got, err)
					}
				}
				if got := <-outcomes; got.err != nil || got.Suite != c.suite {
					t.Errorf("got %s, %v", tls.CipherSuiteName(got.Suite), got.err)
				}
				in.Close()
				if err := cmd.Wait(); err != nil {
					t.Errorf("s_client: %v", err)
				}
			})
		}
	})
}

// In its interactive mode, K asks for a KeyUpdate, and k makes one that wants no answer.
func TestOpenSSLUpdatesItsKeys(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	address, _ := echo(t, newHandshaker(t, configOf(EngineLLib, "ECDSA")), nil)
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", address, "-tls1_3")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, both, err := os.Pipe() // s_client reports a KeyUpdate on standard error
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = both, both
	err = cmd.Start()
	if err = errors.Join(err, both.Close()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	await := func(want string) {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if strings.TrimSpace(line) == want {
				return
			}
			if err != nil {
				t.Fatalf("%q does not come: %v", want, err)
			}
		}
	}
	for i, command := range []string{"K", "k", "K", "K"} {
		for _, line := range []string{command, fmt.Sprintf("line %d", i)} {
			if _, err := in.Write([]byte(line + "\n")); err != nil {
				t.Fatal(err)
			}
			if line != command {
				await(line)
			} else {
				await("KEYUPDATE")
			}
		}
	}
	if _, err := in.Write([]byte("Q\n")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("s_client: %v", err)
	}
}

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/throng-chat/throng/bench/tlsclient"
)

// tlsFlags has the flags about the TLS of wss:// URLs, for bench and doctor.
type tlsFlags struct {
	CA         string `name:"ca" type:"path" placeholder:"FILE" help:"TLS: trust the certificates of this PEM file, instead of the authorities of this system."`
	Cert       string `type:"path" placeholder:"FILE" help:"TLS: client certificate with its chain (PEM). Needs --key."`
	Key        string `type:"path" placeholder:"FILE" help:"TLS: private key of --cert (PEM)."`
	ServerName string `placeholder:"NAME" help:"TLS: name to request (SNI) and to verify, instead of the host of the URL."`
	Insecure   bool   `help:"TLS: accept any server certificate."`
}

// settings reads the files.
func (tf *tlsFlags) settings() (tlsclient.Settings, error) {
	s := tlsclient.Settings{Insecure: tf.Insecure, ServerName: tf.ServerName}
	var errs []error
	if tf.Insecure && tf.CA != "" {
		errs = append(errs, errors.New("insecure: accepts any certificate, so --ca has no effect: leave out one of them"))
	}
	read := func(flag, name string, to *[]byte) {
		if name == "" {
			return
		}
		text, err := os.ReadFile(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", flag, err))
			return
		}
		if *to = text; len(text) == 0 {
			errs = append(errs, fmt.Errorf("%s: %s is empty", flag, name))
		}
	}
	read("ca", tf.CA, &s.CA)
	read("cert", tf.Cert, &s.Cert)
	read("key", tf.Key, &s.Key)
	return s, errors.Join(errs...)
}

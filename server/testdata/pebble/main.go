// Command pebble is a certificate authority for tests: Pebble of Let's Encrypt, with a DNS server for which each name is 127.0.0.1. It has a
// module of its own, because only tests need its dependencies.
//
//	pebble DIR   writes DIR/ca.pem, prints the URL of its ACME directory, and reads the port of the challenges from standard input
//
// The ACME server accepts connections from the start, and handles them when it has read the port. It ends with its standard input.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	names, err := serveNames()
	if err != nil {
		return err
	}
	cert, err := certificate(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		return err
	}
	fmt.Printf("https://%s%s\n", listener.Addr(), wfe.DirectoryPath)
	port := 0
	if _, err := fmt.Scanln(&port); err != nil {
		return err
	}
	out := log.New(os.Stderr, "", log.Lmicroseconds)
	store := db.NewMemoryStore()
	authority := ca.New(out, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: 90 * 24 * 3600}})
	validator := va.New(out, 1, port, false, names, store)
	front := wfe.New(out, store, validator, authority, []string{"pebble.letsencrypt.org"}, false, false, 1, 1)
	go func() {
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			log.Print(err)
		}
		os.Exit(0)
	}()
	return http.Serve(listener, front.Handler())
}

// serveNames starts the DNS server and returns its address.
func serveNames() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // Pebble sends its queries by TCP
	if err != nil {
		return "", err
	}
	answer := func(w dns.ResponseWriter, query *dns.Msg) {
		var reply dns.Msg
		reply.SetReply(query)
		for _, q := range query.Question {
			if q.Qtype == dns.TypeA {
				reply.Answer = append(reply.Answer, &dns.A{
					Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
				})
			}
		}
		if err := w.WriteMsg(&reply); err != nil {
			log.Print(err)
		}
	}
	go func() {
		log.Fatal((&dns.Server{Listener: listener, Handler: dns.HandlerFunc(answer)}).ActivateAndServe())
	}()
	return listener.Addr().String(), nil
}

// certificate makes the certificate of the ACME server, and writes it to a file.
func certificate(file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(0, 0, 1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	err = os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

//go:build !nonats

package natsbroker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/testkit"
)

// neededRights are those that docs/cluster.md lists for the user of throng.
func neededRights(name string) (rights jwt.Permissions) {
	rights.Pub.Allow.Add("throng."+name+".>", "$JS.API.>", "$JS.ACK.>", "_INBOX.>")
	for _, table := range []string{broker.SanctionTable, broker.KeyTable} {
		rights.Pub.Allow.Add("$KV.throng_" + name + "_" + table + ".>")
	}
	rights.Sub.Allow.Add("throng."+name+".>", "_INBOX.>")
	return rights
}

// operated makes an account and a user of it, and returns the options of the server and the file with the credentials.
func operated(t *testing.T, rights jwt.Permissions) (change func(*server.Options), creds string) {
	t.Helper()
	operator, account, user := newKey(t, nkeys.CreateOperator), newKey(t, nkeys.CreateAccount), newKey(t, nkeys.CreateUser)
	system := newKey(t, nkeys.CreateAccount) // JetStream needs it
	oc, ac, uc := jwt.NewOperatorClaims(public(t, operator)), jwt.NewAccountClaims(public(t, account)), jwt.NewUserClaims(public(t, user))
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	uc.Permissions = rights
	resolver := &server.MemAccResolver{}
	err := errors.Join(resolver.Store(public(t, account), encoded(t, ac, operator)),
		resolver.Store(public(t, system), encoded(t, jwt.NewAccountClaims(public(t, system)), operator)))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(encoded(t, uc, account), seed)
	if err != nil {
		t.Fatal(err)
	}
	creds = filepath.Join(t.TempDir(), "throng.creds")
	if err := os.WriteFile(creds, text, 0o600); err != nil {
		t.Fatal(err)
	}
	trusted, err := jwt.DecodeOperatorClaims(encoded(t, oc, operator))
	if err != nil {
		t.Fatal(err)
	}
	return func(o *server.Options) {
		o.TrustedOperators, o.AccountResolver, o.SystemAccount = []*jwt.OperatorClaims{trusted}, resolver, public(t, system)
	}, creds
}

func newKey(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	k, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(t *testing.T, k nkeys.KeyPair) string {
	t.Helper()
	text, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func encoded(t *testing.T, c jwt.Claims, by nkeys.KeyPair) string {
	t.Helper()
	text, err := c.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// certificate returns the file and the pair of a certificate of this machine that signs itself.
func certificate(t *testing.T) (string, tls.Certificate) {
	t.Helper()
	dir := t.TempDir()
	file, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	testkit.WriteCertificate(t, file, key, &x509.Certificate{
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}, nil)
	pair, err := tls.LoadX509KeyPair(file, key)
	if err != nil {
		t.Fatal(err)
	}
	return file, pair
}

// A user with the rights that the documentation lists can store records and values, over TLS.
func TestCredentialsAndTLSOfAnExternalServer(t *testing.T) {
	t.Parallel()
	probe := externalOptions(t, 1) // its name is that of the data
	change, creds := operated(t, neededRights(probe.Cluster))
	cert, pair := certificate(t)
	s := startNATS(t, func(o *server.Options) {
		change(o)
		o.TLSConfig, o.TLSTimeout = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}, 10
	})
	o := probe
	o.External = &External{URLs: []string{strings.Replace(s.ClientURL(), "nats://", "tls://", 1)}, Replicas: 1, Creds: creds, CA: cert}
	e := open(t, o)
	mustAppend(t, openedLog(t, e), 0, "one")
	table, err := e.Table(t.Context(), broker.KeyTable)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Put(t.Context(), "key", []byte("value"), nil, 0); err != nil {
		t.Error(err)
	}
	wantReplay(t, openedLog(t, e), [][]byte{[]byte("one")})

	for name, c := range map[string]struct {
		x    External
		want string
	}{
		"no authority":   {External{URLs: o.External.URLs, Replicas: 1, Creds: creds}, "nats-ca"},
		"no credentials": {External{URLs: o.External.URLs, Replicas: 1, CA: cert}, "nats-creds"},
	} {
		o := externalOptions(t, 1)
		o.External = &c.x
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that names %s", name, err, c.want)
		}
	}
}

// Without the right to use JetStream the start fails, and names the rights.
func TestAMissingRightIsNamed(t *testing.T) {
	t.Parallel()
	rights := neededRights("any")
	rights.Pub.Allow.Remove("$JS.API.>")
	change, creds := operated(t, rights)
	s := startNATS(t, change)
	o := externalOptions(t, 1, s)
	o.External.Creds = creds
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "$JS.API.>") {
		t.Errorf("got %v, want an error with %q", err, "$JS.API.>")
	}
}

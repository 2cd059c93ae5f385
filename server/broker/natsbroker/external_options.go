package natsbroker

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/throng-chat/throng/server/broker"
)

// External is a NATS cluster that stores the logs and the tables, instead of the embedded server.
type External struct {
	URLs     []string // nats:// or tls://, one or more of its servers
	Creds    string   // file with the credentials of a user; empty: none
	CA       string   // file with the certificates of its authorities; empty: those of the system
	Node     string   // name of this node, with the syntax of a key; empty: this process is the only one with the data
	Replicas int      // servers that store each record: 1, 3 or 5

	self     string          // names this process for others
	rejected func(by string) // called when another process has asked for the name of this one
}

// ExternalError is an option of an External that is not valid.
type ExternalError struct{ Field, Found, Allowed string }

func (ee *ExternalError) Error() string {
	return fmt.Sprintf("natsbroker: External.%s %q: %s", ee.Field, ee.Found, ee.Allowed)
}

// Check returns an *ExternalError unless the options are valid. It reads no file.
func (x External) Check() error {
	if len(x.URLs) == 0 {
		return &ExternalError{"URLs", "", "must be nats://host:port or tls://host:port"}
	}
	for _, text := range x.URLs {
		if problem := checkURL(text); problem != "" {
			return &ExternalError{"URLs", withoutUser(text), problem}
		}
	}
	if x.Replicas != 1 && x.Replicas != 3 && x.Replicas != 5 {
		return &ExternalError{"Replicas", fmt.Sprint(x.Replicas), "must be 1, 3 or 5"}
	}
	if x.Node != "" && (broker.CheckKey(x.Node) != nil || len(x.Node) > maxCluster) {
		return &ExternalError{"Node", x.Node, fmt.Sprintf("must be 1 to %d of a-z, A-Z, 0-9, '-', '_'", maxCluster)}
	}
	return nil
}

func checkURL(text string) (problem string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
		return "must be nats://host:port or tls://host:port"
	}
	if u.User != nil {
		return "must have no user: name a file with credentials in nats-creds"
	}
	return ""
}

func (x *External) checkCreds() error {
	if x.Creds == "" {
		return nil
	}
	text, err := os.ReadFile(x.Creds)
	if err != nil {
		return &ExternalError{"Creds", x.Creds, err.Error()}
	}
	if !strings.Contains(string(text), "BEGIN NATS USER JWT") {
		return &ExternalError{"Creds", x.Creds, "must be a credentials file of NATS, with the JWT and the seed of a user (nsc generate creds)"}
	}
	return nil
}

func (x *External) checkCA() error {
	if x.CA == "" {
		return nil
	}
	text, err := os.ReadFile(x.CA)
	if err != nil {
		return &ExternalError{"CA", x.CA, err.Error()}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return &ExternalError{"CA", x.CA, "must have one or more certificates in PEM"}
	}
	return nil
}

// withoutUser returns the URL without its user and password, for an error.
func withoutUser(text string) string {
	if u, err := url.Parse(text); err == nil {
		u.User = nil
		return u.String()
	}
	return "not a URL"
}

// checkFiles returns why the files of the options cannot be used, or nil.
func (x *External) checkFiles() error { return errors.Join(x.checkCreds(), x.checkCA()) }

// replicated reports whether other processes store the records, too: the one that answers may be behind.
func (o *Options) replicated() bool { return o.Join != nil || o.External != nil }

// nodeReplicas is the number of nodes of a cluster that store each record.
const nodeReplicas = 3

// replicas returns the number of servers that store each record.
func (o *Options) replicas() int {
	switch {
	case o.External != nil:
		return o.External.Replicas
	case o.Join != nil:
		return nodeReplicas
	}
	return 1
}

// node returns the name of this node; empty on one node.
func (o *Options) node() string {
	switch {
	case o.External != nil:
		return o.External.Node
	case o.Join != nil:
		return o.Join.Node
	}
	return ""
}

// place is where an engine keeps what it needs beside its records: a data directory, or nothing at all.
type place interface {
	Path() string
	Engine() string
	ReadFile(name string) ([]byte, error)
	WriteFile(name string, text []byte) error
	Missing() error
	Close() error
}

// noPlace is the place of an engine whose records are in an external cluster. Marks are kept in memory only.
type noPlace struct{ x *External }

func (np noPlace) Path() string                 { return strings.Join(np.x.URLs, ",") }
func (noPlace) Engine() string                  { return "" }
func (noPlace) ReadFile(string) ([]byte, error) { return nil, fs.ErrNotExist }
func (noPlace) WriteFile(string, []byte) error  { return nil }
func (noPlace) Missing() error                  { return nil }
func (noPlace) Close() error                    { return nil }

// ClaimedError: another process uses the data under the same name.
type ClaimedError struct{ Name, By string }

func (ce *ClaimedError) Error() string {
	return fmt.Sprintf("%s is in use by %s: stop that process, or choose another name", ce.Name, ce.By)
}

// hostsOf returns the addresses of URLs, for messages.
func hostsOf(urls []string) string {
	var hosts []string
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil {
			host := u.Host
			if u.Port() == "" {
				host = net.JoinHostPort(u.Hostname(), "4222")
			}
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ", ")
}

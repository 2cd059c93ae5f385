//go:build !nonats

package natsbroker

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

// startExternal connects to one of the servers. It returns an error unless JetStream answers and can store the logs.
func startExternal(o Options, _ string) (*instance, error) {
	i := newInstance(o)
	conn, err := i.connect()
	if err != nil {
		i.stop()
		return nil, fmt.Errorf("NATS at %s: %w: %w", hostsOf(o.External.URLs), broker.ErrUnavailable, explainConnect(err, o.External.Creds))
	}
	i.conn = conn
	at := conn.ConnectedUrlRedacted() // empty after the end of the connection
	if i.js, err = jetstream.New(conn); err == nil {
		err = i.checkCluster()
	}
	if err == nil {
		err = i.claim()
	}
	if err != nil {
		i.stop()
		return nil, fmt.Errorf("NATS at %s: %w", at, err)
	}
	o.Log.Info("storage engine: connected to NATS", "server", conn.ConnectedServerName(), "url", at, "version", conn.ConnectedServerVersion(),
		"cluster", cmp.Or(conn.ConnectedClusterName(), "none"), "servers", strings.Join(conn.Servers(), " "), "replicas", o.External.Replicas)
	return i, nil
}

// explainConnect adds what to do. creds is the file with the credentials of the connection; empty: none.
func explainConnect(err error, creds string) error {
	isAuth := errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAccountAuthExpired) || errors.Is(err, nats.ErrAuthRevoked)
	switch {
	case isAuth && creds == "":
		return fmt.Errorf("%w: the server needs credentials: set nats-creds", err)
	case isAuth:
		return fmt.Errorf("%w: the server does not accept the credentials in %s: correct nats-creds", err, creds)
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("%w: use the scheme tls:// in nats for a server with TLS, nats:// for one without", err)
	}
	if errors.Is(err, nats.ErrNoServers) {
		return fmt.Errorf("%w: none of the servers answers: start them, or correct nats", err)
	}
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return fmt.Errorf("%w: name the certificate of its authority in nats-ca", err)
	}
	return err
}

// checkCluster returns why the servers cannot store the logs.
func (i *instance) checkCluster() error {
	ctx, cancel := context.WithTimeout(i.down, answerTimeout)
	defer cancel()
	if most := i.conn.MaxPayload(); most < maxMessage {
		return fmt.Errorf("max_payload is %d bytes: set it to %d or more in the configuration of NATS", most, maxMessage)
	}
	if _, err := i.js.AccountInfo(ctx); err != nil {
		return i.explainJetStream(err)
	}
	return nil
}

func (i *instance) explainJetStream(err error) error {
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return fmt.Errorf("%w: turn it on in the configuration of the servers (jetstream)", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("%w: turn it on for the account of the user", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: JetStream does not answer: more than half of its servers must run, and the user needs the right to publish to $JS.API.> and "+
			"to subscribe to _INBOX.>", broker.ErrUnavailable)
	}
	return i.classify("JetStream", err)
}

// claim lets this process be the only one with its name, while the connection lasts. Two processes with one name would take the logs from each
// other without end.
func (i *instance) claim() error {
	o := &i.options
	subject := "throng." + o.Cluster + ".claim." + cmp.Or(o.External.Node, "only.server")
	answer, err := i.conn.Request(subject, []byte(o.External.self), o.patience)
	switch {
	case err == nil && string(answer.Data) != o.External.self:
		name := "the name " + o.Cluster
		if o.External.Node != "" {
			name = "the node " + o.External.Node + " of the cluster " + o.Cluster
		}
		return &ClaimedError{name, string(answer.Data)}
	case err != nil && !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, nats.ErrTimeout):
		return err
	}
	_, err = i.conn.Subscribe(subject, func(m *nats.Msg) {
		by := cmp.Or(string(m.Data), "of an earlier version")
		i.log.Warnf("another process asked for the name of this node, and was rejected: %s", by)
		o.External.rejected(by)
		if err := m.Respond([]byte(o.External.self)); err != nil {
			o.Log.Warn("storage engine: answer another process with the same name", "error", err)
		}
	})
	if err != nil {
		return err
	}
	return i.conn.FlushTimeout(o.patience)
}

// processName names this process for others.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("process %d on %s since %s", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339Nano))
}

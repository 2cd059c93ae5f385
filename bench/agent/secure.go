package agent

import (
	"context"
	"net"
	"net/url"

	"github.com/throng-chat/throng/bench/tlsclient"
)

// maxTLSQuote is the length up to which a fault of TLS is quoted, in bytes. It has names of the server's certificate.
const maxTLSQuote = 500

// tlsOf returns the client's side of TLS for a target, or nil if the target has none.
func tlsOf(t *Target, plan *Plan) (*tlsclient.Client, error) {
	u, err := url.Parse(t.URL)
	if err != nil || !Secure(u) {
		return nil, err
	}
	return tlsclient.New(plan.TLS, u.Hostname())
}

// secure makes the TLS handshake of a connection, on the goroutine of a worker.
func (d *dialer) secure(ctx context.Context, client *tlsclient.Client, nc net.Conn) (*tlsclient.Session, error) {
	session, agreed, err := client.Handshake(ctx, nc)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answer.Agreed == "" {
		d.answer.Agreed = agreed
	}
	return session, nil
}

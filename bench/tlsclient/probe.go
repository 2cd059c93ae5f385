package tlsclient

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// Seen is what a server has shown.
type Seen struct {
	Agreed  string    `json:"agreed,omitempty"` // TLS version and cipher suite
	Names   string    `json:"names,omitempty"`  // names and IP addresses of the certificate
	Expires time.Time `json:"expires,omitzero"` // the first certificate of its chain
}

// Probe makes a handshake on nc and requests a page, because a server of TLS 1.3 rejects a client certificate only after the handshake. Any
// answer to the request is right. The errors are those of Handshake.
func (c *Client) Probe(ctx context.Context, nc net.Conn) (Seen, error) {
	defer context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Now()) })() // an error means that nc is closed
	conn := tls.Client(nc, c.base)
	if err := conn.HandshakeContext(ctx); err != nil {
		return Seen{}, explain(err)
	}
	state := conn.ConnectionState()
	seen := Seen{Agreed: describe(&state), Names: names(state.PeerCertificates[0]), Expires: state.PeerCertificates[0].NotAfter}
	for _, cert := range state.PeerCertificates {
		if cert.NotAfter.Before(seen.Expires) {
			seen.Expires = cert.NotAfter
		}
	}
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+c.base.ServerName+"\r\nConnection: close\r\n\r\n")
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
	}
	if err = explain(err); errors.Is(err, io.EOF) {
		err = nil // it closes a connection whose request it does not know
	}
	return seen, errors.Join(err, ctx.Err())
}

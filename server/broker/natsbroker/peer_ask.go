//go:build !nonats

package natsbroker

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What listens at the address of another node. A server sends its INFO first on a route, behind the TLS handshake: more is not needed, and a connection that
// ends then is no route yet.

const maxInfo = 64 << 10 // bytes

// peerInfo is what a server says about itself.
type peerInfo struct {
	ID      string `json:"server_id"`
	Name    string `json:"server_name"`
	Cluster string `json:"cluster"`
}

// errNoNode: another program listens.
var errNoNode = errors.New("not a node of throng")

// askPeer asks the server at an address. It blocks until ctx ends.
func askPeer(ctx context.Context, config *tls.Config, address string) (info peerInfo, err error) {
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return info, err
	}
	defer conn.Close()
	unlink := context.AfterFunc(ctx, func() { conn.Close() })
	defer unlink()
	line, err := bufio.NewReader(io.LimitReader(conn, maxInfo)).ReadString('\n')
	if err != nil {
		return info, err
	}
	text, is := strings.CutPrefix(line, "INFO ")
	if !is || json.Unmarshal([]byte(text), &info) != nil || info.ID == "" {
		return info, errNoNode
	}
	return info, nil
}

// faultOf returns what is wrong with the server at an address; empty if it may be a node of this cluster, or nobody answers.
func faultOf(cluster string, info peerInfo, err error) string {
	unknown, plain, alert := x509.UnknownAuthorityError{}, tls.RecordHeaderError{}, tls.AlertError(0)
	switch {
	case errors.As(err, &unknown) && unknown.Cert != nil && unknown.Cert.Subject.CommonName == secretName:
		return "its cluster secret differs from that of this node: use the same cluster-secret-file on all nodes"
	case errors.As(err, &unknown), errors.As(err, &plain), errors.As(err, &alert), errors.Is(err, errNoNode):
		return fmt.Sprintf("another program listens there (%v): correct peers", err)
	case err == nil && info.Cluster != cluster:
		return fmt.Sprintf("it belongs to the cluster %q, and this node to %q: correct cluster or peers", info.Cluster, cluster)
	}
	return ""
}

package natsbroker

import (
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/server/broker"
)

// Join is the place of a process in a cluster. Each node has the same Peers and the same Secret.
type Join struct {
	Node   string   // name of this node, with the syntax of a key; another node has another one
	Listen string   // host:port for the other nodes; one of Peers
	Peers  []string // host:port of all nodes
	Secret string   // nodes without it are not admitted

	user, password string // of the port of clients, which only this process uses
}

// Limits of a cluster.
const (
	MinPeers  = 3
	MinSecret = 16 // bytes
)

// JoinError is an option of a Join that is not valid.
type JoinError struct{ Field, Found, Allowed string }

func (je *JoinError) Error() string {
	return fmt.Sprintf("natsbroker: Join.%s %q: %s", je.Field, je.Found, je.Allowed)
}

// Check returns a *JoinError unless the node and the addresses are valid.
func (jo Join) Check() error {
	switch {
	case broker.CheckKey(jo.Node) != nil || len(jo.Node) > maxCluster:
		return &JoinError{"Node", jo.Node, fmt.Sprintf("must be 1 to %d of a-z, A-Z, 0-9, '-', '_'", maxCluster)}
	case len(jo.Peers) < MinPeers:
		return &JoinError{"Peers", strings.Join(jo.Peers, ","), fmt.Sprintf("must be all nodes of the cluster, this one included: at least %d, because a majority stores each record", MinPeers)}
	case !slices.Contains(jo.Peers, jo.Listen):
		return &JoinError{"Listen", jo.Listen, "must be one of peers"}
	}
	seen := map[string]bool{}
	for _, peer := range jo.Peers {
		host, port, err := net.SplitHostPort(peer)
		n, err2 := strconv.Atoi(port)
		if err != nil || err2 != nil || host == "" || n < 1 || n > 65535 {
			return &JoinError{"Peers", peer, "must be host:port"}
		}
		address := net.JoinHostPort(strings.ToLower(host), strconv.Itoa(n))
		if seen[address] {
			return &JoinError{"Peers", strings.Join(jo.Peers, ","), peer + " is in it twice: name each node once, because a majority of the addresses is needed"}
		}
		seen[address] = true
	}
	return nil
}

// complete returns the options with a login for this process, or an error. Nil is valid.
func (jo *Join) complete() (*Join, error) {
	if jo == nil {
		return nil, nil
	}
	if err := jo.Check(); err != nil {
		return nil, err
	}
	if len(jo.Secret) < MinSecret {
		return nil, fmt.Errorf("the secret of the cluster has %d bytes: at least %d are needed", len(jo.Secret), MinSecret)
	}
	full := *jo
	full.user, full.password = rand.Text(), rand.Text()
	return &full, nil
}

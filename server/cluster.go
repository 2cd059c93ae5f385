package server

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/natsbroker"
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/session"
)

// A server as a node of a cluster.

// isNode reports whether the server is a node of a cluster. On external servers, the name of the cluster alone is the name of the data of a single server.
func (c *Config) isNode() bool { return c.Cluster != "" && (len(c.NATS) == 0 || c.Node != "") }

// external returns the servers of NATS that store the data; nil for none.
func (c *Config) external() *natsbroker.External {
	if len(c.NATS) == 0 {
		return nil
	}
	return &natsbroker.External{URLs: c.NATS, Creds: c.NATSCreds, CA: c.NATSCA, Node: c.Node, Replicas: c.NATSReplicas}
}

// nodes returns the number of nodes of the cluster; 0: servers of NATS have the majority that counts.
func (c *Config) nodes() int {
	if len(c.NATS) > 0 {
		return 0
	}
	return len(c.Peers)
}

// join sets the place in the cluster, if the server is a node of one.
func (c *Config) join(o *natsbroker.Options) error {
	o.Cluster, o.External = c.Cluster, c.external()
	if o.External != nil || c.Cluster == "" {
		return nil
	}
	secret, err := c.clusterSecret()
	if err != nil {
		return fmt.Errorf("cluster-secret-file = %q: %w", c.ClusterSecretFile, err)
	}
	o.Join = &natsbroker.Join{Node: c.Node, Listen: c.ClusterListen, Peers: c.Peers, Secret: secret}
	return nil
}

// clusterSecret reads the secret that all nodes share.
func (c *Config) clusterSecret() (string, error) {
	file, err := os.ReadFile(c.ClusterSecretFile)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(file))
	if len(secret) < natsbroker.MinSecret {
		return "", fmt.Errorf("found %d bytes: at least %d are needed", len(secret), natsbroker.MinSecret)
	}
	return secret, nil
}

// checkNATS checks the settings of external servers together.
func (c *Config) checkNATS(ce *configErrors) {
	x := c.external()
	if x == nil {
		for _, s := range []struct{ key, value string }{{"nats-creds", c.NATSCreds}, {"nats-ca", c.NATSCA}} {
			if s.value != "" {
				ce.add(s.key, s.value, "needs nats, the URLs of the servers")
			}
		}
		return
	}
	for _, s := range []struct{ key, value string }{
		{"cluster-listen", c.ClusterListen}, {"peers", strings.Join(c.Peers, ",")}, {"cluster-secret-file", c.ClusterSecretFile},
	} {
		if s.value != "" {
			ce.add(s.key, s.value, "is only for nodes without nats: the servers of NATS connect the nodes")
		}
	}
	if c.Data != "auto" && c.Data != "off" {
		ce.add("data", c.Data, "must be off or auto with nats, which stores the data")
	}
	if c.Node != "" && c.Cluster == "" {
		ce.add("node", c.Node, "needs cluster, the name of the cluster")
	}
	if err := broker.CheckKey(c.Cluster); c.Cluster != "" && err != nil {
		ce.add("cluster", c.Cluster, "must be 1 to 64 of a-z, A-Z, 0-9, '-', '_'")
	}
	c.addNATS(ce, x.Check())
}

// addNATS adds an error of the options of external servers.
func (c *Config) addNATS(ce *configErrors, err error) {
	var wrong *natsbroker.ExternalError
	if errors.As(err, &wrong) {
		ce.add(natsKeys[wrong.Field], wrong.Found, "%s", wrong.Allowed)
	}
}

// natsKeys are the settings of the fields of natsbroker.External.
var natsKeys = map[string]string{"URLs": "nats", "Creds": "nats-creds", "CA": "nats-ca", "Node": "node", "Replicas": "nats-replicas"}

// useData gives the sessions the log of the engine; nil for none. It returns the node, if the server is one of a cluster.
func useData(cfg *Config, engine broker.Engine, sessions *session.Sessions) *cluster.Node {
	if engine == nil {
		return nil
	}
	logs := home.Config{Engine: engine, MaxBytes: int64(cfg.DataBytes)}
	if !cfg.isNode() {
		sessions.UseLog(logs, nil)
		return nil
	}
	n := cluster.New(cluster.Config{Engine: engine, Name: cfg.Node, Size: cfg.nodes(), Peers: cfg.Peers, Version: cfg.Version, Logs: cfg.ClusterLogs, Reads: cfg.messages, Log: sessions.Log})
	n.Join(sessions.Hub, logs)
	return n
}

// clusterStatus returns the function that tells what a node knows of its cluster, for the live page; nil without a cluster.
func clusterStatus(n *cluster.Node) func() any {
	if n == nil {
		return nil
	}
	return func() any { return n.Status() }
}

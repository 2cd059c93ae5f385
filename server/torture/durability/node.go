package durability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// node is one node of a cluster.
type node struct {
	run    *clusterRun
	number int
	name   string
	data   string // data directory
	args   []string
	place
	log *nodeLog

	before bool // its next start is that of the program before

	server *process // nil while it does not run
}

// nodeLog is the log of a node. It notes who leads the storage of the durable log.
type nodeLog struct {
	file   *os.File
	number int
	leader *atomic.Int32
}

const (
	leads    = "new stream leader for"
	leadsLog = "_LOG_0"
)

func (nl *nodeLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(leads)) && bytes.Contains(line, []byte(leadsLog)) {
		nl.leader.Store(int32(nl.number))
	}
	return nl.file.Write(line)
}

// freePorts returns ports that nobody listens on, below those that the system gives to connections.
func freePorts(n int) (addresses []string, err error) {
	for port := 13000 + os.Getpid()%50*100; len(addresses) < n; port++ {
		if port == 20000 {
			return nil, errors.New("no free ports below 20000")
		}
		address := fmt.Sprint("127.0.0.1:", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func (n *node) start() error {
	cmd := n.run.Command(n.args...)
	if n.before {
		cmd = n.run.Before(n.args...)
	}
	if len(n.prefix) > 0 {
		inside, err := exec.LookPath(n.prefix[0])
		if err != nil {
			return err
		}
		cmd.Path, cmd.Args = inside, slices.Concat(n.prefix, []string{cmd.Path}, cmd.Args[1:])
	}
	cmd.Env = append(os.Environ(), "THRONG_TOKEN_HMAC_SECRET="+tokenSecret, "THRONG_API_KEY="+apiKey)
	server, err := startProcess(cmd, n.log)
	n.server = server
	return err
}

// restart starts the node, unless it runs, and waits until it accepts publications.
func (n *node) restart(ctx context.Context) error {
	if n.server != nil {
		select {
		case <-n.server.gone:
		default:
			return nil
		}
	}
	if err := n.start(); err != nil {
		return err
	}
	return n.awaitReady(ctx)
}

// awaitReady waits until a node that was started serves clients.
func (n *node) awaitReady(ctx context.Context) error {
	if _, err := n.server.awaitReady(ctx, readyTime); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	return nil
}

func (n *node) kill() error {
	server := n.server
	n.server = nil
	if server == nil {
		return nil
	}
	return server.kill()
}

func (n *node) stop() error {
	server := n.server
	n.server = nil
	if err := server.stop(stopTime); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	return nil
}

func (n *node) signal(s syscall.Signal) error { return n.server.cmd.Process.Signal(s) }

// clusterStatus is the part of GET /cluster that is needed here.
type clusterStatus struct {
	Why   string
	Nodes []struct{ Name string }
	Logs  []logState
}

// logState is the part of one log.
type logState struct {
	Name, Owner string
	Wanted      int  `json:"replicas_wanted"` // 0: a log in memory
	Unknown     bool `json:"replicas_unknown"`
	Replicas    []struct {
		Name, State string
		Lag         uint64
	}
}

// nearlyCurrent is the number of entries that a replica may be behind. Under load, a record is on its way to one of the replicas at each moment.
const nearlyCurrent = 20

// accepts returns what the cluster lacks to accept publications, as the node knows it: a node, or an owner of a log. It is empty if it lacks nothing.
func (status *clusterStatus) accepts(nodes int) string {
	switch {
	case status.Why != "":
		return status.Why
	case len(status.Nodes) != nodes:
		return fmt.Sprintf("%d of %d nodes", len(status.Nodes), nodes)
	}
	return ""
}

// current is accepts, and also returns a replica without nearly all records.
func (status *clusterStatus) current(nodes int) string {
	for _, l := range status.Logs {
		if l.Unknown || len(l.Replicas) < l.Wanted {
			return fmt.Sprintf("the %s log has %d of %d replicas", l.Name, len(l.Replicas), l.Wanted)
		}
		for _, r := range l.Replicas {
			if r.State != "current" && (r.State != "behind" || r.Lag > nearlyCurrent) {
				return fmt.Sprintf("the replica of the %s log on %s is %s: %d entries", l.Name, r.Name, r.State, r.Lag)
			}
		}
	}
	return status.accepts(nodes)
}

// status requests what the node knows of its cluster.
func (n *node) status(ctx context.Context) (s clusterStatus, err error) {
	step, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(step, http.MethodGet, "http://"+n.admin+"/cluster", nil)
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	return s, json.NewDecoder(response.Body).Decode(&s)
}

// makeNodes makes three nodes that do not run, in their network.
func (cr *clusterRun) makeNodes() error {
	secret := cr.path("secret")
	if err := os.WriteFile(secret, []byte("a secret of the torture of a cluster\n"), 0o600); err != nil {
		return err
	}
	names := []string{"a", "b", "c"}
	places, err := cr.Network.places(len(names))
	if err != nil {
		return err
	}
	for i, name := range names {
		file, err := os.Create(cr.path("node-" + name + ".log"))
		if err != nil {
			return err
		}
		at := places[i]
		n := &node{
			run: cr, number: i, name: name, data: filepath.Join(cr.Dir, name), place: at, log: &nodeLog{file, i, &cr.leader}, before: cr.Before != nil,
		}
		if i == 0 && cr.Data != "" {
			n.data = cr.Data
		}
		n.args = []string{
			"serve", "--config", cr.path("throng.toml"), "--cluster", "torture", "--node", name, "--data", n.data, "--peers", strings.Join(at.peers, ","),
			"--cluster-listen", at.listen, "--cluster-secret-file", secret, "--listen", n.public, "--admin", n.admin, "--drain", "3s",
			"--rate", "0", "--rate-bytes", "0", "--history-bytes", "1024MiB", "--data-bytes", "2048MiB", "--log-level", "debug",
		}
		cr.nodes = append(cr.nodes, n)
	}
	return nil
}

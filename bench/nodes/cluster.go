//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/throng-chat/throng/bench/observe"
)

const apiKey = "an-api-key-of-the-figures"

// node is a process of throng.
type node struct {
	name, public, admin string
	cmd                 *exec.Cmd
	log                 *os.File
	gone                chan struct{} // closed when the process has ended
}

// cluster is nodes on this machine. One node is a server without a cluster.
type cluster struct {
	nodes []*node
}

const readyTime = 3 * time.Minute

// start starts nodes with a config file and waits until all accept publications.
func (s *setup) start(ctx context.Context, nodes int, config string) (*cluster, error) {
	dir, err := os.MkdirTemp(s.dir, "cluster")
	if err != nil {
		return nil, err
	}
	file, secret := filepath.Join(dir, "throng.toml"), filepath.Join(dir, "secret")
	if err := errors.Join(os.WriteFile(file, []byte(config), 0o600), os.WriteFile(secret, []byte("a secret of the figures\n"), 0o600)); err != nil {
		return nil, err
	}
	var peers []string
	for i := range nodes {
		peers = append(peers, s.address(3*i))
	}
	cl := &cluster{}
	for i := range nodes {
		n := &node{name: fmt.Sprint("n", i), public: s.address(3*i + 1), admin: s.address(3*i + 2), gone: make(chan struct{})}
		args := []string{"serve", "--config", file, "--listen", n.public, "--admin", n.admin, "--data", filepath.Join(dir, n.name),
			"--rate", "0", "--rate-bytes", "0", "--rate-connections-address", "0"}
		if nodes > 1 {
			args = append(args, "--cluster", "figures", "--node", n.name, "--peers", strings.Join(peers, ","), "--cluster-listen", peers[i],
				"--cluster-secret-file", secret)
		}
		if err := n.start(s.binary, args, filepath.Join(dir, n.name+".log")); err != nil {
			return nil, errors.Join(err, cl.stop())
		}
		cl.nodes = append(cl.nodes, n)
	}
	for _, n := range cl.nodes {
		if err := n.awaitReady(ctx); err != nil {
			return nil, errors.Join(err, cl.stop())
		}
	}
	return cl, nil
}

func (s *setup) address(i int) string { return fmt.Sprint("127.0.0.1:", s.port+i) }

func (n *node) start(binary string, args []string, log string) (err error) {
	if n.log, err = os.Create(log); err != nil {
		return err
	}
	n.cmd = exec.Command(binary, args...)
	n.cmd.Env = append(os.Environ(), "THRONG_API_KEY="+apiKey)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = n.cmd.Wait() // a node is killed at the end
		close(n.gone)
	}()
	return nil
}

func (n *node) awaitReady(ctx context.Context) error {
	for end := time.Now().Add(readyTime); ; {
		if r, err := http.Get("http://" + n.admin + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.gone:
			text, _ := os.ReadFile(n.log.Name())
			return fmt.Errorf("node %s ended: %s", n.name, text)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(n.log.Name())
			return fmt.Errorf("node %s: not ready within %v: %s", n.name, readyTime, text)
		}
	}
}

// stop kills the nodes.
func (cl *cluster) stop() (err error) {
	for _, n := range cl.nodes {
		err = errors.Join(err, n.stop())
	}
	return err
}

// stop kills the process.
func (n *node) stop() (err error) {
	if e := n.cmd.Process.Kill(); !errors.Is(e, os.ErrProcessDone) {
		err = e
	}
	<-n.gone
	return errors.Join(err, n.log.Close())
}

// only returns the cluster with one node as the target.
func (cl *cluster) only(i int) *cluster { return &cluster{nodes: cl.nodes[i : i+1]} }

// targets returns the URLs of the nodes for throng bench.
func (cl *cluster) targets() string {
	var all []string
	for _, n := range cl.nodes {
		all = append(all, "ws://"+n.public)
	}
	return strings.Join(all, ",")
}

// usage returns what all nodes have used.
func (cl *cluster) usage(memory bool) (all observe.Usage, err error) {
	for _, n := range cl.nodes {
		u, err := observe.Read(n.cmd.Process.Pid, memory)
		if err != nil {
			return all, err
		}
		all.CPU += u.CPU
		all.RSS += u.RSS
		all.PSS += u.PSS
	}
	return all, nil
}

// call calls a method of the API of a node, and decodes its result.
func (n *node) call(ctx context.Context, method, params string, result any) error {
	reply := struct {
		Error  *struct{ Message string }
		Result any
	}{Result: result}
	if err := n.callWhole(ctx, method, params, &reply); err != nil {
		return err
	}
	if reply.Error != nil {
		return fmt.Errorf("%s: %s", method, reply.Error.Message)
	}
	return nil
}

// callWhole calls a method and decodes the whole reply.
func (n *node) callWhole(ctx context.Context, method, params string, reply any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.public+"/api/"+method, bytes.NewBufferString(params))
	if err != nil {
		return err
	}
	request.Header.Set("X-API-Key", apiKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(reply); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/natsbroker"
)

// newClusterTime is the time for the nodes of a new cluster to elect leaders, and to have the same records at the end.
const newClusterTime = 2 * time.Minute

// newCluster is the data directories of a new cluster: one for each node, with the name of the node. While they are made, all nodes run in this process.
type newCluster struct {
	dir, name string
	nodes     []string
	wanted    int // number of the logs
	engines   []broker.Engine
}

// withNewCluster makes the directories and calls do with their common logs. After an error they are not to be used.
func withNewCluster(dir, name string, nodes []string, wanted int, do func(context.Context, broker.Engine, []broker.Log) error) (err error) {
	ctx, stop := interruptible()
	defer stop()
	nc := newCluster{dir: dir, name: name, nodes: nodes, wanted: wanted}
	if err := nc.makeDirs(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nc.close()) }()
	if err := nc.open(); err != nil {
		return err
	}
	logs, err := nc.logs(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, log := range logs {
			log.Close()
		}
	}()
	if err := do(ctx, nc.engines[0], logs); err != nil {
		return err
	}
	return nc.await(ctx)
}

// makeDirs makes the parent of the directories. None of them may have files.
func (nc *newCluster) makeDirs() error {
	if err := os.Mkdir(nc.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("directory of a new cluster: %w", err)
	}
	for _, node := range nc.nodes {
		path := filepath.Join(nc.dir, node)
		if entries, err := os.ReadDir(path); len(entries) > 0 {
			return &exitError{code: exitUsage, err: fmt.Errorf("data directory %s: it has files: a new cluster needs new directories", path)}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("data directory %s: %w", path, err)
		}
	}
	return nil
}

// open starts the nodes on ports of this machine. The data do not depend on them, nor on the secret.
func (nc *newCluster) open() error {
	peers, err := freeAddresses(len(nc.nodes))
	if err != nil {
		return err
	}
	secret := rand.Text()
	for i, node := range nc.nodes {
		engine, err := natsbroker.Open(natsbroker.Options{
			Dir: filepath.Join(nc.dir, node), Cluster: nc.name, // without a log: the first nodes do not reach the others
			Join: &natsbroker.Join{Node: node, Listen: peers[i], Peers: peers, Secret: secret},
		})
		if err != nil {
			return err
		}
		nc.engines = append(nc.engines, engine)
	}
	return nil
}

// freeAddresses returns addresses of this machine that nobody listens on.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		l, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			return nil, listenErr
		}
		addresses = append(addresses, l.Addr().String())
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	return addresses, nil
}

// logs opens the logs of a new cluster as soon as the nodes have leaders.
func (nc *newCluster) logs(ctx context.Context) (logs []broker.Log, err error) {
	count := 0
	err = nc.until(ctx, func() (bool, error) {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		var err error
		if count == 0 {
			count, err = nc.engines[0].Logs(attempt, nc.wanted)
		}
		for err == nil && len(logs) < count {
			var log broker.Log
			if log, err = nc.engines[0].Open(attempt, len(logs)); err == nil {
				logs = append(logs, log)
			}
		}
		if errors.Is(err, broker.ErrUnavailable) || attempt.Err() != nil {
			return false, nil
		}
		return err == nil, err
	})
	return logs, err
}

// await waits until each node that stores the log has all of it.
func (nc *newCluster) await(ctx context.Context) error {
	of, ok := nc.engines[0].(interface{ Stored() []broker.StoredLog })
	if !ok {
		return nil
	}
	begin := time.Now()
	return nc.until(ctx, func() (bool, error) {
		if time.Since(begin) < 3*time.Second { // a look from before the last record does not count
			return false, nil
		}
		for _, l := range of.Stored() {
			if len(l.Replicas) < l.Wanted {
				return false, nil
			}
			for _, r := range l.Replicas {
				if !r.Current || r.Offline || r.Lag > 0 {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// until calls f until it returns true or an error.
func (nc *newCluster) until(ctx context.Context, f func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, newClusterTime)
	defer cancel()
	for {
		if done, err := f(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the nodes of the new cluster do not agree within %s: remove %s and try again: %w", newClusterTime, nc.dir, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (nc *newCluster) close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	for _, e := range nc.engines {
		err = errors.Join(err, e.Close(ctx))
	}
	return err
}

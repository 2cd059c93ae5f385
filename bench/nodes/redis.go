//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// redis compares three nodes of throng with three nodes of the library of Centrifugo and one Redis, in turn, and kills a Redis.
func redis(ctx context.Context, s *setup, parse func() error) error {
	peer := s.flags.String("peer", "", "the binary of bench/peers/centrifuge")
	rates := s.flags.String("rates", "200,1000", "messages a second")
	rounds := s.flags.Int("rounds", 3, "rounds of each rate")
	seconds := s.flags.Int("seconds", 8, "length of a run")
	if err := parse(); err != nil {
		return err
	}
	if *peer == "" {
		return errors.New("-peer: missing: build it with: go -C bench/peers/centrifuge build -o FILE")
	}
	args := []string{"broadcast", "--connections", "192", "--publishers", "64", "--duration", fmt.Sprint(*seconds, "s"),
		"--warmup", "2s", "--drain", "30s", "--dial-timeout", "30s"}
	for range *rounds {
		for rate := range strings.SplitSeq(*rates, ",") {
			for _, what := range []string{"m:redis", "d:redis", "no", "always"} {
				r, usage, err := s.beside(ctx, *peer, what, append(args, "--room", strings.Replace(what, "no", "m:redis", 1), "--rate", rate))
				if err != nil {
					return err
				}
				name := map[string]string{"m:redis": "throng, memory", "d:redis": "throng, durable", "no": "centrifuge, Redis", "always": "centrifuge, Redis, appendfsync always"}[what]
				fmt.Printf("%-40s %5s/s: p50 %6s ms, p99 %6s ms, CPU %6.1f µs a publication\n", name, rate, millisAt(r.Latency.Each, 50), millis(r.Latency.Each),
					usage.Seconds()*1e6/float64(r.Sent.Messages))
			}
		}
	}
	for _, how := range []string{"no", "everysec", "always"} {
		if err := s.killRedis(ctx, *peer, how); err != nil {
			return err
		}
	}
	return nil
}

// beside runs the load once. The usage is that of all processes of the servers, Redis included.
func (s *setup) beside(ctx context.Context, peer, what string, args []string) (r *result.Result, used time.Duration, err error) {
	var cl *cluster
	if strings.Contains(what, ":") {
		cl, err = s.start(ctx, 3, roomsConfig)
	} else {
		cl, err = s.peers(ctx, peer, what, "")
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	before, err := cl.usage(false)
	if err != nil {
		return nil, 0, err
	}
	r, err = s.bench(ctx, &cluster{nodes: cl.nodes[:3]}, args[0], args[1:]...)
	if err != nil {
		return nil, 0, err
	}
	after, err := cl.usage(false)
	return r, after.CPU - before.CPU, err
}

// peers starts three nodes of the peer, and Redis as the last one. sync is the appendfsync of Redis, or no for Redis as Debian configures it: snapshots.
func (s *setup) peers(ctx context.Context, peer, sync, dir string) (*cluster, error) {
	cl := &cluster{}
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp(s.dir, "redis"); err != nil {
			return nil, err
		}
	}
	store := s.server(9, "redis")
	args := []string{"--port", fmt.Sprint(s.port + 9), "--dir", dir, "--bind", "127.0.0.1"}
	if sync != "no" {
		args = append(args, "--appendonly", "yes", "--appendfsync", sync)
	}
	if err := store.start("redis-server", args, filepath.Join(dir, "redis.log")); err != nil {
		return nil, err
	}
	if err := store.awaitPort(ctx); err != nil {
		return nil, errors.Join(err, store.stop())
	}
	for i := range 3 {
		n := s.server(i, fmt.Sprint("peer", i))
		if err := n.start(peer, []string{"-listen", n.public, "-redis", store.public}, filepath.Join(dir, n.name+".log")); err != nil {
			return nil, errors.Join(err, store.stop(), cl.stop())
		}
		cl.nodes = append(cl.nodes, n)
	}
	cl.nodes = append(cl.nodes, store)
	for _, n := range cl.nodes {
		if err := n.awaitPort(ctx); err != nil {
			return nil, errors.Join(err, cl.stop())
		}
	}
	return cl, nil
}

func (s *setup) server(port int, name string) *node {
	return &node{name: name, public: s.address(port), gone: make(chan struct{})}
}

// awaitPort waits until the process listens.
func (n *node) awaitPort(ctx context.Context) error {
	for {
		if c, err := net.Dial("tcp", n.public); err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.gone:
			return fmt.Errorf("%s ended: see %s", n.name, n.log.Name())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stored is a script of Redis that counts the publications of all histories.
const stored = `local n = 0; for _, k in ipairs(redis.call('KEYS', '*')) do if redis.call('TYPE', k).ok == 'stream' then n = n + redis.call('XLEN', k) end end; return n`

// killRedis publishes in 200 rooms, kills Redis with kill -9, starts it again, and prints how many publications are left.
func (s *setup) killRedis(ctx context.Context, peer, sync string) (err error) {
	dir, err := os.MkdirTemp(s.dir, "redis")
	if err != nil {
		return err
	}
	count := func() string {
		out, err := exec.CommandContext(ctx, "redis-cli", "-p", fmt.Sprint(s.port+9), "EVAL", stored, "0").CombinedOutput()
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(out))
	}
	cl, err := s.peers(ctx, peer, sync, dir)
	if err != nil {
		return err
	}
	_, err = s.bench(ctx, &cluster{nodes: cl.nodes[:3]}, "echo", "--connections", "200", "--rate", "1000", "--duration", "3s",
		"--warmup", "0s", "--drain", "30s")
	before := count()
	if err = errors.Join(err, cl.stop()); err != nil {
		return err
	}
	if cl, err = s.peers(ctx, peer, sync, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	fmt.Printf("kill -9 of Redis, appendfsync %s: %s publications in the histories before, %s after\n", sync, before, count())
	return nil
}

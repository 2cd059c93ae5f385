//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// crowdConfig has rare pings: those of 500,000 connections each 25 s take a core, which the handshakes need here. A message to 500,000 clients takes the cores of
// one machine many seconds, in which it answers no pings.
const crowdConfig = `guests = "on"
ping-interval = "2m"
ping-timeout = "1m"
[[room]]
pattern = "crowd"
presence = true
see-presence = "anyone"
`

// perNode is the number of connections for each node: a process here has 20,000 open files, and a node needs some for the other nodes.
const perNode = 18_000

// crowd opens connections to as many nodes as their open files need, all in one room. It publishes one message a second, and requests the
// presence statistics of each node until all are right.
func crowd(ctx context.Context, s *setup, parse func() error) (err error) {
	connections := s.flags.Int("connections", 20_000, "connections in the room")
	nodes := s.flags.Int("nodes", 0, "number of nodes; 0: as few as possible, at least 3")
	seconds := s.flags.Int("seconds", 20, "how long to publish: one message a second")
	dials := s.flags.Int("dials", 16, "concurrent handshakes of each process of clients")
	if err := parse(); err != nil {
		return err
	}
	if *nodes == 0 {
		*nodes = max(3, (*connections+perNode-1)/perNode)
	}
	began := time.Now()
	cl, err := s.start(ctx, *nodes, crowdConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	idle, err := cl.usage(true)
	if err != nil {
		return err
	}
	fmt.Printf("%d nodes ready after %.1f s, PSS %s each\n", *nodes, time.Since(began).Seconds(), result.Size(idle.PSS/int64(*nodes)))
	watching, done := context.WithCancel(ctx)
	var seen atomic.Int64 // when all statistics were right, in nanoseconds since the start
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(watching, cl, *connections, func() { seen.Store(int64(time.Since(began))) })
	}()
	r, err := s.bench(ctx, cl, "broadcast", "--room", "crowd", "--connections", fmt.Sprint(*connections),
		"--publishers", "1", "--rate", "1", "--duration", fmt.Sprint(*seconds, "s"), "--warmup", "0s", "--drain", "60s",
		"--dials", fmt.Sprint(*dials), "--dial-timeout", "2m")
	done()
	<-watched
	if r != nil {
		printCrowd(r, cl)
	}
	if seen.Load() == 0 {
		return errors.Join(err, fmt.Errorf("presence_stats did not reach %d on all nodes at the same moment", *connections))
	}
	fmt.Printf("presence_stats: %s clients on each of %d nodes\n", result.Thousands(*connections), *nodes)
	return err
}

// watch requests the statistics of all nodes each second until all have the number of clients, and calls right then.
func watch(ctx context.Context, cl *cluster, connections int, right func()) {
	for {
		all := 0
		for _, n := range cl.nodes {
			var stats struct {
				Clients int `json:"num_clients"`
			}
			if err := n.call(ctx, "presence_stats", `{"channel":"crowd"}`, &stats); err == nil && stats.Clients == connections {
				all++
			}
		}
		if all == len(cl.nodes) {
			right()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

func printCrowd(r *result.Result, cl *cluster) {
	s := &r.Server
	var agents int64
	for _, a := range r.Agents {
		agents += a.PSS
	}
	fmt.Printf("connections: %s of %s opened in %s, %d processes of clients\n", result.Thousands(r.Connect.Opened), result.Thousands(r.Plan.Connections),
		result.Duration(r.Connect.Took), len(r.Agents))
	per := float64(r.Connect.Opened)
	fmt.Printf("memory: nodes %s (%s a connection), clients %s (%s), TCP buffers %s a connection\n", result.Size(s.PSSConnected),
		result.Bytes(float64(s.PSSConnected-s.PSSBefore)/per), result.Size(agents), result.Bytes(float64(agents)/per), result.Grown(s.KernelPer))
	fmt.Printf("memory at the end: nodes %s\n", result.Size(s.PSSAfter))
	d := &r.Delivery
	fmt.Printf("delivery: %s expected, %s received, %s lost, %s duplicated, %s out of order; %d connections closed early %v\n", result.Thousands(d.Expected),
		result.Thousands(d.Got), result.Thousands(d.Lost), result.Thousands(d.Duplicated), result.Thousands(d.Reordered), d.Closed, d.Closes)
	if l := r.Latency.Last; l != nil {
		fmt.Printf("one message to all: the last receiver after at most %s\n", result.Duration(l.Max))
	}
	fmt.Printf("CPU: nodes %s a handshake, %s a delivery; clients %s a delivery\n", time.Duration(s.PerUpgrade), time.Duration(s.PerDelivery), time.Duration(r.Client.PerDelivery))
	fmt.Printf("verdict: %s %v\n", r.Verdict.Code, r.Verdict.Why)
}

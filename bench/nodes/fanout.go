//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// fanout measures the CPU of a delivery of one room at three nodes, in turn with the same room at one server.
func fanout(ctx context.Context, s *setup, parse func() error) error {
	members := s.flags.Int("members", 1500, "members of the room, on all nodes together")
	rate := s.flags.Int("rate", 60, "messages a second")
	rounds := s.flags.Int("rounds", 3, "pairs of runs")
	seconds := s.flags.Int("seconds", 10, "length of a run")
	if err := parse(); err != nil {
		return err
	}
	var ratios []float64
	for range *rounds {
		var cost [2]float64
		for k, nodes := range []int{1, 3} {
			r, err := s.once(ctx, nodes, roomsConfig, "broadcast", "--room", "m:fanout",
				"--connections", fmt.Sprint(*members), "--publishers", "30", "--rate", fmt.Sprint(*rate), "--duration", fmt.Sprint(*seconds, "s"),
				"--warmup", "2s", "--drain", "30s", "--dial-timeout", "30s")
			if err != nil {
				return err
			}
			cost[k] = r.Server.PerDelivery / 1e3
			fmt.Printf("%d nodes: %8.0f deliveries/s, CPU %.3f µs a delivery, p50 %s ms, p99 %s ms, %s\n", nodes, r.Delivery.PerS, cost[k],
				millisAt(r.Latency.Each, 50), millis(r.Latency.Each), r.Verdict.Code)
		}
		ratios = append(ratios, cost[1]/cost[0])
	}
	fmt.Printf("CPU a delivery, three nodes to one: median %.2f\n", stats.Median(ratios))
	return nil
}

// once runs throng bench once against new nodes.
func (s *setup) once(ctx context.Context, nodes int, config, scenario string, args ...string) (r *result.Result, err error) {
	cl, err := s.start(ctx, nodes, config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	return s.bench(ctx, cl, scenario, args...)
}

// attached measures what rooms with a history cost the nodes when nothing happens in them.
func attached(ctx context.Context, s *setup, parse func() error) (err error) {
	rooms := s.flags.Int("rooms", 100_000, "rooms with one publication each")
	kind := s.flags.String("kind", "m", "d for durable rooms, m for rooms in memory")
	if err := parse(); err != nil {
		return err
	}
	cl, err := s.start(ctx, 3, roomsConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	const idleTime = 10 * time.Second
	idle, err := cl.perSecond(ctx, idleTime)
	if err != nil {
		return err
	}
	before, err := cl.usage(true)
	if err != nil {
		return err
	}
	began := time.Now()
	const batch = 500
	for i := 0; i < *rooms; i += batch {
		var commands []string
		for k := i; k < min(i+batch, *rooms); k++ {
			commands = append(commands, fmt.Sprintf(`{"publish":{"channel":"%s:%d","data":{"text":"a message of the figures"}}}`, *kind, k))
		}
		var replies struct {
			Replies []struct{ Error *struct{ Message string } }
		}
		if err := cl.nodes[i/batch%3].callWhole(ctx, "batch", `{"commands":[`+strings.Join(commands, ",")+`]}`, &replies); err != nil {
			return err
		}
		for _, reply := range replies.Replies {
			if reply.Error != nil {
				return fmt.Errorf("batch: %s", reply.Error.Message)
			}
		}
	}
	took := time.Since(began)
	busy, err := cl.perSecond(ctx, idleTime)
	if err != nil {
		return err
	}
	after, err := cl.usage(true)
	if err != nil {
		return err
	}
	fmt.Printf("%d rooms in %.1f s; memory of a node %s before, %s after: %.0f B a room\n", *rooms, took.Seconds(), result.Size(before.PSS/3), result.Size(after.PSS/3),
		float64(after.PSS-before.PSS)/3/float64(*rooms))
	for i := range idle {
		fmt.Printf("node %d: CPU while idle %.1f ms a second before, %.1f after\n", i, 1e3*idle[i], 1e3*busy[i])
	}
	return nil
}

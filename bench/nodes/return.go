//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/throng-chat/throng/bench/result"
)

// returning ends one of three nodes, and prints how its clients returned and recovered.
func returning(ctx context.Context, s *setup, parse func() error) (err error) {
	connections := s.flags.Int("connections", 10_000, "clients of the node that ends; as many are on each of the others")
	room := s.flags.String("room", "d:return", "d:NAME for a durable room, m:NAME for one in memory")
	rate := s.flags.Int("rate", 1, "publications a second; each reaches three times the connections")
	drain := s.flags.Bool("stop", false, "stop the node gracefully instead of kill -9")
	jitter := s.flags.Duration("jitter", 0, "spread the reconnects over this time")
	seconds := s.flags.Int("seconds", 60, "length of the run; the node ends after a quarter of it")
	if err := parse(); err != nil {
		return err
	}
	cl, err := s.start(ctx, 3, roomsConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	flag := "--kill-node"
	if *drain {
		flag = "--stop-node"
	}
	r, err := s.bench(ctx, cl, "storm", "--resume", "--room", *room, "--connections", fmt.Sprint(3**connections),
		"--publishers", "10", "--rate", fmt.Sprint(*rate), "--duration", fmt.Sprint(*seconds, "s"), "--drain", "60s", "--dial-timeout", "30s",
		"--jitter", jitter.String(), flag, fmt.Sprint(cl.nodes[0].cmd.Process.Pid))
	if r != nil && r.Storm != nil {
		printStorm(r)
	}
	return err
}

func printStorm(r *result.Result) {
	t, m := r.Storm, r.Resume
	fmt.Printf("%s clients of the node, %s back: half in %s, 99 %% in %s, all in %s; %s attempts failed\n", result.Thousands(t.Killed),
		result.Thousands(t.Back), result.Took(t.Back50), result.Took(t.Back99), result.Took(t.Back100), result.Thousands(t.Refused))
	fmt.Printf("their connections ended within %s, at most %.1f %% of them in 100 ms\n", result.Took(t.LastEnd), 100*t.MostEnds)
	if t.Away != nil {
		fmt.Printf("a client was away for at most %s\n", result.Duration(t.Away.Max))
	}
	fmt.Printf("recovery: %s clients, %s messages; not complete for %s\n", result.Thousands(m.Clients), result.Thousands(m.Recovered), result.Thousands(m.Missed))
	d := &r.Delivery
	fmt.Printf("delivery: %s expected, %s received, %s lost, %s duplicated, %s out of order\n", result.Thousands(d.Expected), result.Thousands(d.Got),
		result.Thousands(d.Lost), result.Thousands(d.Duplicated), result.Thousands(d.Reordered))
	fmt.Printf("verdict: %s %v\n", r.Verdict.Code, r.Verdict.Why)
}

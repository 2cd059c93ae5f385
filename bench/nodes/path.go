//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// rawSyncs returns how often a second a file of the directory takes 128 bytes and fdatasync, one after another.
func rawSyncs(dir string, d time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	data, began, n := make([]byte, 128), time.Now(), 0
	for ; time.Since(began) < d; n++ {
		if _, err := f.Write(data); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// closedLoop runs a number of publishers. Each publishes in a room of its own when it has received its publication before.
func (s *setup) closedLoop(ctx context.Context, cl *cluster, publishers, room string, seconds int, warmup string) (*result.Result, error) {
	return s.bench(ctx, cl, "echo", "--room", room, "--connections", publishers, "--closed", publishers,
		"--duration", fmt.Sprint(seconds, "s"), "--warmup", warmup, "--drain", "30s", "--dial-timeout", "30s")
}

// path publishes in durable rooms of three nodes, each publisher in a room of its own, in a closed loop. A publication counts when its publisher
// has received it: it is stored by a majority then.
func path(ctx context.Context, s *setup, parse func() error) (err error) {
	publishers := s.flags.String("publishers", "64,1000", "numbers of closed-loop publishers")
	rounds := s.flags.Int("rounds", 3, "rounds of each number")
	seconds := s.flags.Int("seconds", 8, "length of a round")
	if err := parse(); err != nil {
		return err
	}
	cl, err := s.start(ctx, 3, roomsConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	ratios := map[string][]float64{}
	all := strings.Split(*publishers, ",")
	for range *rounds {
		for _, n := range all {
			before, err := rawSyncs(s.dir, time.Second)
			if err != nil {
				return err
			}
			r, err := s.closedLoop(ctx, cl, n, "d:path", *seconds, "2s")
			if err != nil {
				return err
			}
			after, err := rawSyncs(s.dir, time.Second)
			if err != nil {
				return err
			}
			raw := (before + after) / 2
			ratios[n] = append(ratios[n], r.Sent.Achieved/raw)
			fmt.Printf("%6s publishers: %8.0f/s, p99 %s ms, raw %5.0f and %5.0f/s: %6.1f x\n", n, r.Sent.Achieved, millis(r.Latency.Each), before, after, r.Sent.Achieved/raw)
		}
	}
	for _, n := range all {
		fmt.Printf("%6s publishers: median %.1f x raw\n", n, stats.Median(ratios[n]))
	}
	return nil
}

// publication measures what a publication costs a node that has neither its publisher nor members of its room: it applies the records of the owner.
func publication(ctx context.Context, s *setup, parse func() error) (err error) {
	inFlight := s.flags.Int("in-flight", 64, "publications in flight: the largest batch")
	room := s.flags.String("room", "m:cost", "d:NAME for durable rooms, m:NAME for rooms in memory")
	rounds := s.flags.Int("rounds", 3, "")
	seconds := s.flags.Int("seconds", 8, "length of a round")
	if err := parse(); err != nil {
		return err
	}
	cl, err := s.start(ctx, 3, roomsConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	var costs []float64
	for range *rounds {
		idle, err := cl.perSecond(ctx, 3*time.Second)
		if err != nil {
			return err
		}
		before, began := cl.each(), time.Now()
		r, err := s.closedLoop(ctx, cl.only(0), strconv.Itoa(*inFlight), *room, *seconds, "0s")
		if err != nil {
			return err
		}
		after, took := cl.each(), time.Since(began).Seconds()
		least := 0.0 // the owner works more than the other node without publishers
		for i := 1; i < len(cl.nodes); i++ {
			cost := (after[i] - before[i] - idle[i]*took) / float64(r.Sent.Messages) * 1e6
			if least == 0 || cost < least {
				least = cost
			}
		}
		costs = append(costs, least)
		fmt.Printf("%d publications, %.0f/s: %.2f µs of CPU each at the node without publishers and logs\n", r.Sent.Messages, r.Sent.Achieved, least)
	}
	fmt.Printf("median %.2f µs\n", stats.Median(costs))
	return nil
}

// each returns the CPU seconds of each node.
func (cl *cluster) each() (all []float64) {
	for i := range cl.nodes {
		u, _ := cl.only(i).usage(false)
		all = append(all, u.CPU.Seconds())
	}
	return all
}

// perSecond returns the CPU seconds of each node in a second, over a time.
func (cl *cluster) perSecond(ctx context.Context, d time.Duration) (all []float64, err error) {
	before := cl.each()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(d):
	}
	for i, after := range cl.each() {
		all = append(all, (after-before[i])/d.Seconds())
	}
	return all, nil
}

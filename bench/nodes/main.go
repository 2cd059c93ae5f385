//go:build linux

// Nodes makes the figures of docs/benchmarks/cluster.md: each by one command. It runs the nodes and the clients on this machine.
//
//	go run ./bench/nodes crowd -connections 60000    many connections in one room, one message to all, presence_stats of each node
//	go run ./bench/nodes return -connections 10000   a node is killed: its clients return and recover
//	go run ./bench/nodes path                        durable publications of closed-loop publishers, as multiples of fdatasync
//	go run ./bench/nodes publication                 CPU of a publication at a node without members
//	go run ./bench/nodes fanout                      one room at three nodes, beside one node
//	go run ./bench/nodes attached -rooms 100000      memory and CPU of many rooms
//	go run ./bench/nodes redis -peer BINARY          beside the library of Centrifugo with Redis, and what a killed Redis loses
//
// A command stops what it started when it ends, also by a signal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/throng-chat/throng/server/torture/durability"
)

// commands are the figures by name. Each defines its flags, calls parse, and prints.
var commands = map[string]func(ctx context.Context, s *setup, parse func() error) error{
	"crowd":  crowd,
	"return": returning,
	"path":   path, "publication": publication, "fanout": fanout, "attached": attached, "redis": redis,
}

func names() string {
	var all []string
	for name := range commands {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nodes:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	if len(args) == 0 || commands[args[0]] == nil {
		return fmt.Errorf("the first argument must be one of %s", names())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &setup{flags: flag.NewFlagSet(args[0], flag.ExitOnError)}
	s.flags.StringVar(&s.binary, "throng", "", "the binary to measure; built from this checkout without it")
	s.flags.IntVar(&s.port, "port", 18000, "the first port to use; three for each node")
	if s.dir, err = os.MkdirTemp("", "nodes"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	return commands[args[0]](ctx, s, func() error {
		err := s.flags.Parse(args[1:])
		if err == nil && s.binary == "" {
			s.binary, err = durability.Build(ctx, s.dir)
		}
		return err
	})
}

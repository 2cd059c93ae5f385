package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/floor"
	"github.com/throng-chat/throng/bench/result"
)

// floorCmd is the command throng bench floor.
type floorCmd struct {
	talk
	Listen string `help:"Run only the floor server, on this host:port, for a bench on another host."`
}

// Run measures the floor, or only runs the floor server.
func (fl *floorCmd) Run() error {
	if fl.Listen != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return floor.Serve(ctx, fl.Listen, func(at net.Addr) { fmt.Println("ready", at) })
	}
	if len(fl.URL) > 0 {
		return &exitError{code: exitUsage, err: errors.New("url: not allowed: the floor runs its own server")}
	}
	cfg, err := fl.config(bench.Broadcast)
	cfg.Floor, cfg.URLs = false, []string{unstarted}
	return measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (_ *result.Result, err error) {
		child, err := bench.StartServer(ctx, func(address, _ string) []string { return []string{"bench", "floor", "--listen", address} })
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, child.Stop()) }()
		cfg.URLs, cfg.PIDs, cfg.Metrics = []string{child.URL}, []int{child.PID}, ""
		return bench.Run(ctx, cfg, tell)
	}, fl.write)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// agentCmd is the command throng bench agent.
type agentCmd struct {
	Listen string `help:"Address to wait on for a bench, host:port."`
	Token  string `env:"THRONG_BENCH_TOKEN" help:"Shared secret that the bench must send: 16 to 256 characters."`
	FD     int    `name:"fd" hidden:"" help:"Socket to the bench that started this process."`
}

// Run serves one bench on an inherited socket, or waits for benches on an address.
func (ag *agentCmd) Run() error {
	if ag.FD > 0 {
		// The bench handles the signals of the terminal. The agent ends when the link ends.
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		file := os.NewFile(uintptr(ag.FD), "bench")
		link, err := net.FileConn(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("socket to the bench: %w", err)
		}
		return errors.Join(agent.Serve(context.Background(), link), link.Close())
	}
	if ag.Listen == "" {
		return &exitError{code: exitUsage, err: errors.New("listen: missing: add --listen host:port")}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return agent.Listen(ctx, ag.Listen, ag.Token, func(text string) { fmt.Fprintln(os.Stderr, "throng bench agent:", result.Printable(text)) })
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/result"
)

// unstarted is the URL of a server that starts after all flags are checked.
const unstarted = "ws://127.0.0.1/ws"

// measuring is bench.Run, or a function that runs it several times.
type measuring func(context.Context, bench.Config, func(bench.Progress)) (*result.Result, error)

// measure checks the flags, starts a server if no URL is given, measures and writes the result. err has the errors found in the flags so
// far. It returns an error for an invalid result or a bound that does not hold.
func measure(cfg bench.Config, err error, run measuring, write func(*result.Result) error) error {
	checked := cfg
	if len(checked.URLs) == 0 {
		checked.URLs = []string{unstarted}
		if name := cfg.Protocol.Name; name != "" && name != "plain" { // an unknown protocol is an error already
			err = errors.Join(err, fmt.Errorf("url: --protocol %s needs a URL (the built-in server supports plain only)", name))
		}
	}
	if err = errors.Join(err, checked.Validate()); err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	ctx, stop := interruptible()
	defer stop()
	if len(cfg.URLs) == 0 {
		child, err := startOwn(ctx)
		if err != nil {
			return err
		}
		defer func() {
			if err := child.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "throng:", result.Printable(err.Error()))
			}
		}()
		cfg.URLs, cfg.PIDs, cfg.Metrics = []string{child.URL}, []int{child.PID}, child.Metrics
	}
	tell, end := progressTo(os.Stderr)
	r, err := run(ctx, cfg, tell)
	end()
	if r != nil {
		r.Tool = "throng " + version
		if err := write(r); err != nil {
			return err
		}
	}
	switch {
	case r != nil && r.Interrupted, ctx.Err() != nil:
		return &exitError{code: exitInterrupted, err: errors.New("interrupted")}
	case err != nil:
		return err
	}
	return verdictError(r)
}

// interruptible returns a context that the first signal cancels. The second signal ends the process.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// startOwn starts a throng server without rate limits.
func startOwn(ctx context.Context) (*bench.Child, error) {
	return bench.StartServer(ctx, func(address, admin string) []string {
		return []string{"serve", "--listen", address, "--admin", admin, "--rate", "0", "--rate-bytes", "0"}
	})
}

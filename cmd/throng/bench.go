package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/result"
)

// Exit codes of bench, beside those of every command.
const (
	exitThreshold   = 4   // a --fail does not hold
	exitInvalid     = 5   // the figures are the client's limit, or were not steady
	exitNotProved   = 6   // a message was lost, doubled, out of order or altered, or a connection did not hold
	exitGaps        = 7   // clients that came back missed something, and were told
	exitInterrupted = 130 // by a signal; the partial result was printed
)

// benchCmd is throng bench: a command for each scenario, and for what can be done with results.
type benchCmd struct {
	Chat      chatCmd      `cmd:"" default:"withargs" help:"Rooms of all sizes, talkers by chance, joins and leaves. This is what bench alone does."`
	Broadcast broadcastCmd `cmd:"" help:"One room, or several of one size, and a steady rate."`
	Echo      echoCmd      `cmd:"" help:"Each connection in a room of its own: every message comes back to its sender."`
	Idle      idleCmd      `cmd:"" help:"Hold the connections and say nothing but pings."`
	Storm     stormCmd     `cmd:"" help:"Kill a share of the connections at once, which all come back."`
	Slow      slowCmd      `cmd:"" help:"A share of the connections stops reading."`
	Connect   connectCmd   `cmd:"" help:"Open the connections, and no more."`
	Ladder    ladderCmd    `cmd:"" help:"A scenario again and again, at rising rates or numbers of connections."`
	Find      findCmd      `cmd:"" help:"Search for the highest rate that holds."`
	Run       runCmd       `cmd:"" help:"Do what a plan file says."`
	AB        abCmd        `cmd:"" name:"ab" help:"Which of two servers is faster: pairs of runs, in turn, and a test."`
	Compare   compareCmd   `cmd:"" help:"Two result files side by side."`
	Report    reportCmd    `cmd:"" help:"A result file as a page of HTML, as CSV, or as an HdrHistogram percentile file."`
	Floor     floorCmd     `cmd:"" help:"What the kernel charges for the same bytes to as many sockets."`
	Agent     agentCmd     `cmd:"" help:"Hold connections for a bench on another host."`
}

// unstarted is the URL of a server that is started once all else is checked.
const unstarted = "ws://127.0.0.1/ws"

// measuring is bench.Run, or something that runs it several times.
type measuring func(context.Context, bench.Config, func(bench.Progress)) (*result.Result, error)

// measure checks the flags, starts a server where none is given, measures, and tells what came of it.
func (s *scenario) measure(cfg bench.Config, err error, run measuring) error {
	checked := cfg
	if len(checked.URLs) == 0 {
		checked.URLs = []string{unstarted}
		if cfg.Protocol.Name != "plain" {
			err = errors.Join(err, fmt.Errorf("url: none given, and throng's own server speaks plain, not %s", cfg.Protocol.Name))
		}
	}
	if err = errors.Join(err, checked.Validate()); err != nil {
		return &exitError{exitUsage, err}
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
		cfg.URLs, cfg.PID, cfg.Metrics = []string{child.URL}, child.PID, child.Metrics
	}
	tell, end := progressTo(os.Stderr)
	r, err := run(ctx, cfg, tell)
	end()
	if r != nil {
		r.Tool = "throng " + version
		if err := s.write(r); err != nil {
			return err
		}
	}
	switch {
	case r != nil && r.Interrupted, ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return err
	}
	return verdictError(r)
}

// interruptible is ended by the first signal; the second ends the process.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// startOwn starts a throng of its own, whose limits are not what is to be measured.
func startOwn(ctx context.Context) (*bench.Child, error) {
	return bench.StartServer(ctx, func(address, admin string) []string {
		return []string{"serve", "--listen", address, "--admin", admin, "--rate", "0", "--rate-bytes", "0"}
	})
}

// verdictError is the error that a verdict, or a bound that does not hold, means.
func verdictError(r *result.Result) error {
	switch r.Verdict.Code {
	case result.Broken:
		return &exitError{exitNotProved, errors.New("delivery is not proved")}
	case result.Gaps:
		return &exitError{exitGaps, errors.New("clients that came back missed something, and were told")}
	case result.Limited, result.Unsteady:
		return &exitError{exitInvalid, errors.New("the figures say little of the server: " + strings.ToLower(r.Verdict.Code))}
	case result.None:
		return errors.New("no verdict")
	}
	if i := slices.IndexFunc(r.Thresholds, func(t result.Threshold) bool { return !t.OK }); i >= 0 {
		return &exitError{exitThreshold, fmt.Errorf("%s does not hold", r.Thresholds[i].Expr)}
	}
	return nil
}

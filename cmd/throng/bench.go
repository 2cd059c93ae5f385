package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/result"
)

// Exit codes of bench, beside those of every command.
const (
	exitThreshold   = 4   // a --fail bound does not hold
	exitInvalid     = 5   // CLIENT-LIMITED or NOT STEADY
	exitNotProved   = 6   // DELIVERY BROKEN
	exitGaps        = 7   // GAPS TOLD
	exitInterrupted = 130 // stopped by a signal; the partial result is printed
)

// benchCmd is throng bench: a command for each scenario, and for what can be done with results.
type benchCmd struct {
	Chat      chatCmd      `cmd:"" default:"withargs" help:"Simulate chat: rooms of different sizes, random publishers, joins and leaves (default scenario)."`
	Broadcast broadcastCmd `cmd:"" help:"Publish at a steady rate in one room, or in several rooms of the same size."`
	Echo      echoCmd      `cmd:"" help:"Give each connection its own room, so that every message returns to its sender."`
	Idle      idleCmd      `cmd:"" help:"Hold idle connections and send WebSocket pings only."`
	Storm     stormCmd     `cmd:"" help:"Kill a share of the connections at the same moment and measure their reconnect."`
	Slow      slowCmd      `cmd:"" help:"Make a share of the connections stop reading."`
	Connect   connectCmd   `cmd:"" help:"Measure connection setup only."`
	Ladder    ladderCmd    `cmd:"" help:"Repeat a scenario at increasing rates or numbers of connections."`
	Find      findCmd      `cmd:"" help:"Search for the highest rate whose p99 latency stays below a limit."`
	Run       runCmd       `cmd:"" help:"Run the stages of a plan file (TOML)."`
	AB        abCmd        `cmd:"" name:"ab" help:"Compare two servers with pairs of alternating runs and a paired statistical test."`
	Compare   compareCmd   `cmd:"" help:"Print two result files side by side."`
	Report    reportCmd    `cmd:"" help:"Print a result file, or convert it to HTML, CSV or an HdrHistogram percentile file."`
	Floor     floorCmd     `cmd:"" help:"Measure the kernel's cost of sending the same bytes to the same number of sockets."`
	Agent     agentCmd     `cmd:"" help:"Hold connections for a bench that runs on another host."`
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
		return &exitError{code: exitInterrupted, err: errors.New("interrupted")}
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
		return &exitError{code: exitNotProved, err: errors.New("result is DELIVERY BROKEN: the first lines name what failed")}
	case result.Gaps:
		return &exitError{code: exitGaps, err: errors.New("result is GAPS TOLD: raise the history size of the room")}
	case result.Limited:
		return &exitError{code: exitInvalid, err: errors.New("result is CLIENT-LIMITED: lower --rate, or add agents")}
	case result.Unsteady:
		return &exitError{code: exitInvalid, err: errors.New("result is NOT STEADY: raise --duration, or lower --rate")}
	case result.None:
		return errors.New("result is NO VERDICT: the first lines name the reason")
	}
	if i := slices.IndexFunc(r.Thresholds, func(t result.Threshold) bool { return !t.OK }); i >= 0 {
		return &exitError{code: exitThreshold, err: fmt.Errorf("%s does not hold", r.Thresholds[i].Expr)}
	}
	return nil
}

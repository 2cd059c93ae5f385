package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/throng-chat/throng/bench"
)

// Exit codes of bench, beside those of every command.
const (
	exitNotProved   = 6   // a message was lost, doubled, out of order or altered, or a connection did not hold
	exitInterrupted = 130 // by a signal; the partial result was printed
)

// benchCmd is throng bench: each field is a flag and a field of bench.Config.
type benchCmd struct {
	URL         string        `arg:"" optional:"" help:"ws://host:port/path of a server that broadcasts. Without it, bench starts a throng of its own."`
	Connections int           `default:"${connections}" help:"Connections to open and hold."`
	Rate        int           `name:"rate" default:"${bench_rate}" help:"Messages a second, over all publishers; 0 to hold the connections and send nothing."`
	Size        size          `default:"${bench_size}" help:"Size of a message, its stamp of ${stamp} bytes included."`
	Publishers  int           `default:"0" help:"How many connections send, in turn; 0 for as many as there are messages a second, or connections."`
	Room        string        `help:"The room, put into ?room= where the URL's path is /ws and it has no query."`
	Duration    time.Duration `default:"${bench_duration}" help:"How long to measure."`
	Warmup      time.Duration `default:"${bench_warmup}" help:"How long to send before that: checked, not measured."`
	Drain       time.Duration `default:"${bench_drain}" help:"How long to wait for what is missing after the last message."`
	PID         int           `name:"pid" default:"0" help:"The server's process; 0 to look for it on this machine."`
	NoEcho      bool          `help:"The server does not send a message back to its sender."`
	Dials       int           `default:"${bench_dials}" help:"Handshakes under way at a time."`
	Pollers     int           `default:"0" help:"Threads that read; 0 for one for each two cores."`
	JSON        bool          `name:"json" help:"Print the result as JSON on standard output, and nothing else there."`
}

// benchVars are the defaults, told once, by the bench.
func benchVars() map[string]string {
	d := bench.DefaultConfig()
	return map[string]string{
		"connections":    fmt.Sprint(d.Connections),
		"bench_rate":     fmt.Sprint(d.Rate),
		"bench_size":     fmt.Sprint(d.Size),
		"stamp":          fmt.Sprint(bench.StampSize),
		"bench_duration": d.Duration.String(),
		"bench_warmup":   d.Warmup.String(),
		"bench_drain":    d.Drain.String(),
		"bench_dials":    fmt.Sprint(d.Dials),
	}
}

func (c *benchCmd) config() bench.Config {
	cfg := bench.DefaultConfig()
	cfg.URL = c.URL
	cfg.Connections = c.Connections
	cfg.Rate = c.Rate
	cfg.Size = int(c.Size)
	cfg.Publishers = c.Publishers
	cfg.Room = c.Room
	cfg.Duration = c.Duration
	cfg.Warmup = c.Warmup
	cfg.Drain = c.Drain
	cfg.PID = c.PID
	cfg.NoEcho = c.NoEcho
	cfg.Dials = c.Dials
	cfg.Pollers = c.Pollers
	return cfg
}

// Run is throng bench.
func (c *benchCmd) Run() error {
	cfg := c.config()
	checked := cfg
	if checked.URL == "" {
		checked.URL = "ws://127.0.0.1/ws" // of a server that is not started for nothing
	}
	if err := checked.Validate(); err != nil {
		return &exitError{exitUsage, err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the process
	if cfg.URL == "" {
		child, err := bench.StartServer(ctx, func(address string) []string {
			return []string{"serve", "--listen", address, "--admin", "off", "--rate", "0"}
		})
		if err != nil {
			return err
		}
		defer func() {
			if err := child.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "throng:", err)
			}
		}()
		cfg.URL, cfg.PID = child.URL, child.PID
	}
	tell, end := progressTo(os.Stderr)
	result, err := bench.Run(ctx, cfg, tell)
	end()
	if result != nil {
		if err := c.print(result); err != nil {
			return err
		}
	}
	switch {
	case result != nil && result.Interrupted, ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return err
	case !result.Proved():
		return &exitError{exitNotProved, errors.New("delivery is not proved")}
	}
	return nil
}

func (c *benchCmd) print(result *bench.Result) error {
	if !c.JSON {
		return result.WriteText(os.Stdout)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(result)
}

// pipedEvery is how often a line of progress is written where it is not drawn over and over.
const pipedEvery = 5 * time.Second

// progressTo draws one line again and again on a terminal, and elsewhere writes a line now and then.
func progressTo(f *os.File) (tell func(bench.Progress), end func()) {
	if term.IsTerminal(int(f.Fd())) {
		return func(p bench.Progress) { fmt.Fprintf(f, "\r\x1b[K%s", p.Line()) }, func() { fmt.Fprint(f, "\r\x1b[K") }
	}
	next := pipedEvery
	return func(p bench.Progress) {
		if p.Elapsed >= next {
			next = p.Elapsed + pipedEvery
			fmt.Fprintln(f, p.Line())
		}
	}, func() {}
}

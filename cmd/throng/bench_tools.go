package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/compare"
	"github.com/throng-chat/throng/bench/floor"
	"github.com/throng-chat/throng/bench/result"
)

// agentCmd is throng bench agent.
type agentCmd struct {
	Listen string `help:"Where to wait for a bench, host:port."`
	Token  string `env:"THRONG_BENCH_TOKEN" help:"What it must say: at least 16 characters."`
	FD     int    `name:"fd" hidden:"" help:"The socket to the bench that started this."`
}

// Run is throng bench agent.
func (c *agentCmd) Run() error {
	if c.FD > 0 {
		// The terminal's signals are for the bench: the end of the link is ours.
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		file := os.NewFile(uintptr(c.FD), "bench")
		link, err := net.FileConn(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("socket to the bench: %w", err)
		}
		return errors.Join(agent.Serve(context.Background(), link), link.Close())
	}
	if c.Listen == "" {
		return &exitError{exitUsage, errors.New("listen: none given: want --listen host:port")}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return agent.Listen(ctx, c.Listen, c.Token, func(text string) { fmt.Fprintln(os.Stderr, "throng bench agent:", text) })
}

// floorCmd is throng bench floor.
type floorCmd struct {
	scenario
	messages
	rooms
	Listen string `help:"Only serve, at that host:port, for a bench elsewhere."`
}

// Run is throng bench floor.
func (c *floorCmd) Run() error {
	if c.Listen != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return floor.Serve(ctx, c.Listen, func(at net.Addr) { fmt.Println("ready", at) })
	}
	if len(c.URL) > 0 {
		return &exitError{exitUsage, errors.New("url: the floor is a server of its own; want none")}
	}
	cfg, err := c.config(bench.Broadcast)
	c.rooms.apply(&cfg)
	err = errors.Join(err, c.messages.apply(&cfg))
	cfg.Floor, cfg.URLs = false, []string{"ws://127.0.0.1/ws"} // until it runs
	return c.measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (_ *result.Result, err error) {
		child, err := bench.StartServer(ctx, func(address, _ string) []string { return []string{"bench", "floor", "--listen", address} })
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, child.Stop()) }()
		cfg.URLs, cfg.PID, cfg.Metrics = []string{child.URL}, child.PID, ""
		return bench.Run(ctx, cfg, tell)
	})
}

// ladderCmd is throng bench ladder.
type ladderCmd struct {
	scenario
	messages
	rooms
	Scenario string `default:"broadcast" enum:"chat,broadcast,echo" help:"What to measure at each step (chat, broadcast, echo)."`
	Rates    []int  `help:"Messages a second of each step."`
	Counts   []int  `help:"Connections of each step."`
}

// Run is throng bench ladder.
func (c *ladderCmd) Run() error {
	cfg, err := c.config(c.Scenario)
	c.rooms.apply(&cfg)
	err = errors.Join(err, c.messages.apply(&cfg))
	if len(c.Rates) == 0 && len(c.Counts) == 0 {
		c.Rates = []int{100, 200, 400, 800, 1600}
	}
	if len(c.Rates) > 0 && len(c.Counts) > 0 && len(c.Rates) != len(c.Counts) {
		err = errors.Join(err, fmt.Errorf("rates and counts: %d and %d steps: want as many of both, or one of them", len(c.Rates), len(c.Counts)))
	}
	for i := range max(len(c.Rates), len(c.Counts)) { // none is to be found wrong when the others have run
		step := bench.Step(cfg, c.Rates, c.Counts, i)
		step.URLs = []string{"ws://127.0.0.1/ws"}
		err = errors.Join(err, step.Validate())
	}
	return c.measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Ladder(ctx, cfg, c.Rates, c.Counts, tell)
	})
}

// findCmd is throng bench find.
type findCmd struct {
	scenario
	messages
	rooms
	Scenario string        `default:"broadcast" enum:"chat,broadcast,echo" help:"What to measure (chat, broadcast, echo)."`
	P99      time.Duration `name:"p99" default:"50ms" help:"The latency's p99 that a rate must keep to."`
	From     int           `default:"100" help:"Messages a second to begin with."`
	To       int           `default:"1000000" help:"And never to exceed."`
	Step     time.Duration `default:"8s" help:"How long each trial measures; a confirmation takes twice that."`
}

// Run is throng bench find.
func (c *findCmd) Run() error {
	cfg, err := c.config(c.Scenario)
	c.rooms.apply(&cfg)
	err = errors.Join(err, c.messages.apply(&cfg))
	if c.From < 1 || c.To < c.From || c.P99 <= 0 || c.Step < time.Second || cfg.Closed > 0 {
		err = errors.Join(err, errors.New("find: want from of at least 1, to no less than from, p99 above 0, step of at least 1s, and no closed loop"))
	}
	cfg.Rate = c.From
	return c.measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Find(ctx, cfg, bench.Search{From: c.From, To: c.To, Limit: c.P99, Step: c.Step}, tell)
	})
}

// compareCmd is throng bench compare.
type compareCmd struct {
	A string `arg:"" type:"existingfile" help:"A result file."`
	B string `arg:"" type:"existingfile" help:"Another."`
}

// Run is throng bench compare.
func (c *compareCmd) Run() error {
	a, err := readResult(c.A)
	if err != nil {
		return err
	}
	b, err := readResult(c.B)
	if err != nil {
		return err
	}
	return compare.Files(os.Stdout, a, b, c.A, c.B)
}

// abCmd is throng bench ab.
type abCmd struct {
	load
	messages
	rooms
	Scenario string `default:"broadcast" enum:"chat,broadcast,echo,idle,connect" help:"What to measure (chat, broadcast, echo, idle, connect)."`
	A        string `required:"" help:"The command of a server that listens at {{address}}, or the URL of one that runs."`
	B        string `required:"" help:"The other."`
	Pairs    int    `default:"6" help:"How many pairs of runs."`
	Metric   string `help:"What the word is about; without it cpu/delivery, or what there is."`
}

// Run is throng bench ab.
func (c *abCmd) Run() error {
	cfg, err := c.config(c.Scenario)
	c.rooms.apply(&cfg)
	err = errors.Join(err, c.messages.apply(&cfg))
	cfg.Floor = false
	if len(c.URL) > 0 {
		err = errors.Join(err, errors.New("url: want none; the servers are those of --a and --b"))
	}
	if c.Pairs < 2 || c.Pairs > 100 {
		err = errors.Join(err, fmt.Errorf("pairs = %d: want 2 to 100", c.Pairs))
	}
	if c.Metric != "" {
		_, unknown := result.MetricNamed(c.Metric)
		err = errors.Join(err, unknown)
	}
	for _, text := range []string{c.A, c.B} {
		if !isURL(text) && !strings.Contains(text, "{{address}}") {
			err = errors.Join(err, fmt.Errorf("%q: want a URL, or a command with {{address}} where the server is to listen", text))
		}
	}
	cfg.URLs = []string{"ws://127.0.0.1/ws"}
	if err = errors.Join(err, cfg.Validate()); err != nil {
		return &exitError{exitUsage, err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	pairs, err := compare.AB(ctx, c.Pairs, func(ctx context.Context, b bool, what string) (*result.Result, error) {
		name, server := "A", c.A
		if b {
			name, server = "B", c.B
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", what, name)
		r, err := c.one(ctx, cfg, server)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", name, server, err)
		}
		return r, nil
	})
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.New("interrupted")}
	}
	if err != nil {
		return err
	}
	metric := c.Metric
	if metric == "" {
		metric = compare.Primary(pairs)
	}
	all, err := compare.Judge(pairs, metric)
	if err != nil {
		return err
	}
	return compare.WriteJudgements(os.Stdout, pairs, all, c.A, c.B)
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "ws://") || strings.HasPrefix(text, "http://")
}

// one measures one server once. What does not hold is not compared.
func (c *abCmd) one(ctx context.Context, cfg bench.Config, server string) (_ *result.Result, err error) {
	if isURL(server) {
		cfg.URLs = []string{server}
	} else {
		child, err2 := bench.StartCommand(ctx, func(address string) []string {
			return []string{"/bin/sh", "-c", "exec " + strings.ReplaceAll(server, "{{address}}", address)}
		})
		if err2 != nil {
			return nil, err2
		}
		defer func() { err = errors.Join(err, child.Stop()) }()
		cfg.URLs, cfg.PID = []string{child.URL}, child.PID
	}
	r, err := bench.Run(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	if r.Verdict.Code == result.Broken || r.Verdict.Code == result.None {
		return nil, fmt.Errorf("%s: %s", strings.ToLower(r.Verdict.Code), strings.Join(r.Verdict.Why, "; "))
	}
	return r, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/compare"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/tlsclient"
)

// compareCmd is the command throng bench compare.
type compareCmd struct {
	A string `arg:"" type:"existingfile" help:"First result file."`
	B string `arg:"" type:"existingfile" help:"Second result file."`
}

// Run prints two results side by side.
func (cp *compareCmd) Run() error {
	a, err := readResult(cp.A)
	if err != nil {
		return err
	}
	b, err := readResult(cp.B)
	if err != nil {
		return err
	}
	return compare.Files(os.Stdout, a, b, compare.Names{A: cp.A, B: cp.B})
}

// abCmd is the command throng bench ab.
type abCmd struct {
	load
	messages
	rooms
	Scenario string `default:"broadcast" enum:"chat,broadcast,echo,idle,connect" help:"Scenario to measure: chat, broadcast, echo, idle or connect."`
	A        string `required:"" help:"Server A: a command that listens on {{address}}, or on {{tls-address}} with TLS; or the URL of a running server."`
	B        string `required:"" help:"Server B, as for --a."`
	Pairs    int    `default:"6" help:"Number of pairs of runs, 2 to 100."`
	Metric   string `help:"Metric that decides the result. By default the first that all runs measured: cpu/delivery, cpu/upgrade, p50, connect-p50."`
}

// Run measures both servers in pairs of runs and prints the paired test of each metric.
func (ab *abCmd) Run() error {
	cfg, err := ab.config(ab.Scenario)
	ab.rooms.apply(&cfg)
	err = errors.Join(err, ab.messages.apply(&cfg))
	cfg.Floor = false
	if len(ab.URL) > 0 {
		err = errors.Join(err, errors.New("url: not allowed: give the servers by --a and --b"))
	}
	if ab.Pairs < 2 || ab.Pairs > 100 {
		err = errors.Join(err, fmt.Errorf("pairs = %d: must be 2 to 100", ab.Pairs))
	}
	if ab.Metric != "" {
		_, unknown := result.MetricNamed(ab.Metric)
		err = errors.Join(err, unknown)
	}
	for _, text := range []string{ab.A, ab.B} {
		if plain, tls := strings.Contains(text, plainAddress), strings.Contains(text, tlsAddress); !isURL(text) && plain == tls {
			err = errors.Join(err, fmt.Errorf("%q: must be a URL, or a command with %s or %s in place of the address to listen on", text, plainAddress, tlsAddress))
		}
		cfg.URLs = append(cfg.URLs, ab.url(text, unstarted))
	}
	if err = errors.Join(err, cfg.Validate()); err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	ctx, stop := interruptible()
	defer stop()
	pairs, err := compare.AB(ctx, ab.Pairs, func(ctx context.Context, b bool, what string) (*result.Result, error) {
		name, server := "A", ab.A
		if b {
			name, server = "B", ab.B
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", what, name)
		r, err := ab.one(ctx, cfg, server)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", name, server, err)
		}
		return r, nil
	})
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted, err: errors.New("interrupted")}
	}
	if err != nil {
		return err
	}
	metric := ab.Metric
	if metric == "" {
		metric = compare.Primary(pairs)
	}
	all, err := compare.Judge(pairs, metric)
	if err != nil {
		return err
	}
	return compare.WriteJudgements(os.Stdout, pairs, all, compare.Names{A: ab.A, B: ab.B})
}

func isURL(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && slices.Contains([]string{"ws", "wss", "http", "https"}, scheme)
}

// What stands in a command for the address to listen on, without and with TLS.
const (
	plainAddress = "{{address}}"
	tlsAddress   = "{{tls-address}}"
)

// url returns the URL of a server: itself, or that of a command that listens at the URL plain.
func (ab *abCmd) url(server, plain string) string {
	if isURL(server) {
		return server
	}
	if strings.Contains(server, tlsAddress) {
		return "wss" + strings.TrimPrefix(plain, "ws")
	}
	return plain
}

// one measures one server once. A run without a valid measurement is an error.
func (ab *abCmd) one(ctx context.Context, cfg bench.Config, server string) (_ *result.Result, err error) {
	if isURL(server) {
		cfg.URLs = []string{server}
	} else {
		child, err2 := bench.StartCommand(ctx, func(address string) []string {
			return []string{"/bin/sh", "-c", "exec " + strings.NewReplacer(plainAddress, address, tlsAddress, address).Replace(server)}
		})
		if err2 != nil {
			return nil, err2
		}
		defer func() { err = errors.Join(err, child.Stop()) }()
		cfg.URLs, cfg.PIDs = []string{ab.url(server, strings.TrimSuffix(child.URL, "/ws"))}, []int{child.PID} // the path is the protocol's
	}
	if !strings.HasPrefix(cfg.URLs[0], "wss:") && !strings.HasPrefix(cfg.URLs[0], "https:") {
		cfg.TLS = tlsclient.Settings{} // of the other server
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

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// Exit codes of bench, beside those of every command.
const (
	exitThreshold   = 4   // a --fail does not hold
	exitInvalid     = 5   // the figures are the client's limit, or were not steady
	exitNotProved   = 6   // a message was lost, doubled, out of order or altered, or a connection did not hold
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

// load are the flags of every scenario. A nil one leaves the scenario's own.
type load struct {
	URL         []string `arg:"" optional:"" help:"ws://host:port/path of the server; of several servers that share the rooms, all. Without it, bench starts a throng of its own."`
	Connections *int     `help:"Connections to open and hold (1000)."`
	Seed        *uint64  `help:"Of all that is by chance (1)."`
	Room        string   `help:"The room's name, or how the names of several begin."`

	Header       []string `sep:"none" placeholder:"NAME:VALUE" help:"A header of the opening handshake. May be repeated."`
	Subprotocol  string   `help:"A WebSocket subprotocol to ask for."`
	ConnectToken string   `env:"THRONG_BENCH_CONNECT_TOKEN" help:"Of the protocol centrifugo: the token that clients show when they connect."`

	Protocol string `default:"plain" help:"How the server is spoken to: ${protocols}, or json with the templates below."`
	Join     string `help:"Of the protocol json: what to send to join; {{room}} stands for the room's name."`
	Joined   string `help:"Of the protocol json: what the answer to that contains."`
	Publish  string `help:"Of the protocol json: a message; {{payload}} stands for its text, {{room}} for the room's name."`

	PID     int    `name:"pid" default:"0" help:"The server's process; 0 to look for it on this machine."`
	Metrics string `help:"URL of the server's /metrics, to be noted each second."`

	Agents      int           `default:"0" help:"Processes that hold the connections; 0 for as few as can."`
	Remote      []string      `help:"host:port of agents on other hosts, which then hold all connections."`
	Token       string        `env:"THRONG_BENCH_TOKEN" help:"What those want to hear."`
	Dials       *int          `help:"Handshakes under way at a time, of one agent (128)."`
	DialTimeout time.Duration `default:"10s" help:"For one connection to open."`
	Pollers     int           `default:"0" help:"Threads of an agent that read; 0 for one for each two cores."`
}

// scenario are the flags of what ends with one result.
type scenario struct {
	load
	NoFloor bool `help:"Do not measure the kernel's floor afterwards."`
	output
}

// output is what becomes of a result.
type output struct {
	Fail  []string `help:"A bound that must hold, such as p99<50ms, lost==0 or deliveries/s>1M. May be repeated." sep:"none"`
	Label string   `help:"A name for the run, kept in the result."`
	JSON  bool     `name:"json" help:"Print the result as JSON on standard output, and nothing else there."`
	Out   string   `type:"path" help:"Write the result file there."`
	CSV   string   `name:"csv" type:"path" help:"Write the time series there."`
	HTML  string   `name:"html" type:"path" help:"Write the report there."`
}

// messages are the flags of the scenarios that send.
type messages struct {
	Rate       *int           `help:"Messages a second, over all publishers (100)."`
	Size       *size          `help:"Size of a message, its stamp of ${stamp} bytes included."`
	Publishers *int           `help:"How many connections send."`
	Poisson    *bool          `negatable:"" help:"Messages come by chance, not at a steady pace."`
	Closed     int            `default:"0" help:"A closed loop, to compare with other tools: so many messages under way at a time. It hides what a server does while it stops."`
	NoEcho     bool           `help:"The server does not send a message back to its sender."`
	Duration   *time.Duration `help:"How long to send and measure (10s)."`
	Warmup     string         `default:"auto" help:"How long to send before that, checked but not measured; auto finds the warm-up within the duration."`
	Drain      time.Duration  `default:"5s" help:"How long to wait for what is missing after the last message."`
}

// rooms are the flags of the scenarios with several rooms.
type rooms struct {
	Rooms  *int     `help:"How many rooms the connections are in."`
	Zipf   *float64 `help:"How unequal the rooms are: room k is as large as 1/k to that power; 0 for all the same."`
	Churn  *share   `help:"Share of the connections that leave and come back in a minute, such as 10%."`
	Resume bool     `help:"Those who come back ask for what they missed, and it is lost if they are not given it. Of the protocol centrifugo, for rooms that keep their history."`
}

type (
	chatCmd struct {
		scenario
		messages
		rooms
	}
	broadcastCmd struct {
		scenario
		messages
		rooms
	}
	echoCmd struct {
		scenario
		messages
	}
	idleCmd struct {
		scenario
		Rate     *int           `help:"WebSocket pings a second, over all connections (20); 0 for none."`
		Churn    *share         `help:"Share of the connections that leave and come back in a minute, such as 10%."`
		Duration *time.Duration `help:"How long to hold them (10s)."`
	}
	connectCmd struct{ scenario }
	stormCmd   struct {
		scenario
		messages
		rooms
		Kill   *share        `help:"Share of the connections to kill (50%)."`
		By     string        `default:"rst" enum:"rst,fin,silence" help:"How: reset, closed without a word, or no longer there (rst, fin, silence)."`
		Jitter time.Duration `help:"The killed come back within that time, by chance, and not all at once."`
	}
	slowCmd struct {
		scenario
		messages
		rooms
		Slow *share `help:"Share of the connections that stop reading (10%)."`
	}
)

// share is a part of a whole, on the command line 5% or 0.05.
type share float64

// UnmarshalText reads it.
func (s *share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("%q: want a share such as 5%% or 0.05", text)
	}
	if percent {
		v /= 100
	}
	*s = share(v)
	return nil
}

// benchVars are what the help of the flags is told by the bench.
func benchVars() map[string]string {
	return map[string]string{"stamp": fmt.Sprint(agent.StampSize), "protocols": strings.Join(agent.ProtocolNames(), ", ")}
}

// set makes to what from says, if it says something.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (l *load) config(name string) (bench.Config, error) {
	c := bench.DefaultConfig(name)
	c.URLs = l.URL
	set(&c.Connections, l.Connections)
	set(&c.Seed, l.Seed)
	set(&c.Dials, l.Dials)
	c.Room, c.PID, c.Metrics = l.Room, l.PID, l.Metrics
	c.Agents, c.Remote, c.Token, c.DialTimeout, c.Pollers = l.Agents, l.Remote, l.Token, l.DialTimeout, l.Pollers
	c.Args = withoutSecrets(os.Args[1:])
	var err error
	switch {
	case l.Protocol == "json":
		c.Protocol, err = agent.Template(l.Join, l.Joined, l.Publish)
	case l.Join+l.Joined+l.Publish != "":
		err = fmt.Errorf("join, joined and publish: templates of the protocol json, not of %s: want --protocol json", l.Protocol)
	default:
		c.Protocol, err = agent.ProtocolNamed(l.Protocol)
	}
	c.Headers, c.Subprotocol = l.Header, l.Subprotocol
	if err == nil && l.ConnectToken != "" {
		c.Protocol, err = c.Protocol.WithToken(l.ConnectToken)
	}
	return c, err
}

func (s *scenario) config(name string) (bench.Config, error) {
	c, err := s.load.config(name)
	c.Label, c.Floor = s.Label, !s.NoFloor
	for _, expr := range s.Fail {
		b, unread := result.ParseBound(expr)
		err = errors.Join(err, unread)
		c.Thresholds = append(c.Thresholds, b)
	}
	return c, err
}

// withoutSecrets is a command line that may be kept in a result.
func withoutSecrets(args []string) []string {
	const hidden = "..."
	secret := []string{"--token", "--connect-token", "--header"}
	kept := slices.Clone(args)
	for i, arg := range kept {
		flag, _, ok := strings.Cut(arg, "=")
		switch {
		case i > 0 && slices.Contains(secret, args[i-1]):
			kept[i] = hidden
		case ok && slices.Contains(secret, flag):
			kept[i] = flag + "=" + hidden
		}
	}
	return kept
}

func (m *messages) apply(c *bench.Config) error {
	set(&c.Rate, m.Rate)
	set((*size)(&c.Size), m.Size)
	set(&c.Publishers, m.Publishers)
	set(&c.Poisson, m.Poisson)
	set(&c.Duration, m.Duration)
	c.Closed, c.NoEcho, c.Drain = m.Closed, m.NoEcho, m.Drain
	if m.Closed > 0 {
		c.Poisson = false
	}
	if c.Auto = m.Warmup == "auto"; c.Auto {
		return nil
	}
	var err error
	if c.Warmup, err = time.ParseDuration(m.Warmup); err != nil {
		return fmt.Errorf("warmup %q: want a duration such as 3s, or auto", m.Warmup)
	}
	return nil
}

func (r *rooms) apply(c *bench.Config) {
	if c.Scenario == bench.Chat && r.Rooms == nil {
		c.Rooms = max(1, min(c.Rooms, c.Connections/20))
	}
	set(&c.Rooms, r.Rooms)
	set(&c.Zipf, r.Zipf)
	set((*share)(&c.Churn), r.Churn)
	c.Resume = r.Resume
}

// Run is throng bench chat, and the others below theirs.
func (c *chatCmd) Run() error {
	cfg, err := c.config(bench.Chat)
	c.rooms.apply(&cfg)
	return c.do(cfg, errors.Join(err, c.messages.apply(&cfg)))
}

// Run is throng bench broadcast.
func (c *broadcastCmd) Run() error {
	cfg, err := c.config(bench.Broadcast)
	c.rooms.apply(&cfg)
	err = errors.Join(err, c.messages.apply(&cfg))
	return c.do(cfg, err)
}

// Run is throng bench echo.
func (c *echoCmd) Run() error {
	cfg, err := c.config(bench.Echo)
	err = errors.Join(err, c.messages.apply(&cfg))
	return c.do(cfg, err)
}

// Run is throng bench idle.
func (c *idleCmd) Run() error {
	cfg, err := c.config(bench.Idle)
	set(&cfg.Rate, c.Rate)
	set((*share)(&cfg.Churn), c.Churn)
	set(&cfg.Duration, c.Duration)
	if cfg.Churn > 0 {
		cfg.Publishers = max(1, cfg.Connections/20) // those that are pinged stay
	}
	return c.do(cfg, err)
}

// Run is throng bench connect.
func (c *connectCmd) Run() error {
	cfg, err := c.config(bench.Connect)
	return c.do(cfg, err)
}

// Run is throng bench storm.
func (c *stormCmd) Run() error {
	cfg, err := c.config(bench.Storm)
	c.rooms.apply(&cfg)
	err = errors.Join(err, c.messages.apply(&cfg))
	set((*share)(&cfg.Kill), c.Kill)
	cfg.By, cfg.Jitter = c.By, c.Jitter
	return c.do(cfg, err)
}

// Run is throng bench slow.
func (c *slowCmd) Run() error {
	cfg, err := c.config(bench.Slow)
	c.rooms.apply(&cfg)
	err = errors.Join(err, c.messages.apply(&cfg))
	set((*share)(&cfg.Slow), c.Slow)
	return c.do(cfg, err)
}

// do measures once, and tells.
func (s *scenario) do(cfg bench.Config, err error) error {
	return s.measure(cfg, err, bench.Run)
}

// measuring is bench.Run, or something that runs it several times.
type measuring func(context.Context, bench.Config, func(bench.Progress)) (*result.Result, error)

// measure checks the flags, starts a server where none is given, measures, and tells what came of it.
func (s *scenario) measure(cfg bench.Config, err error, run measuring) error {
	checked := cfg
	if len(checked.URLs) == 0 {
		checked.URLs = []string{"ws://127.0.0.1/ws"} // of a server that is not started for nothing
		if cfg.Protocol.Name != "plain" {
			err = errors.Join(err, fmt.Errorf("url: none given, and throng's own server speaks plain, not %s", cfg.Protocol.Name))
		}
	}
	if err = errors.Join(err, checked.Validate()); err != nil {
		return &exitError{exitUsage, err}
	}
	if err := s.possible(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the process
	if len(cfg.URLs) == 0 {
		child, err := startOwn(ctx)
		if err != nil {
			return err
		}
		defer func() {
			if err := child.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "throng:", err)
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

// startOwn starts a throng of its own, whose limits are not what is to be measured.
func startOwn(ctx context.Context) (*bench.Child, error) {
	return bench.StartServer(ctx, func(address, admin string) []string {
		return []string{"serve", "--listen", address, "--admin", admin, "--rate", "0"}
	})
}

// verdictError is the error that a verdict, or a bound that does not hold, means.
func verdictError(r *result.Result) error {
	switch r.Verdict.Code {
	case result.Broken:
		return &exitError{exitNotProved, errors.New("delivery is not proved")}
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

// pipedEvery is how often a line of progress is written where it is not drawn over and over.
const pipedEvery = 5 * time.Second

// progressTo draws one line again and again on a terminal, and elsewhere writes a line now and then.
func progressTo(f *os.File) (tell func(bench.Progress), end func()) {
	if term.IsTerminal(int(f.Fd())) {
		return func(p bench.Progress) {
			line := p.Line()
			if width, _, err := term.GetSize(int(f.Fd())); err == nil {
				line = string([]rune(line)[:min(len([]rune(line)), max(width-1, 0))])
			}
			fmt.Fprintf(f, "\r\x1b[K%s", line)
		}, func() { fmt.Fprint(f, "\r\x1b[K") }
	}
	next := pipedEvery
	last := time.Duration(0)
	return func(p bench.Progress) {
		if p.Elapsed < last { // another part has begun
			next = pipedEvery
		}
		if last = p.Elapsed; p.Elapsed >= next {
			next = p.Elapsed + pipedEvery
			fmt.Fprintln(f, p.Line())
		}
	}, func() {}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

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

// talk are the flags of the scenarios that send in rooms.
type talk struct {
	scenario
	messages
	rooms
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

func (t *talk) config(name string) (bench.Config, error) {
	c, err := t.scenario.config(name)
	t.rooms.apply(&c)
	err = errors.Join(err, t.messages.apply(&c))
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

// benchVars are what the help of the flags is told by the bench.
func benchVars() map[string]string {
	return map[string]string{"stamp": fmt.Sprint(agent.StampSize), "protocols": strings.Join(agent.ProtocolNames(), ", ")}
}

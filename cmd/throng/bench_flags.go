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
	"github.com/throng-chat/throng/server/settings"
)

// load has the flags of every scenario. For a nil flag, the default of the scenario applies.
type load struct {
	URL         []string `arg:"" optional:"" help:"URL of the server, ws://host:port/path or wss://host:port/path. Give several URLs if several servers share the rooms. Without a URL, bench starts its own throng server."`
	Targets     []string `placeholder:"URL,..." help:"URLs of the nodes of a cluster, instead of URL: the members of each room are at all of them in turn, and each message must reach those at all nodes."`
	Connections *int     `help:"Number of connections to open and hold (default 1000)."`
	Seed        *uint64  `help:"Seed of the random choices (default 1)."`
	Room        string   `help:"Name of the room, or name prefix of several rooms."`

	Header       []string `sep:"none" placeholder:"NAME:VALUE" help:"Header of the opening handshake. May be repeated."`
	Subprotocol  string   `help:"WebSocket subprotocol to request."`
	AsText       bool     `help:"Publish each message as a JSON string, as chat rooms need it. Needs --protocol centrifugo or centrifugo-protobuf."`
	ConnectToken string   `env:"THRONG_BENCH_CONNECT_TOKEN" help:"Connection token of all clients. Needs --protocol centrifugo or centrifugo-protobuf."`

	tlsFlags
	Compress bool `help:"Offer permessage-deflate (RFC 7692), and publish texts as various as those of a chat."`

	Protocol string `default:"plain" help:"Protocol above WebSocket: ${protocols}, or json with the templates below."`
	Join     string `help:"Protocol json: message that joins a room; {{room}} is replaced by the room name."`
	Joined   string `help:"Protocol json: text that the reply to --join contains."`
	Publish  string `help:"Protocol json: message to publish; {{payload}} is replaced by its text, {{room}} by the room name."`

	PID     []int  `name:"pid" help:"Process ID of the server (default: found on this machine). Give all of them if several processes serve, such as those of a proxy: their usage is added up."`
	Metrics string `help:"URL of the server's /metrics, read once per second."`

	Agents      int           `default:"0" help:"Number of processes that hold the connections; 0 for as few as the open-file limit allows."`
	Remote      []string      `help:"Address of an agent on another host, host:port. May be repeated. Remote agents hold all connections."`
	Token       string        `env:"THRONG_BENCH_TOKEN" help:"Shared secret of the remote agents."`
	Dials       *int          `help:"Concurrent handshakes per agent (default 128)."`
	Ramp        *perSecond    `placeholder:"N/s" help:"Open the connections at this steady rate, such as 1000/s, instead of as fast as the server answers."`
	DialTimeout time.Duration `default:"10s" help:"Time limit for opening one connection."`
	Pollers     int           `default:"0" help:"Reading threads per agent; 0 for one per two cores."`
}

// scenario has the flags of the commands that produce one result.
type scenario struct {
	load
	NoFloor bool `help:"Skip the measurement of the kernel's floor at the end."`
	output
}

// messages has the flags of the scenarios that publish.
type messages struct {
	Rate       *int           `help:"Messages per second, all publishers together (default 100)."`
	Size       *settings.Size `help:"Message size, including the ${stamp}-byte stamp (default 128B; chat: 100B)."`
	Publishers *int           `help:"Number of connections that publish (default: broadcast as many as --rate, echo all, other scenarios one in twenty)."`
	Poisson    *bool          `negatable:"" help:"Send at random times (Poisson process) instead of at a steady rate (default of chat)."`
	Closed     int            `default:"0" help:"Closed loop with N messages in flight, to compare with other tools. It hides the time during which a server stops responding."`
	NoEcho     bool           `help:"Expect a server that does not return a message to its sender."`
	Duration   *time.Duration `help:"Time to send and measure (default 10s; storm and slow: 15s)."`
	Warmup     string         `default:"auto" help:"Time to send before the measurement; its deliveries are checked too. auto detects the warm-up within the duration."`
	Drain      time.Duration  `default:"5s" help:"Time to wait for missing deliveries after the last message."`
}

// rooms has the flags of the scenarios with several rooms.
type rooms struct {
	Rooms  *int     `help:"Number of rooms (default 1; chat: up to 50)."`
	Zipf   *float64 `help:"Exponent of the room sizes: room k has a share of 1/k to that power; 0 makes all rooms the same size (default 0; chat: 1)."`
	Churn  *share   `help:"Share of the connections that leave and rejoin per minute, such as 10% (default 0; chat: 10%)."`
	Resume bool     `help:"Recover missed messages after a reconnect; count missing ones as lost. Needs --protocol centrifugo or centrifugo-protobuf, and a room with history."`
}

// talk has the flags of the scenarios that publish in rooms.
type talk struct {
	scenario
	messages
	rooms
}

// set sets to to the value of a flag, if the flag is given.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (l *load) config(name string) (bench.Config, error) {
	c := bench.DefaultConfig(name)
	c.URLs, c.Spread = l.URL, len(l.Targets) > 0
	var both error
	if c.Spread {
		if c.URLs = l.Targets; len(l.URL) > 0 {
			both = errors.New("url and targets: both given: give the nodes with --targets only")
		}
	}
	set(&c.Connections, l.Connections)
	set(&c.Seed, l.Seed)
	set(&c.Dials, l.Dials)
	set((*perSecond)(&c.Ramp), l.Ramp)
	c.Room, c.PIDs, c.Metrics = l.Room, l.PID, l.Metrics
	c.Agents, c.Remote, c.Token, c.DialTimeout, c.Pollers = l.Agents, l.Remote, l.Token, l.DialTimeout, l.Pollers
	c.Args = withoutSecrets(os.Args[1:])
	var err, tlsErr error
	switch {
	case l.Protocol == "json":
		c.Protocol, err = agent.Template(l.Join, l.Joined, l.Publish)
	case l.Join+l.Joined+l.Publish != "":
		err = fmt.Errorf("join, joined and publish: are templates of the protocol json, not of %s: add --protocol json", l.Protocol)
	default:
		c.Protocol, err = agent.ProtocolNamed(l.Protocol)
	}
	c.Headers, c.Subprotocol, c.Compress = l.Header, l.Subprotocol, l.Compress
	c.TLS, tlsErr = l.tlsFlags.settings()
	if err == nil && l.AsText {
		c.Protocol, err = c.Protocol.AsText()
	}
	if err == nil && l.ConnectToken != "" {
		c.Protocol, err = c.Protocol.WithToken(l.ConnectToken)
	}
	return c, errors.Join(err, tlsErr, both)
}

func (sc *scenario) config(name string) (bench.Config, error) {
	c, err := sc.load.config(name)
	c.Label, c.Floor = sc.Label, !sc.NoFloor
	for _, expr := range sc.Fail {
		b, unread := result.ParseBound(expr)
		err = errors.Join(err, unread)
		c.Thresholds = append(c.Thresholds, b)
	}
	return c, err
}

func (m *messages) apply(c *bench.Config) error {
	set(&c.Rate, m.Rate)
	set((*settings.Size)(&c.Size), m.Size)
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
		return fmt.Errorf("warmup = %q: must be a duration such as 3s, or auto", m.Warmup)
	}
	return nil
}

func (rm *rooms) apply(c *bench.Config) {
	if c.Scenario == bench.Chat && rm.Rooms == nil {
		c.Rooms = max(1, min(c.Rooms, c.Connections/20))
	}
	set(&c.Rooms, rm.Rooms)
	set(&c.Zipf, rm.Zipf)
	set((*share)(&c.Churn), rm.Churn)
	c.Resume = rm.Resume
}

// share is a fraction: 5% or 0.05 on the command line.
type share float64

// UnmarshalText reads the value of a flag.
func (sh *share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("%q: must be a share such as 5%% or 0.05", text)
	}
	if percent {
		v /= 100
	}
	*sh = share(v)
	return nil
}

// perSecond is a rate, on the command line 1000/s or 1000.
type perSecond int

// UnmarshalText reads it.
func (ps *perSecond) UnmarshalText(text []byte) error {
	v, err := strconv.Atoi(strings.TrimSuffix(string(text), "/s"))
	if err != nil || v < 1 {
		return fmt.Errorf("%q: must be a number per second, at least 1, such as 1000/s", text)
	}
	*ps = perSecond(v)
	return nil
}

func (t *talk) config(name string) (bench.Config, error) {
	c, err := t.scenario.config(name)
	t.rooms.apply(&c)
	err = errors.Join(err, t.messages.apply(&c))
	return c, err
}

// withoutSecrets returns a command line without the values of secrets, for a result.
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

// benchVars returns the values of the variables in the help of the flags.
func benchVars() map[string]string {
	return map[string]string{"stamp": fmt.Sprint(agent.StampSize), "protocols": strings.Join(agent.ProtocolNames(), ", ")}
}

package bench

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// The scenarios that are one run. Ladder and Find are several (search.go).
const (
	Idle      = "idle"      // hold the connections, ping them, and send nothing
	Echo      = "echo"      // each connection has a room to itself
	Broadcast = "broadcast" // one room, or several of one size
	Chat      = "chat"      // rooms of all sizes, talkers by chance, joins and leaves
	Storm     = "storm"     // kill some, who all come back
	Slow      = "slow"      // some stop reading
	Connect   = "connect"   // open all, and no more
)

// Scenarios are all of them.
var Scenarios = []string{Chat, Broadcast, Echo, Idle, Storm, Slow, Connect}

// Config is what to measure. Each field is the flag of the same name.
type Config struct {
	Scenario    string
	URLs        []string       // ws://host:port/path, of servers that share the rooms; the protocol's path is understood when there is none
	Protocol    agent.Protocol // how they are spoken to
	Headers     []string       // of the opening handshake, each NAME:VALUE
	Subprotocol string         // to ask for in it
	Connections int            // held for the whole run

	Rooms int     // how many
	Zipf  float64 // how unequal: room k is as large as 1/k to that power; 0 for all the same
	Room  string  // the name of a single room, and how those of several begin; empty for the server's own, or the protocol's usual

	Rate       int  // messages a second, all publishers together; WebSocket pings of an idle run
	Poisson    bool // they come by chance, not at a steady pace
	Closed     int  // messages under way at a time, each sent when one is back; 0 for the open loop
	Size       int  // bytes of one message, its stamp of agent.StampSize bytes included
	Publishers int  // the first so many connections send; 0 for as many as Rate, at most all
	NoEcho     bool // the server does not send a message back to who sent it
	Seed       uint64

	Churn  float64       // share of the connections that leave and come back in a minute
	Kill   float64       // share that is killed at once
	By     string        // how: agent.ByRST, ByFIN or BySilence
	Jitter time.Duration // the killed come back within that time, by chance
	Slow   float64       // share that stops reading
	Resume bool          // those who come back ask for what they missed, and must be given all of it

	Duration time.Duration // measured; with WarmupAuto, the warm-up is part of it
	Warmup   time.Duration // sent and checked before that, but not measured
	Auto     bool          // the warm-up is found in the figures instead
	Drain    time.Duration // how long to wait for what is missing after the last message

	PID     int    // the server's process, observed in /proc; 0 looks for it where the target is this machine
	Metrics string // URL of its /metrics; empty for none
	Floor   bool   // measure the kernel's floor afterwards

	Agents      int           // processes that hold the connections; 0 for as few as can
	Remote      []string      // host:port of agents that listen on other hosts; then there are no others
	Token       string        // that they want to hear
	Dials       int           // handshakes under way at a time, of one agent
	DialTimeout time.Duration // for one connection: TCP and handshake
	Pollers     int           // threads of an agent that read; 0 for one for each two cores

	Thresholds []result.Bound
	Label      string
	Args       []string // the command line, for the record

	here bool // agents run inside this process; for tests
}

// Limits nobody has had to change.
const (
	maxConnections = 1_000_000
	maxRate        = 10_000_000
	maxDials       = 512
	reservedFiles  = 128 // open files of an agent that are not connections
)

// DefaultConfig is a run of the scenario that fits any machine.
func DefaultConfig(scenario string) Config {
	c := Config{
		Scenario:    scenario,
		Protocol:    agent.Protocols[0],
		Connections: 1000,
		Rooms:       1,
		Rate:        100,
		Size:        128,
		By:          agent.ByRST,
		Duration:    10 * time.Second,
		Auto:        true,
		Drain:       5 * time.Second,
		Seed:        1,
		Floor:       true,
		Dials:       128,
		DialTimeout: 10 * time.Second,
	}
	switch scenario {
	case Chat:
		c.Rooms, c.Zipf, c.Poisson, c.Churn = 50, 1, true, 0.1
		c.Size = 100 // a stamp, and the 60 bytes that half of all chat lines keep to
	case Storm:
		c.Kill = 0.5
		c.Duration = 15 * time.Second
	case Slow:
		c.Slow = 0.1
		c.Duration = 15 * time.Second
	case Idle:
		c.Rate = 20
	case Connect:
		c.Rate = 0
	}
	return c
}

// silentRun says whether no messages are sent.
func (c *Config) silentRun() bool { return c.Scenario == Idle || c.Scenario == Connect }

// Validate returns everything that is wrong, joined, each in terms of its flag.
func (c *Config) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !slices.Contains(Scenarios, c.Scenario) {
		refuse("scenario = %q: want one of %v", c.Scenario, Scenarios)
	}
	if len(c.URLs) == 0 {
		refuse("url: none given")
	}
	for _, text := range c.URLs {
		if _, err := agent.ParseURL(text, &c.Protocol); err != nil {
			errs = append(errs, err)
		}
	}
	for _, h := range c.Headers {
		if _, err := parseHeader(h); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Subprotocol != "" && !headerName.MatchString(c.Subprotocol) {
		refuse("subprotocol = %q: want one name", c.Subprotocol)
	}
	between := func(name string, value, low, high int, of string) {
		if value < low || value > high {
			refuse("%s = %d: want %d to %d%s", name, value, low, high, of)
		}
	}
	between("connections", c.Connections, 1, maxConnections, "")
	if c.Scenario != Echo {
		between("rooms", c.Rooms, 1, max(1, c.Connections), ", the number of connections")
	}
	between("rate", c.Rate, 0, maxRate, " messages a second")
	if c.Rate == 0 && c.Closed == 0 && !c.silentRun() {
		refuse("rate = 0: want 1 to %d messages a second; the scenario idle sends none", maxRate)
	}
	between("size", c.Size, agent.StampSize, agent.MaxSize, fmt.Sprintf(" bytes, of which a message's stamp is %d", agent.StampSize))
	between("publishers", c.Publishers, 0, max(0, c.Connections), ", the number of connections, or 0 to choose")
	between("closed", c.Closed, 0, max(0, c.Connections), " messages under way, or 0 for the open loop")
	if c.Closed > 0 && (c.NoEcho || c.Poisson) {
		refuse("closed = %d: a closed loop sends when a message is back: it goes with neither no-echo nor poisson", c.Closed)
	}
	share := func(name string, value float64) {
		if !(value >= 0 && value <= 1) {
			refuse("%s = %v: want a share from 0%% to 100%%", name, value)
		}
	}
	share("kill", c.Kill)
	share("slow", c.Slow)
	if !(c.Churn >= 0 && c.Churn <= 100) {
		refuse("churn = %v: want a share of the connections a minute, from 0%% to 10000%%", c.Churn)
	}
	if !(c.Zipf >= 0 && c.Zipf <= 5) {
		refuse("zipf = %v: want 0 (all rooms of one size) to 5", c.Zipf)
	}
	if !slices.Contains([]string{agent.ByRST, agent.ByFIN, agent.BySilence}, c.By) {
		refuse("by = %q: want %s, %s or %s", c.By, agent.ByRST, agent.ByFIN, agent.BySilence)
	}
	if c.publishers() >= c.Connections && (c.Kill > 0 || c.Slow > 0 || c.Churn > 0) {
		refuse("publishers = %d: all %d connections talk, and only those that do not are killed, stopped or made to leave: "+
			"lower --publishers, or raise --connections", c.publishers(), c.Connections)
	}
	of := func(name string, share float64) {
		if listeners := c.Connections - c.publishers(); int(share*float64(listeners)+0.5) < 1 {
			refuse("%s = %g%%: that is none of the %d connections that do not talk: raise --%s or --connections", name, 100*share, listeners, name)
		}
	}
	switch {
	case c.Resume && c.Protocol.Resume == nil:
		refuse("resume: %s gives nobody back what it missed: want --protocol centrifugo", c.Protocol.Name)
	case c.Resume && c.Kill == 0 && c.Churn == 0:
		refuse("resume: nobody leaves, and so nobody comes back: want --churn, or the scenario storm")
	}
	switch c.Scenario {
	case Storm:
		of("kill", c.Kill)
	case Slow:
		of("slow", c.Slow)
	}
	within := func(name string, value, low, high time.Duration) {
		if value < low || value > high {
			refuse("%s = %v: want %v to %v", name, value, low, high)
		}
	}
	within("duration", c.Duration, 100*time.Millisecond, 7*24*time.Hour)
	within("warmup", c.Warmup, 0, time.Hour)
	within("drain", c.Drain, 0, time.Hour)
	within("jitter", c.Jitter, 0, time.Hour)
	within("dial-timeout", c.DialTimeout, time.Millisecond, time.Hour)
	if c.PID < 0 {
		refuse("pid = %d: want a process id, or 0 to look for it", c.PID)
	}
	between("dials", c.Dials, 1, maxDials, " handshakes at a time")
	between("pollers", c.Pollers, 0, 64, ", or 0 to choose")
	between("agents", c.Agents, 0, 64, ", or 0 to choose")
	if len(c.Remote) > 0 && c.Token == "" {
		refuse("remote: the agents want a token: give them and me the same --token")
	}
	for i, address := range c.Remote {
		if slices.Contains(c.Remote[:i], address) {
			refuse("remote: %s is given twice, and an agent serves one bench at a time", address)
		}
	}
	return errors.Join(errs...)
}

// publishers is how many connections send.
func (c *Config) publishers() int {
	switch {
	case c.Scenario == Connect:
		return 0
	case c.Publishers > 0:
		return c.Publishers
	case c.Closed > 0:
		return c.Closed
	case c.Scenario == Echo || c.Scenario == Idle:
		return c.Connections
	case c.Scenario == Broadcast:
		return max(1, min(c.Connections, c.Rate))
	default: // one in twenty talks
		return max(1, min(c.Connections, c.Rate, (c.Connections+19)/20))
	}
}

// headerName is a token of RFC 9110, 5.6.2, which a subprotocol's name is as well (RFC 6455, 4.1).
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// parseHeader is NAME:VALUE as it is sent. What the handshake itself says cannot be said again.
func parseHeader(text string) (line string, err error) {
	name, value, ok := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	own := []string{"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"}
	switch {
	case !ok || !headerName.MatchString(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7F }):
		return "", fmt.Errorf("header %q: want NAME:VALUE, in one line", name) // the value may be a secret
	case slices.ContainsFunc(own, func(s string) bool { return strings.EqualFold(s, name) }), strings.HasPrefix(strings.ToLower(name), "sec-websocket-"):
		return "", fmt.Errorf("header %q: the handshake has its own", name)
	}
	return name + ": " + value, nil
}

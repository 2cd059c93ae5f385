package bench

import (
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

	here bool          // agents run inside this process; for tests
	hold time.Duration // of each level of connections
}

// Limits nobody has had to change.
const (
	maxConnections = 1_000_000
	maxRate        = 10_000_000
	maxDials       = 512
	reservedFiles  = 128 // open files of an agent that are not connections
)

// Levels of an idle run (connect.go).
const (
	memoryLevels = 10          // at which an idle run reads the server's memory while it connects
	leastLeveled = 1000        // connections of a run that pauses at levels
	levelHold    = time.Second // from the last connection of a level to the reading
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
		hold:        levelHold,
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

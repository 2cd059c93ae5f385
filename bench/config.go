package bench

import (
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/tlsclient"
)

// The scenarios of one run. Ladder and Find have several runs (search.go).
const (
	Idle      = "idle"      // connections that send WebSocket pings only
	Echo      = "echo"      // each connection in its own room
	Broadcast = "broadcast" // one room, or several of the same size
	Chat      = "chat"      // rooms of different sizes, random publishers, joins and leaves
	Storm     = "storm"     // a share of the connections is killed and returns
	Slow      = "slow"      // a share of the connections stops reading
	Connect   = "connect"   // connection setup only
)

// Scenarios are the names of all scenarios of one run.
var Scenarios = []string{Chat, Broadcast, Echo, Idle, Storm, Slow, Connect}

// Config is the configuration of a bench. The flags of the same names set its fields.
type Config struct {
	Scenario    string
	URLs        []string           // ws://host:port/path or wss://host:port/path of the servers that share the rooms; the default path is the protocol's
	Spread      bool               // the members of each room are at all URLs in turn, instead of a room at one URL
	Protocol    agent.Protocol     // the protocol above WebSocket
	Headers     []string           // of the opening handshake, each NAME:VALUE
	Subprotocol string             // the requested subprotocol
	TLS         tlsclient.Settings // of wss:// URLs
	Compress    bool               // offer permessage-deflate, and publish texts that are as various as those of a chat
	Connections int                // open during the whole run

	Rooms int     // number of rooms
	Zipf  float64 // room k has a size of 1/k to this power, relatively; 0: all rooms have one size
	Room  string  // name of a single room, and prefix of several; empty for the server's default, or the protocol's

	Rate       int  // messages a second of all publishers together; in an idle run, WebSocket pings
	Poisson    bool // messages at random times instead of a steady rate
	Closed     int  // messages in flight; each is sent when another has returned; 0 for the open loop
	Size       int  // bytes of one message, including the stamp of agent.StampSize bytes
	Publishers int  // number of connections that publish; 0 for as many as Rate, but not more than Connections
	NoEcho     bool // the server does not return a message to its sender
	Seed       uint64

	Churn  float64       // share of the connections that leave and return per minute
	Kill   float64       // share of the connections that is killed at once
	By     string        // agent.ByRST, ByFIN or BySilence
	Node   int           // ID of the process of one of the URLs that ends at the event; 0 for none. Its connections return at the other URLs
	Drains bool          // it ends gracefully, by SIGTERM instead of SIGKILL
	Jitter time.Duration // the killed connections return at random times within this time
	Slow   float64       // share of the connections that stops reading
	Resume bool          // clients that return recover all missed messages

	Duration time.Duration // measured time; with Auto it includes the warm-up
	Warmup   time.Duration // before the measured time: messages are sent and checked, but not measured
	Auto     bool          // the figures decide the warm-up
	Drain    time.Duration // longest wait for missing messages after the last one was sent

	PIDs    []int  // the server's processes, observed in /proc; none finds it if it is on this machine
	Metrics string // URL of the server's /metrics; empty for none
	Floor   bool   // measure the kernel's floor afterwards

	Agents      int           // number of agent processes; 0 for as few as possible
	Remote      []string      // host:port of agents on other hosts; then no local agent is started
	Token       string        // shared secret of the remote agents
	Dials       int           // concurrent handshakes of one agent
	Ramp        int           // connections opened a second, of all agents; 0: as fast as the server answers
	DialTimeout time.Duration // for one connection: TCP and handshake
	Pollers     int           // threads of an agent that read; 0 for one per two cores

	Thresholds []result.Bound
	Label      string
	Args       []string // the command line, for the record

	here bool          // for tests: agents run inside this process
	hold time.Duration // pause at each level of connections
}

// Limits that are not settings.
const (
	maxConnections = 1_000_000
	maxRate        = 10_000_000
	maxDials       = 512
	reservedFiles  = 128 // open files of an agent that are not connections
)

// Levels of an idle run (connect.go).
const (
	memoryLevels = 10          // number of levels
	leastLeveled = 1000        // fewest connections of a run with levels
	levelHold    = time.Second // from the last connection of a level until the memory is read
)

// DefaultConfig returns the configuration of a scenario without flags. It suits any machine. URLs is empty.
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
		c.Size = 100 // a stamp, and 60 bytes: half of all chat messages are shorter
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

// silentRun reports whether the run sends no messages.
func (c *Config) silentRun() bool { return c.Scenario == Idle || c.Scenario == Connect }

// eventful reports whether connections are cut or stop reading in the middle of the run.
func (c *Config) eventful() bool { return c.Kill > 0 || c.Slow > 0 || c.Node > 0 }

// publishers returns the number of connections that publish.
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
	default: // one connection in twenty publishes
		return max(1, min(c.Connections, c.Rate, (c.Connections+19)/20))
	}
}

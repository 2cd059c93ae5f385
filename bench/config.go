package bench

import (
	"errors"
	"fmt"
	"time"
)

// Config is what to measure. Each field is the flag of the same name.
type Config struct {
	URL         string // ws://host:port/path; the path /ws is understood when there is none
	Connections int    // held for the whole run
	Rate        int    // messages a second, all publishers together; 0 sends nothing and only holds the connections
	Size        int    // bytes of one message, its stamp of StampSize bytes included
	Publishers  int    // the first so many connections send, in turn; 0 for as many as Rate, at most all
	Room        string // joined by ?room=, where the URL's path is /ws and it has no query; empty for the server's own
	NoEcho      bool   // the server does not send a message back to who sent it

	Duration time.Duration // measured
	Warmup   time.Duration // sent and checked before that, but not measured
	Drain    time.Duration // how long to wait for what is missing after the last message

	PID int // the server's process, observed in /proc; 0 looks for it where the target is this machine

	Dials       int           // handshakes under way at a time
	DialTimeout time.Duration // for one connection: TCP and handshake
	Pollers     int           // threads that read; 0 for one for each two cores
}

// Limits nobody has had to change.
const (
	maxConnections = 1_000_000
	maxRate        = 10_000_000
	maxSize        = 1 << 20
	maxDials       = 512
	reservedFiles  = 64         // open files that are not connections
	readBuffer     = 64 << 10   // bytes of one read, shared by a poller's connections
	maxUnsent      = 1 << 20    // bytes that may wait in a publisher whose server does not read
	maxHead        = 8 << 10    // bytes of the answer to a handshake
	maxMessage     = maxSize    // bytes of one message of the server
	maxFragments   = 1024       // of one message
	shortestSleep  = 250_000    // nanoseconds: what falls due sooner is sent together
	longestSleep   = 50_000_000 // nanoseconds until the sender looks whether it shall stop
	maxSamples     = 20         // faults told one by one
)

// DefaultConfig is a run that fits any machine.
func DefaultConfig() Config {
	return Config{
		Connections: 1000,
		Rate:        100,
		Size:        128,
		Duration:    10 * time.Second,
		Warmup:      time.Second,
		Drain:       5 * time.Second,
		Dials:       128,
		DialTimeout: 10 * time.Second,
	}
}

// Validate returns everything that is wrong, joined, each in terms of its flag.
func (c Config) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := parseTarget(c.URL, c.Room); err != nil {
		errs = append(errs, err)
	}
	if c.Connections < 1 || c.Connections > maxConnections {
		refuse("connections = %d: want 1 to %d", c.Connections, maxConnections)
	}
	if c.Rate < 0 || c.Rate > maxRate {
		refuse("rate = %d: want 1 to %d messages a second, or 0 to send nothing", c.Rate, maxRate)
	}
	if c.Size < StampSize || c.Size > maxSize {
		refuse("size = %d: want %d bytes (a message's stamp) to %d", c.Size, StampSize, maxSize)
	}
	if c.Publishers < 0 || c.Publishers > c.Connections {
		refuse("publishers = %d: want 1 to the number of connections (%d), or 0 to choose", c.Publishers, c.Connections)
	}
	if c.Duration <= 0 || c.Duration > 7*24*time.Hour {
		refuse("duration = %v: want more than 0 and at most a week", c.Duration)
	}
	if c.Warmup < 0 || c.Warmup > time.Hour {
		refuse("warmup = %v: want 0 to 1h", c.Warmup)
	}
	if c.Drain < 0 || c.Drain > time.Hour {
		refuse("drain = %v: want 0 to 1h", c.Drain)
	}
	if c.PID < 0 {
		refuse("pid = %d: want a process id, or 0 to look for it", c.PID)
	}
	if c.Dials < 1 || c.Dials > maxDials {
		refuse("dials = %d: want 1 to %d handshakes at a time", c.Dials, maxDials)
	}
	if c.DialTimeout <= 0 {
		refuse("dial-timeout = %v: want more than 0", c.DialTimeout)
	}
	if c.Pollers < 0 || c.Pollers > 64 {
		refuse("pollers = %d: want 1 to 64, or 0 to choose", c.Pollers)
	}
	return errors.Join(errs...)
}

// publishers is how many connections send.
func (c Config) publishers() int {
	if c.Publishers > 0 {
		return c.Publishers
	}
	return max(1, min(c.Connections, c.Rate))
}

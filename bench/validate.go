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
	"github.com/throng-chat/throng/bench/tlsclient"
)

// Validate returns an error that joins all invalid settings, each with the name of its flag.
func (c *Config) Validate() error {
	p := &problems{}
	c.validateTarget(p)
	c.validateLoad(p)
	c.validateEvents(p)
	c.validateTimes(p)
	c.validateAgents(p)
	return errors.Join(p.errs...)
}

// problems collects the errors of a config.
type problems struct{ errs []error }

func (p *problems) reject(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// add adds an error, unless it is nil.
func (p *problems) add(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// bounds are the smallest and the largest value of a setting. of is the end of the error text: the unit.
type bounds struct {
	low, high int
	of        string
}

// between rejects a value out of bounds.
func (p *problems) between(name string, value int, b bounds) {
	if value < b.low || value > b.high {
		p.reject("%s = %d: must be %d to %d%s", name, value, b.low, b.high, b.of)
	}
}

func (p *problems) share(name string, value float64) {
	if !(value >= 0 && value <= 1) {
		p.reject("%s = %v: must be 0%% to 100%%", name, value)
	}
}

func (p *problems) within(name string, value, low, high time.Duration) {
	if value < low || value > high {
		p.reject("%s = %v: must be %v to %v", name, value, low, high)
	}
}

// validateTarget checks the scenario, the server and the handshake.
func (c *Config) validateTarget(p *problems) {
	if !slices.Contains(Scenarios, c.Scenario) {
		p.reject("scenario = %q: must be one of %v", c.Scenario, Scenarios)
	}
	if len(c.URLs) == 0 {
		p.reject("url: missing")
	}
	secure := false
	for _, text := range c.URLs {
		u, err := agent.ParseURL(text, &c.Protocol)
		p.add(err)
		secure = secure || err == nil && agent.Secure(u)
	}
	if n := len(c.URLs); c.Spread && (n < 2 || n > agent.MaxSpread) {
		p.reject("targets: got %s: must be 2 to %d", result.Number(n, "URL"), agent.MaxSpread)
	}
	if !secure && c.TLS.Set() && len(c.URLs) > 0 {
		p.reject("ca, cert, key, server-name and insecure: are for wss:// URLs")
	}
	if _, err := tlsclient.New(c.TLS, ""); err != nil {
		p.add(err)
	}
	for _, h := range c.Headers {
		_, err := parseHeader(h)
		p.add(err)
	}
	if c.Subprotocol != "" && !headerName.MatchString(c.Subprotocol) {
		p.reject("subprotocol = %q: must be one name", c.Subprotocol)
	}
}

// validateLoad checks the rooms and the messages.
func (c *Config) validateLoad(p *problems) {
	p.between("connections", c.Connections, bounds{low: 1, high: maxConnections})
	if c.Scenario != Echo {
		p.between("rooms", c.Rooms, bounds{low: 1, high: max(1, c.Connections), of: ", the number of connections"})
	}
	p.between("rate", c.Rate, bounds{high: maxRate, of: " messages/s"})
	if c.Rate == 0 && c.Closed == 0 && !c.silentRun() {
		p.reject("rate = 0: must be 1 to %d messages/s; only the scenario idle sends none", maxRate)
	}
	p.between("size", c.Size, bounds{
		low: agent.StampSize, high: agent.MaxSize, of: fmt.Sprintf(" bytes, %d of them for the stamp", agent.StampSize),
	})
	p.between("publishers", c.Publishers, bounds{high: max(0, c.Connections), of: ", the number of connections, or 0 for automatic"})
	p.between("closed", c.Closed, bounds{high: max(0, c.Connections), of: " messages in flight, or 0 for the open loop"})
	if c.Closed > 0 && (c.NoEcho || c.Poisson) {
		p.reject("closed = %d: a closed loop sends when a message has returned, so no-echo and poisson are not possible", c.Closed)
	}
	if !(c.Zipf >= 0 && c.Zipf <= 5) {
		p.reject("zipf = %v: must be 0 (all rooms of one size) to 5", c.Zipf)
	}
}

// validateEvents checks the events on connections.
func (c *Config) validateEvents(p *problems) {
	p.share("kill", c.Kill)
	p.share("slow", c.Slow)
	if !(c.Churn >= 0 && c.Churn <= 100) {
		p.reject("churn = %v: must be 0%% to 10000%% of the connections per minute", c.Churn)
	}
	if !slices.Contains([]string{agent.ByRST, agent.ByFIN, agent.BySilence}, c.By) {
		p.reject("by = %q: must be %s, %s or %s", c.By, agent.ByRST, agent.ByFIN, agent.BySilence)
	}
	if c.Connections > 0 && c.publishers() >= c.Connections && (c.eventful() || c.Churn > 0) {
		p.reject("publishers = %d: %s, and only connections that do not publish are killed, stopped or made to leave: "+
			"lower --publishers, or raise --connections", c.publishers(), publishersText(c.Connections))
	}
	switch {
	case c.Node < 0:
		p.reject("kill-node, stop-node = %d: must be the ID of a process", c.Node)
	case c.Node > 0 && !c.Spread:
		p.reject("kill-node, stop-node: the clients of the node return at other nodes: give all nodes with --targets")
	case c.Node > 0 && len(c.Remote) > 0:
		p.reject("kill-node, stop-node: need agents on this machine, so remote is not possible")
	}
	switch {
	case c.Resume && c.Protocol.Resume == nil:
		p.reject("resume: protocol %s has no recovery: use --protocol centrifugo or centrifugo-protobuf", c.Protocol.Name)
	case c.Resume && c.Kill == 0 && c.Node == 0 && c.Churn == 0:
		p.reject("resume: no connection leaves and returns: use --churn, or the scenario storm")
	}
	some := func(name string, share float64) {
		if listeners := c.Connections - c.publishers(); c.Connections > 0 && int(share*float64(listeners)+0.5) < 1 {
			p.reject("%s = %g%%: less than one of %s: raise --%s or --connections", name, 100*share, listenersText(listeners), name)
		}
	}
	switch c.Scenario {
	case Storm:
		if c.Node > 0 {
			break
		}
		some("kill", c.Kill)
	case Slow:
		some("slow", c.Slow)
	}
}

func (c *Config) validateTimes(p *problems) {
	p.within("duration", c.Duration, 100*time.Millisecond, 7*24*time.Hour)
	p.within("warmup", c.Warmup, 0, time.Hour)
	p.within("drain", c.Drain, 0, time.Hour)
	p.within("jitter", c.Jitter, 0, time.Hour)
	p.within("dial-timeout", c.DialTimeout, time.Millisecond, time.Hour)
}

// validateAgents checks the agents and the observed process.
func (c *Config) validateAgents(p *problems) {
	for i, pid := range c.PIDs {
		if pid < 1 {
			p.reject("pid = %d: must be the ID of a process; without --pid, bench finds the server", pid)
		}
		if slices.Contains(c.PIDs[:i], pid) {
			p.reject("pid: %d appears twice, but the usage of a process counts once", pid)
		}
	}
	p.between("dials", c.Dials, bounds{low: 1, high: maxDials, of: " concurrent handshakes"})
	p.between("ramp", c.Ramp, bounds{high: maxConnections, of: " connections/s, or 0 to open as fast as the server answers"})
	p.between("pollers", c.Pollers, bounds{high: 64, of: ", or 0 for automatic"})
	p.between("agents", c.Agents, bounds{high: 64, of: ", or 0 for automatic"})
	if len(c.Remote) > 0 && c.Token == "" {
		p.reject("remote: the agents need a token: use the same --token on both sides")
	}
	for i, address := range c.Remote {
		if slices.Contains(c.Remote[:i], address) {
			p.reject("remote: %s appears twice, but an agent serves one bench at a time", address)
		}
	}
}

// headerName matches a token of RFC 9110, 5.6.2. The name of a subprotocol is one, too (RFC 6455, 4.1).
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// parseHeader returns the header line of NAME:VALUE. It rejects the headers that the handshake sets itself.
func parseHeader(text string) (line string, err error) {
	name, value, ok := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	own := []string{"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"}
	switch {
	case !ok || !headerName.MatchString(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7F }):
		return "", fmt.Errorf("header %q: must be NAME:VALUE in one line", name) // without the value, which may be a secret
	case slices.ContainsFunc(own, func(s string) bool { return strings.EqualFold(s, name) }), strings.HasPrefix(strings.ToLower(name), "sec-websocket-"):
		return "", fmt.Errorf("header %q: set by the handshake itself", name)
	}
	return name + ": " + value, nil
}

func publishersText(n int) string {
	if n == 1 {
		return "the only connection publishes"
	}
	return fmt.Sprintf("all %d connections publish", n)
}

func listenersText(n int) string {
	if n == 1 {
		return "1 connection that does not publish"
	}
	return fmt.Sprintf("%d connections that do not publish", n)
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/tlsclient"
	"github.com/throng-chat/throng/server/netpoll"
)

// dialer opens the connections. It limits the number of concurrent handshakes, so that the server's accept queue does not overflow.
// Without a ramp the server sets the speed.
type dialer struct {
	run      *run
	dialer   net.Dialer
	sources  []*net.TCPAddr     // nil: the kernel chooses the address
	requests []handshakeRequest // by room; if rooms are spread, by room and target
	targets  []uint8            // by connection
	others   []uint8            // for the clients of a node that has ended

	mu     sync.Mutex
	next   int // index of the next connection to open, among this agent's
	limit  int // index at which open stops
	below  int // number at which the previous open stopped
	answer Connected
	viable bool // false after a failure that would repeat for every connection
}

// handshakeRequest is the request of the opening handshake without its key, and the server's address.
type handshakeRequest struct {
	address, before, after string
	tls                    *tlsclient.Client // nil without TLS
}

func newDialer(r *run) (*dialer, error) {
	d := &dialer{run: r, viable: true, answer: Connected{Failed: map[string]int{}}}
	d.targets, d.others = r.plan.TargetsOf(), r.plan.others()
	for i, room := range r.plan.Rooms {
		at := r.plan.Targets
		if !r.plan.Spread {
			at = at[i%len(at):][:1]
		}
		for k := range at {
			before, after, err := request(&at[k], r.plan, room)
			if err != nil {
				return nil, err
			}
			client, err := tlsOf(&at[k], r.plan)
			if err != nil {
				return nil, err
			}
			d.requests = append(d.requests, handshakeRequest{address: at[k].Address.String(), before: before, after: after, tls: client})
		}
	}
	d.dialer = net.Dialer{KeepAlive: -1, Timeout: r.plan.DialTimeout}
	d.sources = loopbackSources(r.plan, portsPerSource())
	return d, nil
}

// loopbackSources returns the source addresses of the agent that follows plan p, all in 127.0.0.0/8. Each address provides a number of
// ports. The agent gets as many addresses as its share of the connections needs, and shares none with another agent. If one address is
// enough for all agents, the result is nil and the kernel chooses.
//
// Linux assigns the ports of one parity first, and searches at every connect when they are used up: 19,000 connections from one address
// took 6.5 s, from two addresses 1.3 s. So two fifths of the ports are used.
func loopbackSources(p *Plan, ports int) []*net.TCPAddr {
	to, connections, each := p.Targets[0].Address.Addr(), len(p.RoomOf), ports*2/5
	if !manySources || !to.Is4() || !to.IsLoopback() || connections <= each {
		return nil
	}
	own := (connections + p.Agents - 1) / p.Agents
	sources := make([]*net.TCPAddr, (own+each-1)/each)
	for i := range sources {
		n := p.Agent*len(sources) + i + 1
		sources[i] = &net.TCPAddr{IP: net.IPv4(127, 0, byte(n>>8), byte(n))}
	}
	return sources
}

// open opens the connections with numbers below a limit (0: all). It returns when each has opened or failed. It skips connections that an
// earlier call tried to open. A ramp begins anew in each call.
func (d *dialer) open(ctx context.Context, below int) {
	jobs := d.jobs(ctx, d.until(below))
	var workers sync.WaitGroup
	for range min(d.run.plan.Dials, d.run.own) {
		workers.Go(func() {
			for job := range jobs {
				var lag int64
				if job.due > 0 {
					lag = max(0, Now()-job.due)
				}
				times, err := d.one(ctx, job.number, nil)
				times.lag = lag
				d.record(ctx, times, err)
			}
		})
	}
	workers.Wait()
}

// until sets the number at which open stops (0: after all), and returns the schedule of the connections below it.
func (d *dialer) until(below int) ramp {
	if all := len(d.run.plan.RoomOf); below <= 0 || below > all {
		below = all
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	schedule := ramp{began: Now(), first: d.below, perS: d.run.plan.Ramp}
	d.limit, d.below = d.run.plan.own(below), below
	return schedule
}

// take returns the number of the next connection to open, and false if there is none.
func (d *dialer) take(ctx context.Context) (int, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil || !d.viable || d.next >= d.limit {
		return 0, false
	}
	d.next++
	return (d.next-1)*d.run.plan.Agents + d.run.plan.Agent, true
}

// dialTimes are the durations of the parts of an opening, in nanoseconds. lag is the time from the scheduled time of a ramp to the dial.
type dialTimes struct{ lag, tcp, tls, upgrade int64 }

func (d *dialer) record(ctx context.Context, took dialTimes, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := &d.answer
	switch {
	case err == nil:
		a.Opened++
		a.Time.Record(took.lag + took.tcp + took.tls + took.upgrade)
		if d.run.plan.Ramp > 0 {
			a.Lag.Record(took.lag)
		}
		a.TCP.Record(took.tcp)
		if took.tls > 0 {
			a.TLS.Record(took.tls)
		}
		a.Upgrade.Record(took.upgrade)
	case ctx.Err() == nil:
		a.Failed[explainDial(err)]++
		// The next connection would fail the same way: this machine is out of files or ports, or the certificate is not accepted.
		if errors.As(err, new(*tlsclient.Error)) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			d.viable = false
		}
		// After so many failures without a success, further attempts are pointless.
		if a.Opened == 0 && sum(a.Failed) >= enoughFailures {
			d.viable = false
		}
	}
}

const enoughFailures = 512

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// target returns the target at which connection i connects now.
func (d *dialer) target(i int) uint8 {
	at, pl := d.targets[i], d.run.plan
	if pl.Node != nil && int(at) == *pl.Node && d.run.start != nil && Now() >= d.run.start.Event {
		return d.others[i/len(pl.Targets)%len(d.others)]
	}
	return at
}

func (d *dialer) request(room int32, target uint8) *handshakeRequest {
	if d.run.plan.Spread {
		return &d.requests[int(room)*len(d.run.plan.Targets)+int(target)]
	}
	return &d.requests[room]
}

// one opens connection i. If from is nil, the connection joins its room as a new member. Otherwise it continues the membership of from.
func (d *dialer) one(ctx context.Context, i int, from *conn) (took dialTimes, err error) {
	room, target := d.run.plan.RoomOf[i], d.target(i)
	request := d.request(room, target)
	dialer := d.dialer
	if d.sources != nil {
		dialer.LocalAddr = d.sources[i/d.run.plan.Agents%len(d.sources)]
	}
	if d.sources != nil {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error { return prepare(raw) }
	}
	began := Now()
	ctx, cancel := context.WithTimeout(ctx, d.run.plan.DialTimeout)
	defer cancel()
	tcp, err := dialer.DialContext(ctx, "tcp", request.address)
	if err != nil {
		return took, err
	}
	took.tcp = Now() - began
	var session *tlsclient.Session
	if request.tls != nil {
		began = Now()
		if session, err = d.secure(ctx, request.tls, tcp); err != nil {
			return took, errors.Join(err, tcp.Close())
		}
		took.tls = Now() - began
	}
	secured := Now()
	nc, err := netpoll.FromConn(tcp.(*net.TCPConn), tcp.RemoteAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		return took, err
	}
	h := newHandshake(d.run.plan.Rooms[room], d.run.plan)
	c := &conn{nc: nc, tls: session, target: target, room: d.run.check.rooms[room], handshake: h}
	c.member.connection, c.member.publisher = int32(i), -1
	if i < d.run.plan.Publishers {
		c.member.publisher = int32(i)
	}
	if from != nil {
		c.follow(from)
	}
	d.run.engine.add(c)
	if err := d.run.engine.loop.Add(nc, c); err != nil {
		d.run.engine.forget(c)
		return took, err
	}
	if err := writeNow(c, []byte(request.before+h.key+request.after)); err != nil {
		_ = nc.Close() // to be sure: the failed Write has closed it
	}
	select {
	case err = <-h.result:
	case <-ctx.Done():
		err = ctx.Err()
		c.poller.mu.Lock()
		err = c.handshake.joining(&d.run.plan.Protocol, err)
		c.poller.mu.Unlock()
	}
	took.upgrade = Now() - secured
	if err == nil || !d.run.engine.forget(c) {
		return took, nil
	}
	_ = nc.Close() // an error means that it is closed already
	return took, err
}

// explainDial describes why a connection failed and, if possible, how to fix that. Equal causes give equal texts, which the result counts.
func explainDial(err error) string {
	status, rejected, joining, tls := (*statusError)(nil), (*rejectedError)(nil), (*joinError)(nil), (*tlsclient.Error)(nil)
	switch {
	case errors.As(err, &tls):
		return result.PrintableLine(tls.Error(), maxTLSQuote)
	case errors.As(err, &joining):
		if errors.Is(joining.end, context.DeadlineExceeded) {
			joining.end = errors.New("timeout")
		}
		return joining.Error()
	case errors.As(err, &rejected):
		return "rejected by the server: " + err.Error()
	case errors.As(err, &status):
		return "rejected by the server: " + err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: no server listens there"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "out of open files on this machine: raise ulimit -n"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("out of source ports: an address has %d per target (net.ipv4.ip_local_port_range)", portsPerSource())
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "timeout: no response"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset by the server: check its open-file limit and its accept queue"
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		if op.Timeout() {
			return "timeout: no response"
		}
		err = op.Err // without the addresses, so that equal faults count together
	}
	return strings.ToValidUTF8(err.Error(), "?")
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
)

// dialer opens the connections: never more than a fixed number at a time, so that the server's accept queue is not run
// over, and as fast as the server answers.
type dialer struct {
	run           *run
	dialer        net.Dialer
	address       string
	sources       []*net.TCPAddr // nil: the kernel chooses
	before, after string         // of the request

	mu      sync.Mutex
	next    int
	times   histogram // of the connections that opened
	failed  map[string]int
	hopeful bool // false: the next would fail the same way
}

const usualPorts = 28_232 // 32768 to 60999, Linux's own choice

func newDialer(r *run) *dialer {
	d := &dialer{run: r, address: r.target.addr.String(), failed: map[string]int{}, hopeful: true}
	d.before, d.after = r.target.request()
	d.dialer = net.Dialer{KeepAlive: -1}
	d.sources = loopbackSources(r.target.addr.Addr(), r.cfg.Connections, portsPerSource())
	if d.sources != nil {
		d.dialer.Control = lateBind
	}
	return d
}

// loopbackSources are the addresses to dial from: as many of 127.0.0.0/8 as the connections need ports. Linux gives out the
// ports of one parity first, and searches at every connect when those are gone: 19,000 connections from one address took
// 6.5 s, from two 1.3 s. So two fifths of the ports are used.
func loopbackSources(to netip.Addr, connections, ports int) []*net.TCPAddr {
	each := ports * 2 / 5
	if !manySources || !to.Is4() || !to.IsLoopback() || connections <= each {
		return nil
	}
	sources := make([]*net.TCPAddr, (connections+each-1)/each)
	for i := range sources {
		sources[i] = &net.TCPAddr{IP: net.IPv4(127, 0, byte((i+1)>>8), byte(i+1))}
	}
	return sources
}

// open opens all connections and returns when each has opened or failed.
func (d *dialer) open(ctx context.Context) {
	var workers sync.WaitGroup
	for range min(d.run.cfg.Dials, d.run.cfg.Connections) {
		workers.Go(func() {
			timer := time.NewTimer(d.run.cfg.DialTimeout)
			defer timer.Stop()
			for {
				i, ok := d.take(ctx)
				if !ok {
					return
				}
				began := now()
				timer.Reset(d.run.cfg.DialTimeout)
				err := d.one(ctx, i, timer.C)
				d.tell(ctx, now()-began, err)
			}
		})
	}
	workers.Wait()
}

func (d *dialer) take(ctx context.Context) (int, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil || !d.hopeful || d.next >= d.run.cfg.Connections {
		return 0, false
	}
	d.next++
	return d.next - 1, true
}

func (d *dialer) tell(ctx context.Context, took int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.times.record(took)
	case ctx.Err() == nil:
		d.failed[explainDial(err)]++
		// A machine that has no more files or ports will not have them for the next either.
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			d.hopeful = false
		}
		// Nor does it help to be refused a million times.
		if d.times.total == 0 && len(d.failed) > 0 && sum(d.failed) >= maxDials {
			d.hopeful = false
		}
	}
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

func (d *dialer) opened() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int(d.times.total)
}

// one opens connection i.
func (d *dialer) one(ctx context.Context, i int, timeout <-chan time.Time) error {
	dialer := d.dialer
	dialer.Timeout = d.run.cfg.DialTimeout
	if d.sources != nil {
		dialer.LocalAddr = d.sources[i%len(d.sources)]
	}
	tcp, err := dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return err
	}
	// nbio makes the socket its own and closes ours.
	nc, err := nbio.NBConn(tcp)
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	h := newHandshake()
	c := d.run.add(i, nc, h)
	if _, err := d.run.engine.AddConn(nc); err != nil {
		d.run.forget(i, c)
		return err
	}
	if _, err := nc.Write([]byte(d.before + h.key + d.after)); err != nil {
		_ = nc.Close() // Write has closed it; to be sure
	}
	select {
	case err = <-h.result:
	case <-timeout:
		err = os.ErrDeadlineExceeded
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		d.run.forget(i, c)
		_ = nc.Close() // it may be closed already
	}
	return err
}

// explainDial says what a failed connection means, and where there is something to do, what.
func explainDial(err error) string {
	status := (*statusError)(nil)
	switch {
	case errors.As(err, &status):
		return "refused by the server: " + err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused: nothing listens there"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "out of open files here: raise ulimit -n"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("out of ports here: a source address has %d to one target (net.ipv4.ip_local_port_range)", portsPerSource())
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "timeout: no answer"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset by the server: look at its open-file limit and its accept queue"
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		if op.Timeout() {
			return "timeout: no answer"
		}
		err = op.Err // without the addresses, so that equal faults count together
	}
	return strings.ToValidUTF8(err.Error(), "?")
}

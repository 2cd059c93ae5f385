package durability

import (
	"errors"
	"io"
	"net"
	"sync"
)

// links are the connections between the nodes of a cluster. A node reaches each other one by a proxy, which can stop each direction, as a network
// does that loses packets: nothing is closed, and the bytes arrive when the direction works again.
type links struct {
	mu      sync.Mutex
	open    sync.Cond // its lock is mu
	nodes   int
	stopped map[direction]bool
	closed  bool
	all     []io.Closer
}

// direction is the bytes of one node to another.
type direction struct{ from, to int }

func newLinks() *links {
	l := &links{stopped: map[direction]bool{}}
	l.open.L = &l.mu
	return l
}

// listen makes node from reach node to, which listens at target. It returns the address of the proxy.
func (l *links) listen(at string, from, to int, target string) error {
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	l.keep(listener)
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go l.join(in, from, to, target)
		}
	}()
	return nil
}

// keep closes c at the end.
func (l *links) keep(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, c)
}

// join connects an accepted connection with its target.
func (l *links) join(in net.Conn, from, to int, target string) {
	l.keep(in)
	if !l.wait(direction{from, to}) {
		return
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		in.Close() // the node is down
		return
	}
	l.keep(out)
	go l.copy(in, out, direction{to, from})
	l.copy(out, in, direction{from, to})
}

// copy copies in one direction until the connection ends.
func (l *links) copy(to, from net.Conn, d direction) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil || !l.wait(d) {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// wait waits while a direction is stopped. It returns false at the end.
func (l *links) wait(d direction) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.stopped[d] && !l.closed {
		l.open.Wait()
	}
	return !l.closed
}

// places starts a proxy for each direction.
func (l *links) places(nodes int) (all []place, err error) {
	ports, err := freePorts(3*nodes + nodes*(nodes-1))
	if err != nil {
		return nil, err
	}
	l.nodes = nodes
	proxies := ports[3*nodes:]
	for i := range nodes {
		at := place{listen: ports[i], peers: []string{ports[i]}, public: ports[nodes+i], admin: ports[2*nodes+i]}
		for other := range nodes {
			if other == i {
				continue
			}
			if err := l.listen(proxies[0], i, other, ports[other]); err != nil {
				return nil, err
			}
			at.peers, proxies = append(at.peers, proxies[0]), proxies[1:]
		}
		all = append(all, at)
	}
	return all, nil
}

func (l *links) part(node int, sends, receives bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for other := range l.nodes {
		if sends {
			l.stopped[direction{node, other}] = true
		}
		if receives {
			l.stopped[direction{other, node}] = true
		}
	}
	return nil
}

func (l *links) cut(one, other int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped[direction{one, other}], l.stopped[direction{other, one}] = true, true
	return nil
}

func (l *links) heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.stopped)
	l.open.Broadcast()
	return nil
}

func (l *links) close() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.open.Broadcast()
	for _, c := range l.all {
		if e := c.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

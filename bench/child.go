package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Child is a server that the bench started, in a process of its own.
type Child struct {
	URL     string
	PID     int
	Metrics string // URL of its /metrics; empty if it has none

	own    bool // it is this program, which exits with 0 after SIGTERM
	cmd    *exec.Cmd
	output tail
	done   chan struct{} // closed when the process has exited
	err    error         // how it exited; valid after done
}

const (
	childStart  = 30 * time.Second // until the server listens
	childStop   = 15 * time.Second // until the server exits
	outputBytes = 4 << 10          // bytes kept of its output
)

// StartServer runs this program again as a server and waits until it listens. args receives two free loopback addresses, of the server and
// of its admin port, and returns the arguments.
func StartServer(ctx context.Context, args func(address, admin string) []string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return tryAddresses(func(address string) (*Child, error) {
		admin, err := freeAddress()
		if err != nil {
			return nil, err
		}
		c, err := startAt(ctx, address, append([]string{self}, args(address, admin)...))
		if c != nil {
			c.own = true
			c.Metrics = "http://" + admin + "/metrics"
		}
		return c, err
	})
}

// StartCommand runs the command of another server and waits until it listens. command receives a free loopback address and returns the
// command with its arguments.
func StartCommand(ctx context.Context, command func(address string) []string) (*Child, error) {
	return tryAddresses(func(address string) (*Child, error) { return startAt(ctx, address, command(address)) })
}

// tryAddresses starts a server at a free address. It tries another address if a program took that one in the meantime, three times at most.
func tryAddresses(start func(address string) (*Child, error)) (*Child, error) {
	for tries := 1; ; tries++ {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		c, err := start(address)
		if tries < 3 && errors.Is(err, errEnded) && strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
			continue
		}
		return c, err
	}
}

func startAt(ctx context.Context, address string, args []string) (*Child, error) {
	c := &Child{URL: "ws://" + address + "/ws", cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	c.cmd.SysProcAttr = childAttributes()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	c.PID = c.cmd.Process.Pid
	go func() {
		defer close(c.done)
		c.err = c.cmd.Wait()
	}()
	err := c.listening(ctx, address)
	if err == nil {
		return c, nil
	}
	err = fmt.Errorf("start a server: %w", err)
	if !errors.Is(err, errEnded) {
		err = errors.Join(err, c.Stop())
	}
	return nil, err
}

var errEnded = errors.New("the process exited")

func (ch *Child) listening(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, childStart)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ch.done:
			return fmt.Errorf("%w (%v): %s", errEnded, ch.err, ch.output.text())
		case <-ctx.Done():
			return fmt.Errorf("no listener on %s: %w", address, err)
		}
	}
}

// Stop ends the server with SIGTERM and waits, 15 s at most. It returns an error if the server had to be killed, or exited before. For
// another program the exit code does not matter: most programs end by the signal itself.
func (ch *Child) Stop() error {
	select {
	case <-ch.done: // it exited before the signal
		return fmt.Errorf("the server exited (%v): %s", ch.err, ch.output.text())
	default:
	}
	if err := ch.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server, pid %d: %w", ch.PID, err)
	}
	select {
	case <-ch.done:
	case <-time.After(childStop):
		err := ch.cmd.Process.Kill()
		<-ch.done
		return errors.Join(fmt.Errorf("the server, pid %d, did not stop in %v and was killed", ch.PID, childStop), err)
	}
	if ch.err != nil && ch.own {
		return fmt.Errorf("the server: %w: %s", ch.err, ch.output.text())
	}
	return nil
}

// freeAddress returns a loopback address with a free port. The port is outside the kernel's range for clients: a dial to a free port in
// that range can connect to itself.
func freeAddress() (string, error) {
	var last error
	for range 50 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(10_000))
		ln, err := net.Listen("tcp", address)
		if err == nil {
			return address, ln.Close()
		}
		last = err
	}
	return "", fmt.Errorf("find a free port: %w", last)
}

// tail keeps the last bytes that are written to it. It is safe for concurrent use.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - outputBytes; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(b), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.b), "?"))
}

//go:build linux

package crashtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
)

// Options are the settings of Kill and PowerLoss.
type Options struct {
	// Child returns the command of a child process that calls Append with dir, noSync and its standard output. It is not started.
	Child func(dir string, noSync bool) *exec.Cmd
	Dir   string // of the data, or of the images
	// Rounds is the number of crashes. The data of one round are those of the next.
	Rounds int
	Seed   uint64
	NoSync bool
}

// child is a running child process.
type child struct {
	cmd    *exec.Cmd
	events io.ReadCloser
}

func (o Options) start(dir string) (*child, error) {
	cmd := o.Child(dir, o.NoSync)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	events, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start of the child: %w", err)
	}
	return &child{cmd, events}, nil
}

// kill ends the child as kill -9 does. Its reports are still to be read.
func (c *child) kill() error { return c.cmd.Process.Kill() }

// wait returns an error unless the child was killed.
func (c *child) wait() error {
	err := c.cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("the child ended by itself: %v", err)
}

// crashAt chooses how many records of a child are acknowledged before its end: often few, sometimes more than a block of the store has.
func crashAt(random *rand.Rand) int {
	if random.IntN(8) == 0 {
		return 500 + random.IntN(1_000)
	}
	return 1 + random.IntN(150)
}

// Kill ends a child with kill -9 in each round.
func Kill(o Options) (Result, error) {
	random, l := rand.New(rand.NewPCG(o.Seed, 9)), newLedger()
	for range o.Rounds {
		c, err := o.start(o.Dir)
		if err != nil {
			return l.result, err
		}
		at := crashAt(random)
		var killErr error
		readErr := l.read(c.events, func(n int) {
			if n == at {
				killErr = c.kill()
			}
		})
		if err := errors.Join(readErr, killErr, c.wait()); err != nil {
			return l.result, err
		}
		if err := l.check(o.Dir); err != nil {
			return l.result, err
		}
	}
	return l.result, nil
}

package durability

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a server.
type process struct {
	cmd   *exec.Cmd
	ready chan string // gets the address when the server is ready; closed when its log ends
	gone  chan struct{}
	end   error // of the process; valid after gone is closed
}

// startProcess starts a server. Its log is copied to a file.
func startProcess(cmd *exec.Cmd, log io.Writer) (*process, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = in
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	p := &process{cmd: cmd, ready: make(chan string, 1), gone: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.readLog(out, log)
	}()
	go func() {
		defer close(p.gone)
		<-read
		p.end = cmd.Wait()
	}()
	return p, nil
}

// readLog copies the log, and finds the line that the server is ready.
func (pr *process) readLog(out io.ReadCloser, log io.Writer) {
	defer out.Close()
	defer close(pr.ready)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if _, err := log.Write(line); err != nil {
			return
		}
		var ready struct{ Msg, Listen string }
		if json.Unmarshal(line, &ready) == nil && ready.Msg == "ready" {
			pr.ready <- ready.Listen
		}
	}
}

// awaitReady returns the address of the server.
func (pr *process) awaitReady(ctx context.Context, within time.Duration) (string, error) {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case address, ok := <-pr.ready:
		if !ok {
			return "", errors.New("the server has ended before it was ready: see its log")
		}
		return address, nil
	case <-timeout.C:
		return "", fmt.Errorf("the server is not ready after %v: see its log", within)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// kill ends the server with SIGKILL and waits until it is gone.
func (pr *process) kill() error {
	err := pr.cmd.Process.Kill()
	<-pr.gone
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("the server has ended by itself: %w", pr.end)
	}
	return err
}

// stop ends the server gracefully.
func (pr *process) stop(within time.Duration) error {
	if err := pr.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case <-pr.gone:
		if pr.end != nil {
			return fmt.Errorf("the server ended with an error: %w", pr.end)
		}
		return nil
	case <-timeout.C:
		return errors.Join(fmt.Errorf("the server has not stopped after %v", within), pr.kill())
	}
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// holdEnv makes this program hold unfinished handshakes. Its value is "ADDRESS COUNT".
const holdEnv = "FIGURES_HOLD"

// holdRate is the number of handshakes that one process begins per second.
const holdRate = 2500

const request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// hold begins handshakes and keeps them until its standard input ends. It skips those that the server closes at once.
func hold(job string) {
	var to string
	var count int
	if _, err := fmt.Sscan(job, &to, &count); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	conns := make([]net.Conn, 0, count)
	begin := time.Now()
	for i := range count {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / holdRate)))
		c, err := net.Dial("tcp", to)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if _, err := io.WriteString(c, request); err != nil {
			continue // closed by the server before the write
		}
		conns = append(conns, c)
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		os.Exit(1)
	}
	for _, c := range conns {
		c.Close()
	}
}

// honest completes one handshake and returns its duration.
func honest(to string) (time.Duration, error) {
	begin := time.Now()
	c, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(begin.Add(10 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return 0, err
	}
	if !strings.Contains(line, " 101 ") {
		return 0, fmt.Errorf("response %q", line)
	}
	return time.Since(begin), nil
}

// holders are processes that hold unfinished handshakes.
type holders struct {
	running []*exec.Cmd
	inputs  []io.Closer // closing them ends the processes
	ready   chan error
}

// begin starts n processes, which hold each handshakes each. Each process sends a value to ready once it holds its share, or an error.
func (h *holders) begin(n, each int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	h.ready = make(chan error, n)
	for range n {
		cmd := exec.Command("taskset", "-c", "1", self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", holdEnv, address, each))
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		h.inputs, h.running = append(h.inputs, in), append(h.running, cmd)
		go func() {
			_, err := bufio.NewReader(out).ReadString('\n')
			h.ready <- err
		}()
	}
	return nil
}

func (h *holders) end() error {
	var errs []error
	for i, cmd := range h.running {
		errs = append(errs, h.inputs[i].Close(), cmd.Wait())
	}
	return errors.Join(errs...)
}

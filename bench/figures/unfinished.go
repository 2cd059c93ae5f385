package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/stats"
)

// holdEnv makes this program one of several that hold handshakes which never finish: its value is "ADDRESS COUNT".
const holdEnv = "FIGURES_HOLD"

// holdRate is how many handshakes a second one of them begins.
const holdRate = 2500

const request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// hold begins handshakes until it is ended. The server closes those it will not keep: they are begun again.
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
			continue // closed by the server before it was written
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

// honest does one whole handshake and says how long it took.
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
		return 0, fmt.Errorf("answered %q", line)
	}
	return time.Since(begin), nil
}

// unfinished opens 20,000 handshakes that never end, from four processes, and does whole ones meanwhile.
func unfinished() error {
	s, err := start("throng")
	if err != nil {
		return err
	}
	defer s.stop()
	before, err := pss(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	const holders, each = 4, 5000
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var inputs []io.Closer
	var running []*exec.Cmd
	ready := make(chan error, holders)
	for range holders {
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
		inputs, running = append(inputs, in), append(running, cmd)
		go func() {
			_, err := bufio.NewReader(out).ReadString('\n')
			ready <- err
		}()
	}
	var took []float64
	most := before
	for left := holders; left > 0 || len(took) < 200; {
		select {
		case err := <-ready:
			if err != nil {
				return fmt.Errorf("a holder: %w", err)
			}
			left--
		default:
		}
		d, err := honest(address)
		if err != nil {
			return fmt.Errorf("an honest handshake: %w", err)
		}
		took = append(took, float64(d)/float64(time.Millisecond))
		now, err := pss(s.cmd.Process.Pid)
		if err != nil {
			return err
		}
		most = max(most, now)
	}
	for i := range running {
		inputs[i].Close()
		if err := running[i].Wait(); err != nil {
			return err
		}
	}
	worst := took[0]
	for _, ms := range took {
		worst = max(worst, ms)
	}
	n := len(took)
	fmt.Printf("\n### %d handshakes that never finish, from %d processes at %d a second\n\nThe server grew by %.1f MiB at most. Of %d whole handshakes meanwhile the median took %.1f ms, the slowest %.1f ms.\n",
		holders*each, holders, holders*holdRate, float64(most-before)/(1<<20), n, stats.Median(took), worst)
	return nil
}

// pss is a process's memory in bytes, shared pages by their share.
func pss(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("no Pss for %d", pid)
}

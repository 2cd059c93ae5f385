//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// interval is between two rounds of the honest client.
const interval = 10 * time.Millisecond

// honest is a client whose messages come back to it, about 100 a second, or that does as many handshakes. It is a process of its own, so that what the attacker's takes
// of its processor does not count.
type honest struct {
	cmd *exec.Cmd

	mu      sync.Mutex
	changed *sync.Cond
	samples []sample
	failed  error
	from    time.Time
}

type sample struct {
	start time.Time
	took  time.Duration
}

// startHonest starts a client of the server at chat that echoes, or one that does handshakes.
func startHonest(chat, what string) (*honest, error) {
	h := &honest{cmd: exec.Command(os.Args[0], "-honest", what+"@"+chat)}
	h.changed = sync.NewCond(&h.mu)
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	go h.listen(out)
	return h, nil
}

func (h *honest) listen(out io.Reader) {
	why := "ended"
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var start, took int64
		if _, err := fmt.Sscan(lines.Text(), &start, &took); err != nil {
			why = lines.Text()
			break
		}
		h.mu.Lock()
		h.samples = append(h.samples, sample{time.Unix(0, start), time.Duration(took)})
		h.mu.Unlock()
		h.changed.Broadcast()
	}
	h.mu.Lock()
	h.failed = errors.New(why)
	h.mu.Unlock()
	h.changed.Broadcast()
}

// begin starts to measure.
func (h *honest) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from = time.Now()
}

// end returns the p99 since begin. It waits for what was under way.
func (h *honest) end() (p99 time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	until := time.Now()
	for h.failed == nil && (len(h.samples) == 0 || h.samples[len(h.samples)-1].start.Before(until)) {
		h.changed.Wait() // at most as long as the client waits
	}
	return p99Of(h.samples, h.from, until)
}

// p99Of is that of the rounds that began in a time. A round that took longer than the interval stands for those that would have
// begun meanwhile. 0 is for none.
func p99Of(samples []sample, from, until time.Time) time.Duration {
	var times []time.Duration
	for _, s := range samples {
		if s.start.Before(from) || !s.start.Before(until) {
			continue
		}
		times = append(times, s.took)
		for took := s.took - interval; took > 0; took -= interval {
			times = append(times, took)
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)*99/100]
}

func (h *honest) measure(d time.Duration) time.Duration {
	h.begin()
	time.Sleep(d)
	return h.end()
}

func (h *honest) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}

// stop ends the client.
func (h *honest) stop() {
	if err := h.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintln(os.Stderr, "honest client:", err)
	}
	h.cmd.Wait() // killed, or ended: h.failed says why
}

// What the honest client does all the time.
const (
	echoes     = "echoes"
	handshakes = "handshakes"
)

// beHonest is the client's process: it prints the start of each round and how long it took, in nanoseconds, until the server ends or it fails, and returns why.
func beHonest(whatAt string) error {
	var all unix.CPUSet
	for cpu := range len(all) * 64 {
		all.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &all); err != nil {
		return err
	}
	what, chat, _ := strings.Cut(whatAt, "@")
	t := &target{chat: chat}
	round := func() error {
		c, err := t.plain("lobby", how{from: "127.0.0.3"})
		t.conns = nil
		if err != nil {
			return err
		}
		return c.Close()
	}
	if what == echoes {
		c, err := t.plain("honest", how{from: "127.0.0.2"})
		if err != nil {
			return err
		}
		text := frame([]byte("honest"))
		round = func() error {
			if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
				return err
			}
			if _, err := c.Write(text); err != nil {
				return err
			}
			_, err := c.message()
			return err
		}
	}
	for {
		start := time.Now()
		if err := round(); err != nil {
			return err
		}
		took := time.Since(start)
		if _, err := fmt.Println(start.UnixNano(), took.Nanoseconds()); err != nil {
			return err
		}
		time.Sleep(interval - took)
	}
}

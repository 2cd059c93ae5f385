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

// interval is the time between two rounds of the honest client.
const interval = 10 * time.Millisecond

// honest is a client that publishes about 100 messages a second and receives them, or does as many handshakes. It runs in its own process,
// so that the attacker's CPU does not delay it.
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

// startHonest starts a client of the server at chat. what is echoes or handshakes.
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

// begin starts a measurement.
func (h *honest) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from = time.Now()
}

// end returns the p99 since begin. It waits for rounds in progress.
func (h *honest) end() (p99 time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	until := time.Now()
	for h.failed == nil && (len(h.samples) == 0 || h.samples[len(h.samples)-1].start.Before(until)) {
		h.changed.Wait() // at most for the client's deadline
	}
	return p99Of(h.samples, h.from, until)
}

// p99Of returns the p99 of the rounds that began between from and until, or 0 without rounds. A round that took longer than the interval
// counts also for the rounds that should have begun meanwhile.
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
	h.cmd.Wait() // killed, or exited with the reason in h.failed
}

// The round of an honest client.
const (
	echoes     = "echoes"
	handshakes = "handshakes"
)

// beHonest is the main function of the client's process. It prints the start and the duration of each round in nanoseconds. It returns the
// reason when a round fails.
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

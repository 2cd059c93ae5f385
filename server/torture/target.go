//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// target is the server under attack.
type target struct {
	cmd   *exec.Cmd
	dir   string
	chat  string // host:port
	admin string // host:port
	gone  chan struct{}
	begin func() // tells that the attack itself begins: what was before it does not count
	log   *pipe  // nil unless the attack wants it

	mu    sync.Mutex
	conns []net.Conn // closed by stop
}

// opened has a connection closed at the end.
func (t *target) opened(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns = append(t.conns, c)
}

// Secrets of the servers under attack.
const (
	tokenSecret = "0123456789abcdef0123456789abcdef"
	apiKey      = "torture-api-key-0"

	webhookSecret = "torture-webhook-secret-0"
)

// start runs a server, on ports of the kernel's choice, until stop.
func start(binary string, a attack) (*target, error) {
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "throng.toml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(a.config, "HANGING", hanging())), 0o600); err != nil {
		return nil, err
	}
	t := &target{dir: dir, gone: make(chan struct{})}
	procs := max(1, runtime.NumCPU()/2)
	if a.race {
		procs = runtime.NumCPU()
	}
	args := append([]string{"serve", "--config", file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--guests", "on"}, a.flags...)
	if help, err := exec.Command(binary, "serve", "--help").Output(); err != nil {
		return nil, err
	} else if bytes.Contains(help, []byte("--rooms=")) { // older ones are always so
		args = append(args, "--rooms", "open")
	}
	if a.files > 0 {
		args = append([]string{"-c", `ulimit -n ` + strconv.Itoa(a.files) + `; exec "$0" "$@"`, binary}, args...)
		binary = "sh"
	}
	t.cmd = exec.Command(binary, args...)
	t.cmd.Env = append(os.Environ(), "THRONG_TOKEN_HMAC_SECRET="+tokenSecret, "THRONG_API_KEY="+apiKey,
		"THRONG_WEBHOOK_SECRET="+webhookSecret, "GOMAXPROCS="+strconv.Itoa(procs))
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t.cmd.Stderr = in
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	if err := pin(t.cmd.Process.Pid, procs); err != nil {
		return nil, errors.Join(err, t.cmd.Process.Kill())
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the server is not ready: %w", err), t.cmd.Process.Kill(), t.cmd.Wait())
		}
		var ready struct{ Msg, Listen, Admin string }
		if json.Unmarshal(line, &ready) == nil && ready.Msg == "ready" {
			t.chat, t.admin = ready.Listen, ready.Admin
			break
		}
	}
	go func() {
		defer close(t.gone)
		t.cmd.Wait() // the state of the process says how it ended
	}()
	if a.log {
		t.log = &pipe{out: out, in: in}
		return t, nil
	}
	if err := in.Close(); err != nil {
		return nil, err
	}
	go func() {
		if _, err := io.Copy(io.Discard, lines); err != nil {
			fmt.Fprintln(os.Stderr, "log of the server:", err)
		}
	}()
	return t, nil
}

func (t *target) ended() bool {
	select {
	case <-t.gone:
		return true
	default:
		return false
	}
}

// stop ends the server, at last by force.
func (t *target) stop() {
	for _, c := range t.conns {
		c.Close() // the server may have
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGKILL} {
		if t.ended() {
			break
		}
		if err := t.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			fmt.Fprintln(os.Stderr, "server:", err)
		}
		select {
		case <-t.gone:
		case <-time.After(5 * time.Second):
		}
	}
	if err := os.RemoveAll(t.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// rss is the server's resident memory, in bytes; 0 when it is gone.
func (t *target) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// watch samples the server's memory until peak is called.
type watch struct {
	most  atomic.Int64
	first int64
	quit  chan struct{}
	done  chan struct{}
}

func (t *target) watchMemory() *watch {
	w := &watch{first: t.rss(), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			w.most.Store(max(w.most.Load(), t.rss()))
			select {
			case <-w.quit:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return w
}

// peak ends the watch and returns by how much the server grew at most, in bytes.
func (w *watch) peak() int64 {
	close(w.quit)
	<-w.done
	return w.most.Load() - w.first
}

// metric is the sum of a metric's values over the labels that contain all of want, such as `reason="slow"`.
func (t *target) metric(name string, want ...string) (sum float64, err error) {
	resp, err := http.Get("http://" + t.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	found := false
	lines := bufio.NewScanner(resp.Body)
next:
	for lines.Scan() {
		line := lines.Text()
		rest, is := strings.CutPrefix(line, name)
		if !is || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		for _, w := range want {
			if !strings.Contains(rest, w) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("no metric %s %v", name, want)
	}
	return sum, lines.Err()
}

// api calls a method of the server API and returns the answer's body, at most limit bytes of it.
func (t *target) api(method, body string, limit int64) (status int, answer []byte, err error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+t.chat+"/api/"+method, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-API-Key", apiKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, limit))
	return resp.StatusCode, answer, err
}

// pin puts a process on the first processors.
func pin(pid, procs int) error {
	var set unix.CPUSet
	for cpu := range procs {
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(pid, &set)
}

// pinSelf leaves the first processor to the server.
func pinSelf() {
	if runtime.NumCPU() < 2 {
		return
	}
	var set unix.CPUSet
	for cpu := 1; cpu < runtime.NumCPU(); cpu++ {
		set.Set(cpu)
	}
	// Each thread has its own set; later ones inherit it.
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		fmt.Fprintln(os.Stderr, "not pinned:", err)
		return
	}
	for _, task := range tasks {
		if tid, err := strconv.Atoi(task.Name()); err == nil {
			if err := unix.SchedSetaffinity(tid, &set); err != nil {
				fmt.Fprintln(os.Stderr, "not pinned:", err)
			}
		}
	}
}

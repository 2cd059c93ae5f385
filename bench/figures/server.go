package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

const (
	address = "127.0.0.1:13731"
	admin   = "127.0.0.1:13732"
)

// allServers is throng and its peers, in the order of the tables.
var allServers = []string{"throng", "floor", "uws", "axum", "nbio", "gws", "gorilla", "coder", "node-ws", "socketio"}

// sdk is throng with a client of the SDK protocol, which connects, subscribes and publishes in JSON.
const sdk = "throng, SDK protocol"

// contestants returns the servers that were built. It logs the missing ones.
func contestants(names []string) (found []string) {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(*peers, name)); err != nil && name != "throng" && name != sdk {
			log.Printf("%s is skipped: %v", name, err)
			continue
		}
		found = append(found, name)
	}
	return found
}

// server is a running server under measurement.
type server struct {
	name  string
	cmd   *exec.Cmd
	proxy *exec.Cmd // in front of it; nil for most
}

// start runs a server on core 0 and waits until it listens. Flags apply to throng only.
func start(name string, flags ...string) (*server, error) {
	program, tls := strings.CutSuffix(name, overTLS)
	program, compressed := strings.CutSuffix(program, withDeflate)
	args, at := []string{"-c", "0", filepath.Join(*peers, program), "--listen", address}, address
	switch {
	case name == behindNginx:
		at = upstream
		args = append([]string{"-c", "0", *throng, "serve", "--listen", at, "--admin", admin, "--rate", "0", "--trusted-proxy", "127.0.0.1", "--guests", "on"}, flags...)
	case program == "throng" && tls:
		args = append([]string{"-c", "0", *throng, "serve", "--config", certificate.config, "--listen", "off", "--tls-listen", address, "--admin", admin, "--rate", "0"}, flags...)
	case program == "throng" || name == sdk:
		args = append([]string{"-c", "0", *throng, "serve", "--listen", address, "--admin", admin, "--rate", "0"}, flags...)
	case compressed:
		args = append(args, "--deflate")
	case tls:
		args = append(args, "--tls-cert", certificate.cert, "--tls-key", certificate.key)
	}
	for _, taken := range []string{address, at} {
		if listens(taken) {
			return nil, fmt.Errorf("another server listens on %s: stop it first", taken)
		}
	}
	s := &server{name: name, cmd: exec.Command("taskset", args...)}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); !listens(at); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("%s does not listen", name)
		}
	}
	if name != behindNginx {
		return s, nil
	}
	var err error
	if s.proxy, err = startNginx(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// pids returns all processes that serve, the server first.
func (s *server) pids() []int {
	pids := []int{s.cmd.Process.Pid}
	if s.proxy != nil {
		pids = append(append(pids, s.proxy.Process.Pid), childrenOf(s.proxy.Process.Pid)...)
	}
	return pids
}

func listens(at string) bool {
	c, err := net.Dial("tcp", at)
	return err == nil && c.Close() == nil
}

func (s *server) stop() {
	if s.proxy != nil {
		_ = stopProcess("nginx", s.proxy)
	}
	// The exit code of a peer does not matter.
	if err := stopProcess(s.name, s.cmd); err != nil && strings.HasPrefix(s.name, "throng") {
		log.Printf("throng: %v", err)
	}
}

// stopProcess stops a process and waits for its end. It returns how it exited.
func stopProcess(name string, cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		log.Printf("stop %s: %v", name, err)
	}
	done := time.AfterFunc(15*time.Second, func() {
		if err := cmd.Process.Kill(); err != nil {
			log.Printf("kill %s: %v", name, err)
		}
	})
	defer done.Stop()
	return cmd.Wait()
}

// workload is a command of throng bench, without the URL.
type workload struct {
	scenario string
	flags    []string
}

// command returns the text that describes how to repeat a row, and the number of rounds of the table.
func (w workload) command(rounds int) string {
	times := fmt.Sprintf("%d rounds", rounds)
	if rounds == 1 {
		times = "once"
	}
	return fmt.Sprintf("\n`taskset -c 1 ./throng bench %s ws://%s/ws %s`, %s\n", w.scenario, address, strings.Join(w.flags, " "), times)
}

// load runs a workload on core 1 against a fresh server.
func load(name string, w workload) (*result.Result, error) {
	s, err := start(name)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	return s.load(w)
}

// load runs a workload on core 1 against the running server.
func (s *server) load(w workload) (*result.Result, error) {
	url, protocol := "ws://"+address+"/ws", "plain"
	switch s.name {
	case "socketio":
		url, protocol = "ws://"+address, "socketio"
	case sdk, "centrifuge":
		url, protocol = "ws://"+address+"/connection/websocket", "centrifugo"
	}
	if strings.HasSuffix(s.name, overTLS) {
		url = "wss" + strings.TrimPrefix(url, "ws")
		w.flags = append([]string{"--insecure"}, w.flags...)
	}
	if strings.HasSuffix(s.name, withDeflate) {
		w.flags = append([]string{"--compress"}, w.flags...)
	}
	args := append([]string{"-c", "1", *throng, "bench", w.scenario, url, "--protocol", protocol, "--json", "--no-floor"}, w.flags...)
	for _, pid := range s.pids() {
		args = append(args, "--pid", strconv.Itoa(pid))
	}
	out, err := exec.Command("taskset", args...).Output()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	// If the server loses messages, the bench has an exit code of its own and still writes a result.
	r := &result.Result{}
	if err := json.Unmarshal(out, r); err != nil {
		if exit != nil {
			return nil, fmt.Errorf("%s: %w: %s", s.name, exit, exit.Stderr)
		}
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	log.Printf("%-8s %s %v: %s %v %v", s.name, w.scenario, w.flags, r.Verdict.Code, r.Verdict.Why, r.Connect.Failed)
	return r, nil
}

// machine returns a sentence with the date and the machine of the measurement, as the bench reports them.
func machine() (string, error) {
	out, err := exec.Command(*throng, "bench", "connect", "--connections", "1", "--no-floor", "--json").Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // a run with another verdict than VALID still has a result
		return "", err
	}
	r, err := result.Read(bytes.NewReader(out))
	if err != nil {
		return "", err
	}
	e := &r.Env
	return fmt.Sprintf("Measured on %s: %s, %d cores, %s, %s, %s.\n", r.Started.Format("2 January 2006"), e.CPU, e.Machine, e.Kernel, e.Go, r.Tool), nil
}

// inTurn loads each of the servers once per round. It logs why a server could not be measured.
func inTurn(rounds int, names []string, w workload) results {
	runs := results{}
	for range rounds {
		for _, name := range names {
			r, err := load(name, w)
			if err != nil {
				log.Printf("%s: %v", name, err)
			}
			runs[name] = append(runs[name], r)
		}
	}
	return runs
}

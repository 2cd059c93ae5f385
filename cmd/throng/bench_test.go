//go:build !race

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
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/testkit"
)

// listening starts an agent for other hosts. It runs until the test ends; log returns its output then.
func listening(t *testing.T, token string) (address string, stop func() string) {
	t.Helper()
	address = testkit.Addresses(t, 1)[0]
	cmd := throng(t, "bench", "agent", "--listen", address)
	cmd.Env = append(cmd.Env, "THRONG_BENCH_TOKEN="+token)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(log)
	text, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(text, address) {
		t.Fatalf("got %q, %v, want where it listens", text, err)
	}
	ended := make(chan error, 1)
	go func() {
		for err == nil {
			var line string
			line, err = lines.ReadString('\n')
			text += line
		}
		ended <- cmd.Wait()
	}()
	stopped := false
	stop = func() string {
		if stopped {
			return text
		}
		stopped = true
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("the agent: %v: %s", err, text)
		}
		return text
	}
	t.Cleanup(func() { stop() })
	return address, stop
}

const agentToken = "a token that nobody guesses"

func TestRemoteAgentsHoldTheConnections(t *testing.T) {
	t.Parallel()
	a, stopA := listening(t, agentToken)
	b, _ := listening(t, agentToken)
	ready, stop := serve(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off"))
	defer stop(syscall.SIGTERM)
	for round := range 2 { // an agent serves one bench after another
		code, stdout, stderr := outcome(t, throng(t, "bench", "broadcast", "ws://"+ready["listen"].(string)+"/ws", "--remote", a, "--remote", b,
			"--token", agentToken, "--connections", "60", "--rate", "50", "--duration", "1s", "--json", "--no-floor"))
		if code != 0 && code != exitInvalid {
			t.Fatalf("round %d: got exit %d: %s", round, code, stderr)
		}
		r, err := result.Read(strings.NewReader(stdout))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Agents) != 2 || r.Agents[0].Connections != 30 || r.Agents[1].Name != b || r.Delivery.Any() || r.Delivery.Got != 60*50 {
			t.Errorf("round %d: got %+v, %+v", round, r.Agents, r.Delivery)
		}
		if strings.Contains(stdout, agentToken) {
			t.Error("the token is kept in the result")
		}
		if e := r.Agents[0].ClockError; e <= 0 || e > int64(50*time.Millisecond) {
			t.Errorf("round %d: got a clock that may be off by %v", round, time.Duration(e))
		}
	}
	if log := stopA(); strings.Count(log, "is over") != 2 {
		t.Errorf("got the log %q, want two runs that are over", log)
	}
}

func TestAnAgentRequiresItsToken(t *testing.T) {
	t.Parallel()
	address, stop := listening(t, agentToken)
	code, _, stderr := outcome(t, throng(t, "bench", "broadcast", "ws://127.0.0.1:1/ws", "--remote", address, "--token", "another one, as long", "--no-floor"))
	if code != exitFailed || !strings.Contains(stderr, "--token must be the same on both sides") {
		t.Errorf("got exit %d: %s", code, stderr)
	}
	// One that says nothing, or too much, does not keep it from others for long.
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Repeat("x", 1000))); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("got %d bytes, %v, want the end", n, err)
	}
	if log := stop(); strings.Count(log, "rejected 127.0.0.1") != 2 {
		t.Errorf("got the log %q, want two rejections", log)
	}
	code, _, stderr = outcome(t, throng(t, "bench", "agent", "--listen", "127.0.0.1:0", "--token", "short"))
	if code == 0 || !strings.Contains(stderr, "must have 16 to 256 characters") {
		t.Errorf("a short token: got exit %d: %s", code, stderr)
	}
}

// If a bench is killed, its agents end.
func TestAgentsEndWithTheirBench(t *testing.T) {
	t.Parallel()
	ready, stop := serve(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"))
	defer stop(syscall.SIGTERM)
	cmd := throng(t, "bench", "broadcast", "ws://"+ready["listen"].(string)+"/ws", "--connections", "20", "--duration", "1h", "--no-floor")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	agents := childrenOf(t, cmd.Process.Pid)
	testkit.Eventually(t, "publications of its clients", func() bool {
		resp, err := http.Get("http://" + ready["admin"].(string) + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nthrong_messages_total ") && !strings.Contains(string(text), "\nthrong_messages_total 0\n")
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the bench ended without an error")
	}
	testkit.Eventually(t, "the end of its agents", func() bool {
		for _, pid := range agents {
			if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(state), ") Z ") {
				return false
			}
		}
		return true
	})
}

// childrenOf waits until a process has started others, and returns their IDs.
func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	testkit.Eventually(t, "the children of a process", func() bool {
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		if err != nil || len(lists) == 0 {
			t.Skip("no list of children in this /proc")
		}
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if err != nil {
				continue // the thread has ended
			}
			for _, word := range strings.Fields(string(text)) {
				var child int
				if _, err := fmt.Sscan(word, &child); err != nil {
					t.Fatal(err)
				}
				children = append(children, child)
			}
		}
		return len(children) > 0
	})
	return children
}

// A client with a twentieth of a CPU detects that it is the bottleneck.
func TestAThrottledClientIsClientLimited(t *testing.T) {
	t.Parallel()
	ready, stop := serve(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off"))
	defer stop(syscall.SIGTERM)
	cmd := throng(t, "bench", "broadcast", "ws://"+ready["listen"].(string)+"/ws", "--connections", "50", "--rate", "50", "--duration", "4s", "--no-floor")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var holding sync.WaitGroup
	for _, agent := range childrenOf(t, cmd.Process.Pid) {
		holding.Go(func() {
			defer func() { _ = syscall.Kill(agent, syscall.SIGCONT) }() // it may have ended
			for {
				for signal, pause := range map[syscall.Signal]time.Duration{syscall.SIGSTOP: 95 * time.Millisecond, syscall.SIGCONT: 5 * time.Millisecond} {
					_ = syscall.Kill(agent, signal)
					select {
					case <-time.After(pause):
					case <-ended:
						return
					}
				}
			}
		})
	}
	err := cmd.Wait()
	close(ended)
	holding.Wait()
	if cmd.ProcessState.ExitCode() != exitInvalid || !strings.HasPrefix(stdout.String(), result.Limited) || !strings.Contains(stdout.String(), "send delay") {
		t.Errorf("got %v: %s", err, stdout.String())
	}
}

func TestBoundsGiveTheExitCode(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := outcome(t, throng(t, "bench", "connect", "--connections", "20", "--no-floor", "--fail", "failed==0", "--fail", "connects/s>1T"))
	if code == exitThreshold {
		t.Fatalf("got exit %d for a bound that cannot be read", code)
	}
	if code != exitUsage {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = outcome(t, throng(t, "bench", "connect", "--connections", "20", "--no-floor", "--fail", "failed==0", "--fail", "connects/s>1000M"))
	if code != exitThreshold || !strings.Contains(stderr, "connects/s>1000M does not hold") || !strings.Contains(stdout, "failed==0 holds: 0") {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
}

func TestAPlanIsCheckedBeforeItRuns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, plan, says string }{
		{"nothing", "", "stage: missing"},
		{"no scenario", "[[stage]]\nrate = 3\n", "stage 1: scenario must be one of"},
		{"an unknown scenario", "[[stage]]\nscenario = \"connect\"\n[[stage]]\nscenario = \"dance\"\n", "stage 2"},
		{"an unknown key", "[[stage]]\nscenario = \"connect\"\nconections = 3\n", "--conections"},
		{"a bad value", "[[stage]]\nscenario = \"connect\"\nconnections = \"many\"\n", "stage 1"},
		{"a table", "[[stage]]\nscenario = \"connect\"\nconnections = { a = 1 }\n", "stage 1: connections: must be"},
		{"another key", "speed = 3\n", "must have only [[stage]] tables"},
		{"no TOML", "[[stage\n", "toml"},
		{"a stage that runs plans", "[[stage]]\nscenario = \"run\"\n", "stage 1: scenario must be one of"},
	} {
		file := filepath.Join(t.TempDir(), "plan.toml")
		if err := os.WriteFile(file, []byte(tt.plan), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := outcome(t, throng(t, "bench", "run", file))
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: got exit %d: %s%s; want %d and %q", tt.name, code, stdout, stderr, exitUsage, tt.says)
		}
	}
}

func TestAPlanRunsAllStages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plan := `
[[stage]]
scenario = "connect"
connections = 10
no-floor = true
fail = ["failed==0", "connects/s>1000M"]

[[stage]]
scenario = "broadcast"
connections = 10
duration = "1s"
warmup = "100ms"
no-floor = true
out = "` + filepath.Join(dir, "two.json") + `"
csv = "` + filepath.Join(dir, "two.csv") + `"
label = "two"
`
	file := filepath.Join(dir, "plan.toml")
	if err := os.WriteFile(file, []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := outcome(t, throng(t, "bench", "run", file))
	if code != exitThreshold || !strings.Contains(stderr, "stage 1: connects/s>1000M does not hold") || !strings.Contains(stderr, "stage 2 of 2") {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "two.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r result.Result
	if err := json.Unmarshal(text, &r); err != nil || r.Label != "two" || r.Connect.Opened != 10 || r.Delivery.Got == 0 {
		t.Errorf("got %v, %+v", err, r)
	}
	if table, err := os.ReadFile(filepath.Join(dir, "two.csv")); err != nil || !strings.HasPrefix(string(table), "t_s,") {
		t.Errorf("got %q, %v", table, err)
	}
	// What was written is read again by the tools.
	two := filepath.Join(dir, "two.json")
	for _, args := range [][]string{{"bench", "report", two}, {"bench", "compare", two, two}, {"bench", "report", two, "--hgrm", filepath.Join(dir, "two.hgrm")}} {
		if code, _, stderr := outcome(t, throng(t, args...)); code != 0 {
			t.Errorf("%v: got exit %d: %s", args[:2], code, stderr)
		}
	}
}

func TestAResultIsPrintedIfAFileCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "here.json")
	code, stdout, stderr := outcome(t, throng(t, "bench", "connect", "--connections", "10", "--no-floor", "--csv", filepath.Join(dir, "no", "such.csv"), "--out", file))
	if code != exitFailed || !strings.Contains(stdout, "10 of 10") || !strings.Contains(stderr, "such.csv") {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	// A report that cannot be made leaves no half of one behind.
	if err := os.WriteFile(file, []byte(`{"schema":"bench/1","latency":{"each":{"hdr":"nonsense"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page.html")
	if code, _, _ := outcome(t, throng(t, "bench", "report", file, "--html", page)); code != exitFailed {
		t.Errorf("got exit %d, want %d", code, exitFailed)
	}
	if _, err := os.Stat(page); err == nil {
		t.Error("a page was left behind")
	}
}

func TestDoctorReportsLowLimits(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := outcome(t, throng(t, "doctor", "--connections", "90000000"))
	if code != exitWillStop || !strings.HasPrefix(stdout, "STOP: ") || !strings.Contains(stderr, "cannot hold the connections") {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = outcome(t, throng(t, "doctor", "--connections", "10", "--json"))
	var report struct {
		Schema string
		OK     bool
		Checks []struct{ Name, Grade string }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 || report.Schema != "doctor/1" || !report.OK || len(report.Checks) < 8 {
		t.Errorf("got exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if code, _, _ := outcome(t, throng(t, "doctor", "--connections", "0")); code != exitUsage {
		t.Errorf("got exit %d, want %d", code, exitUsage)
	}
}

func TestAShareIsAPercentageOrAFraction(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]share{"5%": 0.05, "0.05": 0.05, "100%": 1, "0": 0} {
		var got share
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "five", "5 %%"} {
		var got share
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
	code, _, stderr := outcome(t, throng(t, "bench", "storm", "--kill", "150%"))
	if code != exitUsage || !strings.Contains(stderr, "kill = 1.5") {
		t.Errorf("got exit %d: %s", code, stderr)
	}
}

func TestARampIsANumberPerSecond(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]perSecond{"1000/s": 1000, "1000": 1000, "1/s": 1} {
		var got perSecond
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "/s", "0", "0/s", "-5/s", "1000/m", "1.5/s", "1000 /s", "fast"} {
		var got perSecond
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestABMeasuresInPairs(t *testing.T) {
	t.Parallel()
	command := asThrong + "=1 " + os.Args[0] + " serve --listen {{address}} --admin off --rate 0"
	code, stdout, stderr := outcome(t, throng(t, "bench", "ab", "--a", "env "+command, "--b", "env "+command, "--pairs", "2", "--connections", "20",
		"--duration", "500ms", "--warmup", "0s"))
	if code != 0 || !strings.Contains(stdout, "cpu/delivery") || strings.Count(stderr, "pair ") != 4 {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
	code, _, stderr = outcome(t, throng(t, "bench", "ab", "--a", "serve", "--b", "serve", "--pairs", "1"))
	if code != exitUsage || !strings.Contains(stderr, "{{address}}") || !strings.Contains(stderr, "pairs = 1") {
		t.Errorf("got exit %d: %s", code, stderr)
	}
	// It ends with no result that could be kept, or held to a bound.
	for _, flag := range []string{"--fail=p99<50ms", "--out=x.json", "--html=x.html", "--csv=x.csv", "--json", "--label=x", "--no-floor"} {
		if code, _, stderr := outcome(t, throng(t, "bench", "ab", "--a", "ws://127.0.0.1:1", "--b", "ws://127.0.0.1:1", flag)); code != exitUsage || !strings.Contains(stderr, "unknown flag") {
			t.Errorf("%s: got exit %d: %s", flag, code, stderr)
		}
	}
}

// ab uses the path of the protocol for a server that it starts. At /ws, SDK clients would receive their own frames as messages.
func TestABMeasuresAtThePathOfTheProtocol(t *testing.T) {
	t.Setenv(asThrong, "1") // the server and the agents are this program
	for protocol, path := range map[string]string{"plain": "/ws", "centrifugo": "/connection/websocket"} {
		c := &abCmd{}
		c.Protocol, c.Warmup, c.Drain, c.DialTimeout = protocol, "0s", time.Second, 10*time.Second
		connections, rate, duration := 10, 10, 500*time.Millisecond
		c.Connections, c.Rate, c.Duration = &connections, &rate, &duration
		cfg, err := c.config("broadcast")
		if err := errors.Join(err, c.messages.apply(&cfg)); err != nil {
			t.Fatal(err)
		}
		cfg.Floor = false
		r, err := c.one(t.Context(), cfg, os.Args[0]+" serve --listen {{address}} --admin off --rate 0")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(r.Target.URL, path) || r.Delivery.Got == 0 {
			t.Errorf("%s: got %d deliveries of %s, want some of %s", protocol, r.Delivery.Got, r.Target.URL, path)
		}
	}
}

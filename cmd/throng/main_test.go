package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// asThrong is the environment variable that makes this test program the throng command.
const asThrong = "TEST_IS_THRONG"

func TestMain(m *testing.M) {
	if os.Getenv(asThrong) != "" {
		os.Exit(run(os.Args[1:]))
	}
	waitTogether()
	os.Exit(m.Run())
}

// waitTogether runs more parallel tests at once than there are cores, because most of them wait for processes. -parallel overrides it.
func waitTogether() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", fmt.Sprint(4*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
}

func throng(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), asThrong+"=1", "HOME="+cmd.Dir, "XDG_CONFIG_HOME="+cmd.Dir)
	return cmd
}

// outcome runs a command to its end.
func outcome(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if cause := cmd.Run(); cause != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(cause, &exit) {
			t.Fatal(cause)
		}
	}
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		args   []string
		env    []string
		config string // written to ./throng.toml
		code   int
		says   []string
		not    []string
	}{
		{
			name: "the version",
			args: []string{"version"},
			says: []string{"throng " + version},
		},
		{
			name: "the version by a flag",
			args: []string{"--version"},
			says: []string{"throng " + version},
		},
		{
			name: "the version with the modules",
			args: []string{"version", "--modules"},
			says: []string{"throng " + version, "commit", runtime.Version(), "github.com/lesismal/nbio v1."},
		},
		{
			name: "no command",
			code: exitUsage,
			says: []string{"Usage: throng <command>", "Run the chat server.", "bench chat", "command: missing"},
		},
		{
			name: "help",
			args: []string{"help"},
			says: []string{"Usage: throng <command>", "Run the chat server.", "--version"},
		},
		{
			name: "help of a command",
			args: []string{"help", "bench", "broadcast"},
			says: []string{"Usage: throng bench broadcast", "--rate"},
		},
		{
			name: "help of no command",
			args: []string{"help", "serv"},
			code: exitUsage,
			says: []string{"serv"},
		},
		{
			name: "a negative number for a flag",
			args: []string{"bench", "--connections", "-5"},
			code: exitUsage,
			says: []string{"connections = -5: must be 1 to 1000000"},
			not:  []string{"perhaps", "talk"},
		},
		{
			name: "a negative number for a flag of the server",
			args: []string{"serve", "--rate", "-5"},
			code: exitUsage,
			says: []string{"rate = -5: must be 1 to 1000000 messages a second"},
		},
		{
			name: "a machine for one connection",
			args: []string{"doctor", "--connections", "1"},
			says: []string{"can hold 1 connection"},
			not:  []string{"1 connections"},
		},
		{
			name: "no config is needed",
			args: []string{"serve", "--check"},
			says: []string{"ok: no file (searched ./throng.toml, "},
		},
		{
			name:   "a config file is found",
			args:   []string{"serve", "--check"},
			config: "ping-interval = \"20s\"\norigin = [\"null\", \"https://a.example\"]\nrate = 50\nmax-message = \"32KiB\"\n",
			says:   []string{"ok: ./throng.toml"},
		},
		{
			name: "a misspelt flag",
			args: []string{"serve", "--lisen", ":1"},
			code: exitUsage,
			says: []string{"--lisen", `did you mean "--listen"`},
		},
		{
			name: "a misspelt variable",
			args: []string{"serve", "--check"},
			env:  []string{"THRONG_LISTN=:1"},
			code: exitUsage,
			says: []string{"environment THRONG_LISTN: no such setting; nearest: THRONG_LISTEN"},
		},
		{
			name: "a variable that is like none",
			args: []string{"serve", "--check"},
			env:  []string{"THRONG_PORT=1"},
			code: exitUsage,
			says: []string{"environment THRONG_PORT: no such setting; no similar name"},
		},
		{
			name: "a secret for webhooks without a url",
			args: []string{"serve", "--check"},
			env:  []string{"THRONG_WEBHOOK_SECRET=0123456789abcdef"},
			code: exitUsage,
			says: []string{"environment THRONG_WEBHOOK_SECRET: webhooks.secret: needs webhooks.url"},
		},
		{
			name: "a variable of another command",
			args: []string{"serve", "--check"},
			env:  []string{"THRONG_BENCH_TOKEN=0123456789abcdef"},
			says: []string{"ok: "},
		},
		{
			name:   "every mistake of a config file, by line",
			args:   []string{"serve", "--check"},
			config: "lisen = \":1\"\n\nrate = \"many\"\n[ping]\ninterval = \"1s\"\n",
			code:   exitUsage,
			says: []string{
				"throng.toml:1:1: lisen: no such key; nearest: listen",
				"throng.toml:3:1: rate = \"many\": must be a whole number",
				"throng.toml:4:2: ping: no such key",
			},
		},
		{
			name:   "no TOML",
			args:   []string{"serve", "--check"},
			config: "listen 1\n",
			code:   exitUsage,
			says:   []string{"throng.toml:1:"},
		},
		{
			name: "a config file that is not there",
			args: []string{"serve", "--check", "--config", "nowhere.toml"},
			code: exitUsage,
			says: []string{"nowhere.toml", "no such file"},
		},
		{
			name: "all bad values at once",
			args: []string{"serve", "--listen", "here", "--ping-timeout", "1ms", "--origin", "example.org", "--max-unsent", "1KiB"},
			code: exitUsage,
			says: []string{`listen = "here"`, "ping-timeout = 1ms", `origin = "example.org"`, "max-unsent = 1024"},
		},
		{
			name: "a size that is none",
			args: []string{"serve", "--max-message", "lots"},
			code: exitUsage,
			says: []string{`"lots" is not a size: must be a number of bytes, or a size such as 64KiB or 1MiB`},
		},
		{
			name: "more connections than open files",
			args: []string{"serve", "--listen", "127.0.0.1:0", "--admin", "off", "--max-connections", "1000000000"},
			code: exitFailed,
			says: []string{"max-connections = 1000000000", "raise ulimit -n"},
		},
		{
			name: "more connections than open files, checked",
			args: []string{"serve", "--check", "--max-connections", "1000000000"},
			code: exitFailed,
			says: []string{"max-connections = 1000000000", "raise ulimit -n"},
		},
		{
			name: "a bench without a server",
			args: []string{"bench", "ws://127.0.0.1:9/ws", "--duration", "1s"},
			code: exitFailed,
			says: []string{"refused"},
		},
		{
			name: "a bench of nothing",
			args: []string{"bench", "ftp://127.0.0.1:9/ws"},
			code: exitUsage,
			says: []string{"ftp://127.0.0.1:9/ws"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := throng(t, tt.args...)
			cmd.Env = append(cmd.Env, tt.env...)
			if tt.config != "" {
				if err := os.WriteFile(filepath.Join(cmd.Dir, "throng.toml"), []byte(tt.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, stdout, stderr := outcome(t, cmd)
			if code != tt.code {
				t.Errorf("got exit %d, want %d", code, tt.code)
			}
			for _, want := range tt.says {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("got %q, want it to say %q", stdout+stderr, want)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(stdout+stderr, not) {
					t.Errorf("got %q, want it not to say %q", stdout+stderr, not)
				}
			}
		})
	}
}

// Flags take precedence over the environment, and the environment over the file.
func TestPrecedenceOfSettings(t *testing.T) {
	t.Parallel()
	cmd := throng(t, "serve", "--admin", "off", "--rate", "7")
	cmd.Env = append(cmd.Env, "THRONG_RATE=6", "THRONG_MAX_UNSENT=1MiB", "THRONG_LISTEN=127.0.0.1:0")
	if err := os.WriteFile(filepath.Join(cmd.Dir, "throng.toml"), []byte("rate = 5\nmax-unsent = \"2MiB\"\nmax-message = 1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ready, stop := serve(t, cmd)
	for key, want := range map[string]any{"rate": 7.0, "max_unsent": float64(1 << 20), "max_message": 1000.0, "admin": "off"} {
		if ready[key] != want {
			t.Errorf("%s: got %v, want %v", key, ready[key], want)
		}
	}
	if code := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("got exit %d, want 0", code)
	}
}

// serve starts a server and returns its ready line. stop ends it by signals and returns its exit code.
func serve(t *testing.T, cmd *exec.Cmd) (ready map[string]any, stop func(...os.Signal) int) {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var exited bool
	stopping := make(chan struct{}) // closed by the log line of the stop
	stop = func(signals ...os.Signal) int {
		for i, s := range signals {
			if i > 0 {
				// The kernel merges pending signals of one kind: the next one is sent when the log shows the effect of the first.
				select {
				case <-stopping:
				case <-time.After(time.Minute):
					t.Error("the server does not stop at the first signal")
				}
			}
			if err := cmd.Process.Signal(s); err != nil {
				t.Error(err)
			}
		}
		exited = true
		if err := cmd.Wait(); err != nil {
			t.Logf("throng: %v", err)
		}
		return cmd.ProcessState.ExitCode()
	}
	t.Cleanup(func() {
		if !exited {
			stop(os.Kill)
		}
	})
	// JSON, a line an event, as stderr is no terminal.
	lines := json.NewDecoder(out)
	for ready == nil || ready["msg"] == "durable rooms are available" || ready["level"] == "ERROR" { // these lines are before or after ready
		ready = nil
		if err := lines.Decode(&ready); err != nil {
			t.Fatal(err)
		}
	}
	if ready["msg"] != "ready" {
		t.Fatalf("got %v, want ready first", ready)
	}
	go func() {
		for {
			var line struct{ Msg string }
			if lines.Decode(&line) != nil {
				break // the end, or a panic
			}
			if strings.HasPrefix(line.Msg, "stopping: ") {
				close(stopping)
			}
		}
		_, _ = io.Copy(io.Discard, out) // an error means that the process has ended
	}()
	return ready, stop
}

func TestAPortInUseIsReportedInOneLine(t *testing.T) {
	t.Parallel()
	ready, stop := serve(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off"))
	defer stop(syscall.SIGTERM)
	address := ready["listen"].(string)
	code, _, stderr := outcome(t, throng(t, "serve", "--listen", address, "--admin", "off"))
	if code != exitInUse {
		t.Errorf("got exit %d, want %d", code, exitInUse)
	}
	if want := fmt.Sprintf("throng: cannot listen on %s: address already in use", address); !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("got %q, want one line that begins %q", stderr, want)
	}
}

// Another process may take the port while the server reads what is stored: the error of its Run has the same exit code as that of its start.
func TestAPortTakenDuringTheStartHasTheExitCodeOfAPortInUse(t *testing.T) {
	t.Parallel()
	err := inUse(fmt.Errorf("listen on 127.0.0.1:3000: %w", os.NewSyscallError("listen", syscall.EADDRINUSE)))
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != exitInUse || !strings.Contains(err.Error(), "127.0.0.1:3000") || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v, want the exit code %d, the address and what to do", err, exitInUse)
	}
}

// The storage engine would only log that the port of the nodes is in use, and try again without end.
func TestAClusterPortInUseIsReportedInOneLine(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	address := other.Addr().String()
	code, _, stderr := outcome(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--cluster", "chat", "--node", "a",
		"--data", filepath.Join(t.TempDir(), "a"), "--cluster-secret-file", written(t, strings.Repeat("s", 32)),
		"--cluster-listen", address, "--peers", address+",127.0.0.1:1,127.0.0.1:2"))
	if code != exitInUse {
		t.Errorf("got exit %d, want %d", code, exitInUse)
	}
	if want := fmt.Sprintf("throng: cannot listen on %s: address already in use", address); !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("got %q, want one line that begins %q", stderr, want)
	}
}

func TestASecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	ready, stop := serve(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--drain", "1h"))
	// A client that never answers the close holds the drain for two seconds at least.
	conn, err := net.Dial("tcp", ready["listen"].(string))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var answer [256]byte
	if _, err := conn.Read(answer[:]); err != nil {
		t.Fatal(err)
	}
	// A drain that went to its end, after two seconds, would exit with 0.
	if code := stop(os.Interrupt, os.Interrupt); code != exitFailed {
		t.Errorf("got exit %d, want %d", code, exitFailed)
	}
}

func TestBenchStartsItsOwnServer(t *testing.T) {
	for _, scenario := range []string{"chat", "echo", "idle", "storm", "slow", "connect", "floor"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			args := []string{"bench", scenario, "--connections", "50", "--json"}
			if scenario != "connect" {
				args = append(args, "--duration", "1500ms", "--rate", "50")
			}
			code, stdout, stderr := outcome(t, throng(t, args...))
			if code != 0 && code != exitInvalid { // on a busy machine the client may be the limit
				t.Fatalf("got exit %d: %s%s", code, stderr, stdout)
			}
			r, err := result.Read(strings.NewReader(stdout))
			if err != nil {
				t.Fatalf("got %q: %v", stdout, err)
			}
			if r.Connect.Opened != 50 || r.Delivery.Any() || r.Delivery.Closed > 0 {
				t.Errorf("got %d connections, %+v", r.Connect.Opened, r.Delivery)
			}
			switch s := r.Storm; {
			case scenario == "storm" && (s == nil || s.Killed == 0 || s.Back != s.Killed):
				t.Errorf("got %+v, want some killed, and all of them back", s)
			case scenario == "slow" && (r.Slow == nil || r.Slow.Stopped == 0):
				t.Errorf("got %+v, want some stopped", r.Slow)
			}
		})
	}
}

// Without free descriptors, the server neither uses the CPU nor floods its log. It continues when descriptors are free again.
func TestOutOfOpenFiles(t *testing.T) {
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	cmd := throng(t)
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `ulimit -n 150; exec "$0" serve --listen 127.0.0.1:0 --admin 127.0.0.1:0`, self}
	ready, stop := serve(t, cmd)
	defer stop(syscall.SIGTERM)
	if got := ready["max_connections"]; got != 50.0 {
		t.Errorf("got %v connections at most, want 50 of 150 files", got)
	}
	chat, admin := ready["listen"].(string), ready["admin"].(string)
	open := func(address string, n int) (conns []net.Conn) {
		for range n {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
		}
		return conns
	}
	closeAll := func(conns []net.Conn) {
		for _, c := range conns {
			c.Close()
		}
	}
	before := cpuOf(t, cmd.Process.Pid)
	hogs := append(open(admin, 200), open(chat, 100)...)
	time.Sleep(time.Second) // the time over which the CPU use is measured
	if used := cpuOf(t, cmd.Process.Pid) - before; used > 300*time.Millisecond {
		t.Errorf("used %v of CPU in about a second without files, want almost none", used)
	}
	closeAll(hogs)
	conn := open(chat, 1)[0]
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var answer [12]byte
	if _, err := conn.Read(answer[:]); err != nil || string(answer[:]) != "HTTP/1.1 200" {
		t.Errorf("when files are free again: got %q, %v; want the page", answer, err)
	}
}

// cpuOf returns the CPU time that a process has used.
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("no /proc here")
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks time.Duration
	for _, f := range fields[11:13] {
		var n time.Duration
		if _, err := fmt.Sscan(f, &n); err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return ticks * 10 * time.Millisecond
}

// --check rejects each address that serve cannot listen on, and accepts the others, also one that is in use.
func TestCheckRejectsInvalidAddresses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const format, port, here = "must be host:port", "host:port with a port of 0 to 65535", "an address of this machine"
	for _, tt := range []struct{ listen, admin, says string }{
		{"unix:x.sock", "off", "an absolute path of at most 107 bytes"},
		{"127.0.0.1:0", "unix:/none/x.sock", "create a file in /none"},
		{"unix:/tmp/x.sock", "unix:/tmp/x.sock", "a different path than listen"},
		{"unix:/tmp/x.sock", "unix:/tmp/y.sock", ""},
		{"127.0.0.1:80000", "off", port},
		{"127.0.0.1:-1", "off", port},
		{"127.0.0.1:web chat", "off", port},
		{"127.0.0.1:", "off", "0 selects a free port"},
		{"3000", "off", format},
		{"::1:3000", "off", format},
		{"256.1.1.1:0", "off", here},
		{"192.0.2.1:0", "off", here}, // of documents, RFC 5737
		{"127.0.0.1:0", "192.0.2.1:0", here},
		{"127.0.0.1:17999", "127.0.0.1:17999", "a different port than listen"},
		{":17999", "127.0.0.1:17999", "a different port than listen"},
		{"127.0.0.1:0", "127.0.0.1:0", ""},
		{"127.0.0.1:17999", "127.0.0.2:17999", ""},
		{"localhost:0", "off", ""},
		{":0", "off", ""},
		{taken.Addr().String(), "off", ""},
	} {
		code, stdout, stderr := outcome(t, throng(t, "serve", "--check", "--listen", tt.listen, "--admin", tt.admin))
		if refused := code == exitUsage; refused != (tt.says != "") || !refused && code != 0 || !strings.Contains(stderr, tt.says) {
			t.Errorf("listen %q, admin %q: got exit %d, %q; want it to say %q", tt.listen, tt.admin, code, stdout+stderr, tt.says)
		}
		if tt.says == "" {
			continue
		}
		// serve rejects it as well. An allowed address is not tried with serve, because it would keep running.
		if code, _, stderr := outcome(t, throng(t, "serve", "--listen", tt.listen, "--admin", tt.admin)); code == 0 {
			t.Errorf("listen %q, admin %q: serve runs there: %s", tt.listen, tt.admin, stderr)
		}
	}
}

//go:build !race

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/bench/result"
)

// If an agent dies, the measurement until then is not valid, and the result has no verdict.
func TestABenchThatLosesAnAgentHasNoVerdict(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	var once sync.Once
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, m, err := c.Read(q.Context())
			if err != nil || c.Write(q.Context(), kind, m) != nil {
				return
			}
			once.Do(func() { close(heard) })
		}
	}))
	t.Cleanup(srv.Close)
	cmd := throng(t, "bench", "echo", "ws"+strings.TrimPrefix(srv.URL, "http")+"/ws", "--connections", "20", "--duration", "1h", "--agents", "2", "--no-floor", "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, if all is well
	select {
	case <-heard:
	case <-time.After(time.Minute):
		t.Fatal("no message within 20 s")
	}
	if err := syscall.Kill(childrenOf(t, cmd.Process.Pid)[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("got %v: %s", err, stderr.String())
	}
	r, err := result.Read(&stdout)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Verdict; v.Code != result.None || v.OK || len(v.Why) == 0 || !strings.Contains(v.Why[0], "its connection ended") {
		t.Errorf("got %+v, want no verdict, and that an agent ended", v)
	}
}

// Flags that would be ignored, or fail during the run, are rejected before any connection is opened.
func TestInvalidFlagsAreRejectedBeforeABench(t *testing.T) {
	t.Parallel()
	const url = "ws://127.0.0.1:1/ws" // no listener
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"add --protocol json", []string{"broadcast", url, "--publish", "x{{payload}}"}},
		{"connections = 2000000", []string{"ladder", url, "--counts", "10,2000000"}},
		{"connections = 0", []string{"ladder", url, "--counts", "0"}},
	} {
		code, stdout, stderr := outcome(t, throng(t, append([]string{"bench"}, tt.args...)...))
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, tt.says) {
			t.Errorf("%v: got exit %d: %s%s, want %d and %q", tt.args, code, stdout, stderr, exitUsage, tt.says)
		}
	}
}

// A ladder measures the floor of its last step, and a search that of the rate it found.
func TestFindAndLadderMeasureTheFloor(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"ladder", "--rates", "20,40", "--duration", "1s", "--warmup", "0s"},
		{"find", "--from", "20", "--to", "20", "--step", "1s", "--p99", "10s"},
	} {
		code, stdout, stderr := outcome(t, throng(t, append(append([]string{"bench"}, args...), "--connections", "200", "--publishers", "5", "--json")...))
		r, err := result.Read(strings.NewReader(stdout))
		if err != nil {
			t.Fatalf("%s: got exit %d, %v: %s", args[0], code, err, stderr)
		}
		held := -1
		for i, s := range r.Steps {
			if s.Verdict.Code == result.Valid && s.Pass {
				held = i
			}
		}
		switch {
		case held < 0: // a busy machine: nothing was measured
			t.Logf("%s: no step held: %+v", args[0], r.Steps)
		case args[0] == "ladder":
			if f := r.Steps[held].Floor; f == nil || f.PerDelivery <= 0 || f.DeliveryRatio <= 0 {
				t.Errorf("ladder: got the floor %+v of step %d, and the notes %q", f, held, r.Notes)
			}
		case r.Found.Holds > 0:
			if f := r.Floor; f == nil || f.PerDelivery <= 0 || f.DeliveryRatio <= 0 {
				t.Errorf("find: got the floor %+v, and the notes %q", f, r.Notes)
			}
		}
	}
}

// A result may be published.
func TestAResultHasNoSecretsOfTheCommandLine(t *testing.T) {
	args := []string{"bench", "--token", "s1", "--token=s2", "--header", "Authorization: s3", "--header=Cookie: s4", "--connect-token", "s5", "--connect-token=s6", "--rate", "7"}
	want := "bench --token ... --token=... --header ... --header=... --connect-token ... --connect-token=... --rate 7"
	if got := strings.Join(withoutSecrets(args), " "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

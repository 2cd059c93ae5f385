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

// What was measured until an agent died proves nothing, and the result does not say it did.
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
	case <-time.After(20 * time.Second):
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
	if v := r.Verdict; v.Code != result.None || v.OK || len(v.Why) == 0 || !strings.Contains(v.Why[0], "it ended") {
		t.Errorf("got %+v, want no verdict, and that an agent ended", v)
	}
}

// What would be ignored, or found wrong when half of the work is done, is refused before anything is opened.
func TestABenchIsRefusedBeforeItBegins(t *testing.T) {
	t.Parallel()
	const url = "ws://127.0.0.1:1/ws" // nobody listens there
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"want --protocol json", []string{"broadcast", url, "--publish", "x{{payload}}"}},
		{"connections = 2000000", []string{"ladder", url, "--counts", "10,2000000"}},
		{"connections = 0", []string{"ladder", url, "--counts", "0"}},
	} {
		code, stdout, stderr := outcome(t, throng(t, append([]string{"bench"}, tt.args...)...))
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, tt.says) {
			t.Errorf("%v: got exit %d: %s%s, want %d and %q", tt.args, code, stdout, stderr, exitUsage, tt.says)
		}
	}
}

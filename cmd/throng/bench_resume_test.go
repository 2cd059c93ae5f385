//go:build !race

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// keeping runs a throng server with the given keys of its rooms.
func keeping(t *testing.T, keys string) (url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "throng.toml")
	if err := os.WriteFile(file, []byte("[[room]]\npattern = \"*\"\n"+keys), 0o600); err != nil {
		t.Fatal(err)
	}
	ready, stop := serve(t, throng(t, "serve", "--config", file, "--listen", "127.0.0.1:0", "--admin", "off", "--rate", "0"))
	t.Cleanup(func() { stop(syscall.SIGTERM) })
	return "ws://" + ready["listen"].(string)
}

// stormed returns the result of a reconnect storm in which the clients recover missed messages.
func stormed(t *testing.T, url, protocol string) (code int, r *result.Result) {
	t.Helper()
	for duration := 4 * time.Second; ; duration *= 2 { // on a slow machine it takes longer until all are back
		code, stdout, stderr := outcome(t, throng(t, "bench", "storm", url, "--protocol", protocol, "--resume", "--connections", "100",
			"--rate", "100", "--jitter", "500ms", "--duration", duration.String(), "--no-floor", "--json"))
		r, err := result.Read(strings.NewReader(stdout))
		if err != nil {
			t.Fatalf("got exit %d, %v: %s", code, err, stderr)
		}
		if r.Storm.Back == r.Storm.Killed || duration > 30*time.Second {
			return code, r
		}
	}
}

// resuming are the protocols of the bench with recovery.
var resuming = []string{"centrifugo", "centrifugo-protobuf"}

func TestAStormRecoversEverythingInTheHistory(t *testing.T) {
	t.Parallel()
	for _, protocol := range resuming {
		code, r := stormed(t, keeping(t, "history-size = 1000\nhistory-ttl = \"1m\"\nrecovery = true\n"), protocol)
		if code != 0 && code != exitInvalid { // of a busy machine
			t.Errorf("%s: got exit %d, %+v", protocol, code, r.Verdict)
		}
		if s := r.Resume; s.Clients != r.Storm.Killed || s.Clients == 0 || s.Missed != 0 || s.Recovered == 0 {
			t.Errorf("%s: got %+v of %d killed, want all of them with all they missed", protocol, r.Resume, r.Storm.Killed)
		}
		if d := &r.Delivery; d.Any() || d.Expected != 100*r.Sent.Messages || d.Got != d.Expected {
			t.Errorf("%s: got %+v, want %d deliveries", protocol, d, 100*r.Sent.Messages)
		}
	}
}

// If the history is too small, the clients learn that recovery is not possible, and the bench reports it.
func TestAStormReportsUnrecoverableMessages(t *testing.T) {
	t.Parallel()
	for _, protocol := range resuming {
		code, r := stormed(t, keeping(t, "history-size = 1\nhistory-ttl = \"1m\"\nrecovery = true\n"), protocol)
		if code != exitGaps || r.Verdict.Code != result.Gaps || r.Resume.Missed == 0 || !strings.Contains(strings.Join(r.Verdict.Why, "; "), "gaps reported") {
			t.Errorf("%s: got exit %d, %+v, %+v, want clients that missed something", protocol, code, r.Verdict, r.Resume)
		}
		if d, s := &r.Delivery, r.Resume; d.Any() || s.Reported == 0 || d.Got+s.Reported != d.Expected || s.Needed.Messages == 0 || s.Needed.Age == 0 {
			t.Errorf("%s: got %d, %d lost and %+v of %d", protocol, d.Got, d.Lost, s, d.Expected)
		}
	}
}

func TestResumeNeedsRecovery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"resume: protocol plain has no recovery", []string{"storm"}},
		{"resume: no connection leaves", []string{"broadcast", "ws://127.0.0.1:1", "--protocol", "centrifugo"}},
	} {
		code, _, stderr := outcome(t, throng(t, append(append([]string{"bench"}, tt.args...), "--resume")...))
		if code != exitUsage || !strings.Contains(stderr, tt.says) {
			t.Errorf("%v: got exit %d: %s, want %d and %q", tt.args, code, stderr, exitUsage, tt.says)
		}
	}
	for _, protocol := range resuming {
		code, _, stderr := outcome(t, throng(t, "bench", "storm", keeping(t, ""), "--protocol", protocol, "--resume", "--no-floor"))
		if code != exitFailed || !strings.Contains(stderr, "no stream position received") {
			t.Errorf("%s, a room without history: got exit %d: %s", protocol, code, stderr)
		}
	}
}

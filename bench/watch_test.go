package bench

import (
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// On a busy machine the watch may miss a tick. The run's cost is known all the same.
func TestAMissedTickIsInterpolated(t *testing.T) {
	w := &watch{cpu: map[int64]time.Duration{10: time.Second, 13: 1300 * time.Millisecond, 14: 1400 * time.Millisecond, 99: time.Minute}}
	for n, want := range map[int64]time.Duration{10: time.Second, 11: 1100 * time.Millisecond, 12: 1200 * time.Millisecond, 14: 1400 * time.Millisecond} {
		if got, ok := w.at(n); !ok || got != want {
			t.Errorf("tick %d: got %v, %v, want %v", n, got, ok, want)
		}
	}
	for _, n := range []int64{9, 15, 60, 100} {
		if got, ok := w.at(n); ok {
			t.Errorf("tick %d: got %v without a reading", n, got)
		}
	}
}

// The run's cost is known also if the watch gets no CPU time at the end.
func TestALateWatchKnowsTheEnd(t *testing.T) {
	end := agent.Now()/agent.TickEvery - 1
	w := &watch{pids: []int{os.Getpid()}, cpu: map[int64]time.Duration{end - 2: 0}, result: &result.Result{}}
	w.loaded()
	if used, ok := w.at(end); !ok || used <= 0 {
		t.Errorf("got %v, %v at the last tick of the run, want the used CPU time", used, ok)
	}
}

// The usage of a server and of its proxy is added up. The result names the first process.
func TestTheUsageOfSeveralProcessesIsAddedUp(t *testing.T) {
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	here := []agent.Target{{Address: netip.MustParseAddrPort("127.0.0.1:1")}}
	r := &result.Result{}
	w, err := newWatch(&Config{PIDs: []int{other.Process.Pid, os.Getpid()}}, here, r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.stop()
	if r.Target.PID != other.Process.Pid || !strings.HasPrefix(r.Target.Command, "sleep") {
		t.Errorf("got %+v, want the first process", r.Target)
	}
	own, err := observe.Read(os.Getpid(), false)
	if err != nil {
		t.Fatal(err)
	}
	// This process has used some CPU time, and the other one next to none.
	if all := w.read(false); !slices.Equal(w.pids, []int{other.Process.Pid, os.Getpid()}) || all.CPU < own.CPU || own.CPU == 0 {
		t.Errorf("got %+v of %v, want %+v at least", all, w.pids, own)
	}
}

func TestEachProcessOfAServerMustBeVisible(t *testing.T) {
	here := []agent.Target{{Address: netip.MustParseAddrPort("127.0.0.1:1")}}
	if _, err := newWatch(&Config{PIDs: []int{os.Getpid(), 1<<31 - 1}}, here, &result.Result{}); err == nil || !strings.Contains(err.Error(), "pid: ") {
		t.Errorf("got %v, want an error about the second process", err)
	}
}

func TestEachProcessIsNamedOnce(t *testing.T) {
	cfg := testConfig("ws://127.0.0.1:1")
	for _, pids := range [][]int{{0}, {-1}, {5, 5}, {5, 6, 5}} {
		cfg.PIDs = pids
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "pid") {
			t.Errorf("%v: got %v", pids, err)
		}
	}
	if cfg.PIDs = []int{5, 6}; cfg.Validate() != nil {
		t.Errorf("%v: got %v", cfg.PIDs, cfg.Validate())
	}
}

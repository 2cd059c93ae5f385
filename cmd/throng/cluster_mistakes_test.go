package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/cluster"
)

// Mistakes of an operator with the third node of a cluster: a name that is in use, another secret. The other two go on, both sides name the fault, and the
// node joins when it is mended.
func TestAMistakeWithANodeIsNamedAndDisturbsNobody(t *testing.T) {
	t.Parallel()
	p := startProcesses(t)
	n := 0
	publish := func() {
		t.Helper()
		for by := range 2 {
			n++
			for _, room := range []string{"d:1", "m:1"} {
				p.publish(by, room, n)
			}
		}
	}
	publish()
	p.stop(2, syscall.SIGTERM)
	right := p.args[2]
	with := func(flag, value string) (args []string) {
		args = append(args, right...)
		for i := range args {
			if args[i] == flag {
				args[i+1] = value
			}
		}
		return args
	}

	dir := filepath.Join(t.TempDir(), "second")
	p.args[2] = append(with("--node", "a"), "--data", dir)
	code, stderr := p.ends(2)
	if want := fmt.Sprintf(`throng: node = "a": the node a of the cluster test is in use by the process at 127.0.0.1:%d: `, p.ports[0]); code != exitInUse || !strings.HasPrefix(stderr, want) {
		t.Errorf("a name that is in use: got exit %d and\n%s\nwant %d and %q", code, stderr, exitInUse, want)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its data directory: got %v, want none", err)
	}
	publish()

	p.args[2] = append(with("--peers", right[slices.Index(right, "--peers")+1]+fmt.Sprintf(",127.0.0.1:0%d", p.ports[2])), "--data", dir)
	if code, stderr := p.ends(2); code != exitUsage || !strings.Contains(stderr, "is in it twice") {
		t.Errorf("an address twice in peers: got exit %d and\n%s\nwant %d", code, stderr, exitUsage)
	}

	p.args[2] = append(with("--cluster-secret-file", written(t, "another secret of the tests")), "--data", dir)
	p.start(2)
	fault := "its cluster secret differs"
	p.awaitFault(0, fmt.Sprintf("peer 127.0.0.1:%d: %s", p.ports[2], fault))
	p.awaitFault(2, fmt.Sprintf("peer 127.0.0.1:%d: %s", p.ports[0], fault))
	if why := p.status(2).Why; !strings.Contains(why, "waiting for a majority of the nodes: 1 of 3 run; peer") || !strings.Contains(why, fault) {
		t.Errorf("another secret: got %q, want the fault behind what it waits for", why)
	}
	publish()
	p.stop(2, syscall.SIGKILL)
	if lines := p.logs[2].String(); strings.Count(lines, `"error":"`+fault) != 2 || strings.Count(lines, "\n") > 30 {
		t.Errorf("another secret: got the log\n%swant a line for each of the two peers, and 30 lines at most", lines)
	}

	p.args[2] = right
	p.start(2)
	p.awaitReady(2)
	for i := range p.nodes {
		p.check(i, "d:1", n)
		p.check(i, "m:1", n)
	}
	faults := p.status(0).Faults
	for end := time.Now().Add(time.Minute); len(faults) > 0 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		faults = p.status(0).Faults
	}
	if len(faults) > 0 {
		t.Errorf("after all is mended: got the faults %q", faults)
	}
}

// ends starts a node that is to end by itself, and returns its exit code and what it printed.
func (p *processes) ends(i int) (code int, stderr string) {
	p.t.Helper()
	p.start(i)
	late := time.AfterFunc(time.Minute, func() {
		if err := p.nodes[i].Process.Kill(); err != nil {
			p.t.Log(err)
		}
	})
	defer late.Stop()
	if err := p.nodes[i].Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		p.t.Fatal(err)
	}
	return p.nodes[i].ProcessState.ExitCode(), p.logs[i].String()
}

// status returns what a node knows; nothing if it does not answer.
func (p *processes) status(i int) (s cluster.Status) {
	p.t.Helper()
	r, err := http.Get(p.admin(i) + "/cluster")
	if err != nil {
		return s
	}
	defer r.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil || json.Unmarshal(b.Bytes(), &s) != nil {
		return cluster.Status{}
	}
	return s
}

// awaitFault waits until the status of a node has a fault.
func (p *processes) awaitFault(i int, fault string) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		s := p.status(i)
		if strings.Contains(strings.Join(s.Faults, "\n"), fault) {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("node %d: got %+v, want the fault %q", i, s, fault)
		}
	}
}

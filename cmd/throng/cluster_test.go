package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/testkit"
)

const clusterConfig = `guests = "on"
[api]
key = "the-key-of-the-cluster-tests"
[[room]]
pattern = "d:*"
history-size = 10000
history-ttl = "1h"
recovery = true
durable = true
[[room]]
pattern = "m:*"
history-size = 10000
history-ttl = "1h"
recovery = true
`

// processes is a cluster of three processes.
type processes struct {
	t     *testing.T
	args  [][]string
	nodes [3]*exec.Cmd
	logs  [3]*bytes.Buffer
	ports []int
}

// startProcesses starts three nodes and waits until they accept publications.
func startProcesses(t *testing.T) *processes {
	t.Helper()
	return startProcessesOn(t, t.TempDir())
}

// startProcessesOn is startProcesses with the data directories a, b and c of dir.
func startProcessesOn(t *testing.T, dir string) *processes {
	t.Helper()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("a secret of the tests\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &processes{t: t, ports: testkit.Ports(t, 9)}
	peers := fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", p.ports[0], p.ports[1], p.ports[2])
	config := written(t, clusterConfig)
	for i, name := range []string{"a", "b", "c"} {
		p.args = append(p.args, []string{
			"serve", "--config", config, "--cluster", "test", "--node", name, "--data", filepath.Join(dir, name), "--peers", peers,
			"--cluster-listen", fmt.Sprint("127.0.0.1:", p.ports[i]), "--cluster-secret-file", secret,
			"--listen", fmt.Sprint("127.0.0.1:", p.ports[3+i]), "--admin", fmt.Sprint("127.0.0.1:", p.ports[6+i]), "--drain", "2s",
		})
		p.start(i)
	}
	t.Cleanup(func() {
		for i, cmd := range p.nodes {
			if cmd.ProcessState == nil {
				p.stop(i, syscall.SIGKILL)
			}
			if t.Failed() {
				t.Logf("node %d:\n%s", i, p.logs[i])
			}
		}
	})
	for i := range p.nodes {
		p.awaitReady(i)
	}
	return p
}

func (p *processes) start(i int) {
	p.t.Helper()
	p.nodes[i], p.logs[i] = throng(p.t, p.args[i]...), &bytes.Buffer{}
	p.nodes[i].Stderr = p.logs[i]
	if err := p.nodes[i].Start(); err != nil {
		p.t.Fatal(err)
	}
}

// stop sends a signal and waits for the end of the process.
func (p *processes) stop(i int, s syscall.Signal) {
	p.t.Helper()
	if err := p.nodes[i].Process.Signal(s); err != nil {
		p.t.Error(err)
	}
	if err := p.nodes[i].Wait(); err != nil && s == syscall.SIGTERM {
		p.t.Errorf("node %d: %v", i, err)
	}
}

func (p *processes) admin(i int) string { return fmt.Sprint("http://127.0.0.1:", p.ports[6+i]) }

func (p *processes) awaitReady(i int) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get(p.admin(i) + "/readyz"); err == nil {
			b, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err == nil && strings.Contains(string(b), "ready") {
				return
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("node %d is not ready after a minute:\n%s", i, p.logs[i])
		}
	}
}

// owner returns the node that owns the log of a room, by what node i knows.
func (p *processes) owner(i int, room string) int {
	p.t.Helper()
	r, err := http.Get(p.admin(i) + "/cluster")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	var s cluster.Status
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil || len(s.Logs) == 0 {
		p.t.Fatalf("got %+v, %v; want the logs", s, err)
	}
	log := len(s.Logs) - 1 // that of rooms in memory
	if strings.HasPrefix(room, "d:") {
		log = record.LogOf(room, log)
	}
	if s.Logs[log].Owner == "" {
		p.t.Fatalf("got %+v, want an owner of the log of %s", s, room)
	}
	return int(s.Logs[log].Owner[0] - 'a')
}

// call calls a method of the API of a node.
func (p *processes) call(i int, method, params string) (answer string, err error) {
	request, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/api/%s", p.ports[3+i], method), strings.NewReader(params))
	if err != nil {
		return "", err
	}
	request.Header.Set("X-API-Key", "the-key-of-the-cluster-tests")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(b)), err
}

// publish publishes the number n in a room by node i, again until it is acknowledged, and checks its offset.
func (p *processes) publish(i int, room string, n int) {
	p.t.Helper()
	params := fmt.Sprintf(`{"channel":%q,"data":%d,"idempotency_key":"k%d"}`, room, n, n)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		answer, err := p.call(i, "publish", params)
		if err == nil && strings.Contains(answer, fmt.Sprintf(`"offset":%d,`, n)) {
			return
		}
		if err == nil && strings.Contains(answer, `"offset"`) || time.Now().After(deadline) {
			p.t.Fatalf("publication %d in %s: got %s, %v", n, room, answer, err)
		}
	}
}

// check checks that a room has the numbers 1 to n, at these offsets, on node i.
func (p *processes) check(i int, room string, n int) {
	p.t.Helper()
	for from := 0; from < n; {
		answer, err := p.call(i, "history", fmt.Sprintf(`{"channel":%q,"limit":300,"since":{"offset":%d}}`, room, from))
		var page struct {
			Result struct {
				Publications []struct{ Data, Offset int }
			}
		}
		if err == nil {
			err = json.Unmarshal([]byte(answer), &page)
		}
		if err != nil || len(page.Result.Publications) == 0 {
			p.t.Fatalf("node %d, %s behind %d of %d: got %.200s, %v", i, room, from, n, answer, err)
		}
		for _, pub := range page.Result.Publications {
			if from++; pub.Data != from || pub.Offset != from {
				p.t.Fatalf("node %d, %s: got %d at offset %d, want %d", i, room, pub.Data, pub.Offset, from)
			}
		}
	}
}

// Publications that were acknowledged survive kill -9 of the owner of their log, at their offsets, once; the node catches up after a restart. A
// graceful stop of the next owner loses nothing either.
func TestAKilledNodeLosesNothing(t *testing.T) {
	t.Parallel()
	p := startProcesses(t)
	n := 0
	rooms := []string{"d:1", "m:1"}
	publish := func(by, count int) {
		t.Helper()
		for range count {
			n++
			for _, room := range rooms {
				p.publish(by, room, n)
			}
		}
	}
	publish(0, 20)
	publish(1, 20)
	publish(2, 20)
	killed := p.owner(0, rooms[0])
	p.stop(killed, syscall.SIGKILL)
	publish((killed+1)%3, 50)
	publish((killed+2)%3, 50)
	p.start(killed)
	p.awaitReady(killed)
	publish(killed, 20)
	for i := range p.nodes {
		for _, room := range rooms {
			p.check(i, room, n)
		}
	}
	stopped := p.owner(0, rooms[0])
	p.stop(stopped, syscall.SIGTERM)
	publish((stopped+1)%3, 20)
	for _, room := range rooms {
		p.check((stopped+2)%3, room, n)
	}
	// A node counts for 1.5 s after its last heartbeat.
	code, out := 0, ""
	for end := time.Now().Add(time.Minute); !strings.Contains(out, "reaches 2 of 3 nodes") && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		code, out, _ = outcome(t, throng(t, "cluster", "status", "--admin", p.admin((stopped+1)%3)))
	}
	if code != 0 || !strings.Contains(out, "reaches 2 of 3 nodes") || !strings.Contains(out, "\nmissing: 1 of 3 nodes\n") || !strings.Contains(out, "REPLICAS OF durable") {
		t.Errorf("cluster status: got exit %d and\n%s", code, out)
	}
	p.checkLive((stopped + 1) % 3)
}

// checkLive checks that the snapshot of the live page of a node has the two nodes that are alive.
func (p *processes) checkLive(i int) {
	p.t.Helper()
	r, err := http.Get(p.admin(i) + "/live?once")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	var snapshot struct{ Cluster cluster.Status }
	err = json.NewDecoder(r.Body).Decode(&snapshot)
	if got := snapshot.Cluster; err != nil || got.Node != string(rune('a'+i)) || got.Size != 3 || len(got.Nodes) != 2 {
		p.t.Errorf("live page: got the cluster %+v, %v; want node %c, which reaches 2 of 3", got, err, 'a'+i)
	}
}

// What a single server has stored is exported while it runs, and makes a new cluster: with the same offsets.
func TestALiveExportMakesANewCluster(t *testing.T) {
	t.Parallel()
	const n = 400
	ports := testkit.Ports(t, 2)
	admin := fmt.Sprint("http://127.0.0.1:", ports[1])
	single := &processes{t: t, ports: []int{0, 0, 0, ports[0], 0, 0, ports[1]}, args: [][]string{{
		"serve", "--config", written(t, clusterConfig), "--data", filepath.Join(t.TempDir(), "data"),
		"--listen", fmt.Sprint("127.0.0.1:", ports[0]), "--admin", fmt.Sprint("127.0.0.1:", ports[1]),
	}}}
	single.start(0)
	t.Cleanup(func() { single.stop(0, syscall.SIGKILL) })
	single.awaitReady(0)
	for i := 1; i <= n; i++ {
		single.publish(0, "d:1", i)
	}
	if answer, err := single.call(0, "ban", `{"user":"eve","seconds":3600}`); err != nil || !strings.Contains(answer, "result") {
		t.Fatalf("ban: got %s, %v", answer, err)
	}
	code, lines, stderr := runData(t, "", "export", "--keys", "--admin", admin)
	if code != 0 || !strings.Contains(stderr, fmt.Sprintf("%d publications", n)) || !strings.Contains(stderr, "1 sanctions") {
		t.Fatalf("export: got exit %d\n%s", code, stderr)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if code, _, stderr := runData(t, lines, "import", "--cluster", "test", "--nodes", "a,b", dir); code != exitUsage || !strings.Contains(stderr, "at least 3") {
		t.Errorf("import for two nodes: got exit %d\n%s", code, stderr)
	}
	code, stdout, stderr := runData(t, lines, "import", "--cluster", "test", "--nodes", "a,b,c", dir)
	if code != 0 || !strings.Contains(stdout, fmt.Sprintf("%d publications of 1 rooms", n)) {
		t.Fatalf("import: got exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := runData(t, lines, "import", "--cluster", "test", "--nodes", "a,b,c", dir); code != exitUsage || !strings.Contains(stderr, "it has files") {
		t.Errorf("second import: got exit %d\n%s", code, stderr)
	}
	if code, _, stderr := runData(t, "", "check", filepath.Join(dir, "a")); code != exitInUse || !strings.Contains(stderr, `of a node of cluster "test"`) || !strings.Contains(stderr, "--admin URL") {
		t.Errorf("check of one node: got exit %d\n%s", code, stderr)
	}
	p := startProcessesOn(t, dir)
	for i := range p.nodes {
		p.check(i, "d:1", n)
	}
	p.publish(1, "d:1", n+1)
	for i := range p.nodes {
		if answer, err := p.call(i, "moderation", `{"user":"eve"}`); err != nil || !strings.Contains(answer, `"eve"`) {
			t.Errorf("node %d: got the sanctions %s, %v; want that of eve", i, answer, err)
		}
	}
}

// The status has a line for each link and each log, with what is wrong with them.
func TestTheStatusOfAClusterHasItsLinksAndLogs(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := printCluster(&out, &cluster.Status{
		Node: "a", Size: 3, Nodes: []cluster.NodeStatus{{Name: "a", Ready: true}},
		Links: []cluster.LinkStatus{{Peer: "b", Up: true, Silent: 0.24, Bytes: 1843}, {Peer: "c", Silent: 7.3, Bytes: 901, Gaps: 1, Resyncs: 2}},
		Logs: []cluster.LogStatus{
			{
				Name: "durable-0", Owner: "b", Term: 9, State: "following", Applied: 5121, Lag: 3, Bytes: 1310, Waiting: 2, Resent: 4, Gaps: 5, Changes: 6,
				Replicas: []cluster.ReplicaStatus{{Name: "a", State: "current", Leader: true}, {Name: "b", State: "behind", Lag: 4}, {Name: "c", State: "silent", Silent: 7.3}},
			},
			{Name: "durable-1", Unknown: true},
		},
		Missing: []string{"1 of 3 nodes"}, Faults: []string{"peer 10.0.0.2:3100: its cluster secret differs"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(` +`).ReplaceAllString(out.String(), " ")
	for _, want := range []string{
		"\nLINK FROM STATE SILENT RECEIVED GAPS RESYNCS\nb up 0.2 s 1843 B 0 0\nc down 7.3 s 901 B 1 2\n",
		"\nLOG OWNER TERM HERE RECORDS LACKS BYTES WAITING RESENT GAPS CHANGES\ndurable-0 b 9 following 5121 3 1310 2 4 5 6\n",
		"\nREPLICAS OF durable-0 STATE ENTRIES BEHIND\na (leader) current 0\nb behind 4\nc not heard for 7 s -\n",
		"\nREPLICAS OF durable-1 not known yet\n",
		"\nmissing: 1 of 3 nodes\n\nfault: peer 10.0.0.2:3100: its cluster secret differs\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// A process that is stopped has its admin port open, and does not answer: the error does not advise to start it.
func TestTheStatusOfANodeThatDoesNotAnswerNamesTheReason(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	response, err := getAdmin(ctx, "http://127.0.0.1:1", "/cluster")
	if err == nil {
		t.Fatal(response.Body.Close())
	}
	if want := "its process is stopped"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

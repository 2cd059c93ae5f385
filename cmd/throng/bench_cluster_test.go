//go:build !race

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// benched runs throng bench with the nodes as targets.
func (p *processes) benched(args ...string) (code int, r *result.Result) {
	p.t.Helper()
	var urls []string
	for i := range p.nodes {
		urls = append(urls, fmt.Sprint("ws://127.0.0.1:", p.ports[3+i]))
	}
	args = append([]string{"bench", args[0], "--targets", strings.Join(urls, ","), "--protocol", "centrifugo-protobuf", "--no-floor", "--json"}, args[1:]...)
	code, stdout, stderr := outcome(p.t, throng(p.t, args...))
	r, err := result.Read(strings.NewReader(stdout))
	if err != nil {
		p.t.Fatalf("got exit %d, %v: %s", code, err, stderr)
	}
	return code, r
}

// ended returns the result of a storm by the end of node i, in which all of its clients returned. On a slow machine it takes longer.
func (p *processes) ended(i int, flag string, publishers int) (code int, r *result.Result) {
	p.t.Helper()
	for duration := 6 * time.Second; ; duration *= 2 {
		code, r = p.benched("storm", "--room", "m:storm", "--resume", "--connections", "120", "--publishers", fmt.Sprint(publishers), "--rate", "60",
			flag, fmt.Sprint(p.nodes[i].Process.Pid), "--duration", duration.String(), "--drain", "30s", "--dial-timeout", "20s")
		_ = p.nodes[i].Wait() // killed, or ended
		p.start(i)
		p.awaitReady(i)
		if r.Storm.Back == r.Storm.Killed || duration > time.Minute {
			return code, r
		}
	}
}

// The members of a room are at three nodes. Each receives the messages of all, once and in one order. The node that ends does not own the log of the
// room, so publications do not wait for another owner, and the room keeps its epoch.
func TestTheBenchProvesDeliveryAcrossNodes(t *testing.T) {
	p := startProcesses(t)
	for _, room := range []string{"m:bench", "d:bench"} {
		code, r := p.benched("broadcast", "--room", room, "--connections", "60", "--publishers", "6", "--rate", "60", "--duration", "2s", "--warmup", "500ms", "--drain", "30s")
		if code != 0 && code != exitInvalid { // of a busy machine
			t.Errorf("%s: got exit %d, %+v", room, code, r.Verdict)
		}
		if d := &r.Delivery; d.Any() || d.Expected != 60*r.Sent.Messages || d.Got != d.Expected {
			t.Errorf("%s: got %+v, want %d deliveries", room, d, 60*r.Sent.Messages)
		}
		for i, g := range r.Targets {
			if g.Members != 20 || g.Publishers != 2 || g.Own.Count != 20*g.Sent || g.Others.Count != 20*(r.Sent.Messages-g.Sent) {
				t.Errorf("%s, node %d: got %+v", room, i, g)
			}
		}
	}
	for _, tt := range []struct {
		flag, by string
		signal   syscall.Signal
	}{{"--stop-node", "SIGTERM", syscall.SIGTERM}, {"--kill-node", "SIGKILL", syscall.SIGKILL}} {
		node := (p.owner(0, "m:bench") + 1) % len(p.nodes)
		code, r := p.ended(node, tt.flag, 6)
		if code != 0 && code != exitInvalid {
			t.Errorf("%s: got exit %d, %+v", tt.flag, code, r.Verdict)
		}
		s := r.Storm
		if s.Killed != 38 || s.Back != 38 || s.By != tt.by+" of its node" || s.Back100 == 0 || s.Away == nil || s.MostEnds <= 0 || s.LastEnd == 0 {
			t.Errorf("%s: got %+v, want the 38 clients of the node back", tt.flag, s)
		}
		if m := r.Resume; m.Clients != 38 || m.Missed != 0 {
			t.Errorf("%s: got %+v, want 38 clients with all they missed", tt.flag, m)
		}
		if d := &r.Delivery; d.Any() || d.Closed > 0 || d.Expected != 120*r.Sent.Messages || d.Got != d.Expected {
			t.Errorf("%s: got %+v, want %d deliveries", tt.flag, d, 120*r.Sent.Messages)
		}
		for i, g := range r.Targets {
			if (g.MembersAtEnd == 0) != (i == node) {
				t.Errorf("%s, node %d: got %+v, want all members at the others", tt.flag, i, g)
			}
		}
	}
}

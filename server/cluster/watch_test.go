package cluster

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/cluster/member"
)

// lines is a log whose lines are compared without their time.
type lines struct{ text strings.Builder }

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&l.text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// took returns the lines since the last call.
func (l *lines) took() string {
	text := strings.TrimSpace(l.text.String())
	l.text.Reset()
	return text
}

// heard returns a member with a heartbeat at a time.
func heard(name, id string, at time.Duration) *member.Member {
	return &member.Member{Heartbeat: member.Heartbeat{Name: name, ID: id, Version: "1.2"}, Heard: at}
}

// A node that joins, dies, starts again, does not reach this one for a while and stops has one line for each of these.
func TestEachChangeOfANodeIsLogged(t *testing.T) {
	t.Parallel()
	const second = time.Second
	var l lines
	nl := nodesLog{log: l.logger(), size: 3, seen: map[string]*seenNode{}}
	b, c := heard("b", "b-1", second), heard("c", "c-1", 20*second)
	for _, s := range []struct {
		now     time.Duration
		members []*member.Member
		want    string
	}{
		{second, nil, ""},
		{second, []*member.Member{b}, `level=INFO msg="a node has joined" node=b version=1.2 nodes=2 of=3`},
		{2 * second, []*member.Member{b}, ""},
		{2500 * time.Millisecond, []*member.Member{b}, `level=WARN msg="a node sends no heartbeats: it counts as dead until the next one" node=b for=1.5s nodes=1 of=3`},
		{9 * second, []*member.Member{b}, ""},
		{10 * second, []*member.Member{heard("b", "b-1", 10*second)}, `level=INFO msg="a node is back" node=b after=9s why="its heartbeats arrive again" nodes=2 of=3`},
		{11 * second, []*member.Member{heard("b", "b-2", 11*second)}, `level=INFO msg="a node is back" node=b after=1s why="it has started again" nodes=2 of=3`},
		{20 * second, []*member.Member{heard("b", "b-2", 11*second), c}, `level=WARN msg="a node sends no heartbeats: it counts as dead until the next one" node=b for=9s nodes=2 of=3` + "\n" +
			`level=INFO msg="a node has joined" node=c version=1.2 nodes=2 of=3`},
		{21 * second, []*member.Member{c}, ""}, // b was removed for good: its silence has a line
		{21 * second, []*member.Member{c, heard("b", "b-3", 21*second)}, `level=INFO msg="a node has joined" node=b version=1.2 nodes=3 of=3`},
		{21 * second, []*member.Member{heard("b", "b-3", 21*second)}, `level=INFO msg="a node has left: it stops" node=c nodes=2 of=3`},
	} {
		nl.look(s.members, s.now)
		if got := l.took(); got != s.want {
			t.Errorf("after %v: got\n%s\nwant\n%s", s.now, got, s.want)
		}
	}
}

// A log that gets another owner, or has none for longer than usual, has a line.
func TestEachChangeOfAnOwnerIsLogged(t *testing.T) {
	t.Parallel()
	const second = time.Second
	var l lines
	log := l.logger()
	ol := ownerLog{name: "durable"}
	for _, s := range []struct {
		now         time.Duration
		id, node    string
		here, quiet bool
		want        string
	}{
		{now: 0, quiet: true},
		{now: 9 * second, quiet: true}, // the start of this node has lines of its own
		{now: 10 * second, id: "b-1", node: "b", want: `level=INFO msg="another node owns a log" log=durable node=b term=7`},
		{now: 11 * second, id: "b-1"},
		{now: 12 * second, id: "c-1", node: "c", want: `level=INFO msg="another node owns a log" log=durable node=c term=7`},
		{now: 13 * second, id: "c-1"},
		{now: 16 * second, id: "c-1", want: `level=WARN msg="a log has no owner that is alive: publications in its rooms wait" log=durable for=3s`},
		{now: 19 * second, id: "c-1"},
		{now: 20 * second, id: "a-1", node: "a", here: true, want: `level=INFO msg="a log has an owner again" log=durable node=a after=7s`},
		{now: 21 * second, id: "a-1", node: "a", here: true},
	} {
		ol.look(log, s.id, s.node, s.here, s.quiet, 7, s.now)
		if got := l.took(); got != s.want {
			t.Errorf("after %v: got\n%s\nwant\n%s", s.now, got, s.want)
		}
	}
}

// Losses that continue have one line in ten seconds, with their number. Those of a node that has just joined are usual.
func TestLossesAreLoggedWithABound(t *testing.T) {
	t.Parallel()
	const second = time.Second
	var l lines
	log := l.logger()
	ll := lossLog{map[string]*shownLoss{}}
	lo := losses{links: []LinkStatus{{Peer: "b"}}, logs: []logGaps{{name: "memory", owner: "b"}}}
	ll.look(log, lo, 0)
	if got := l.took(); got != "" {
		t.Errorf("without a loss: got %s", got)
	}
	count := 0
	for now := time.Duration(0); now < 60*second; now += second {
		lo.links[0].Gaps++
		lo.links[0].Resyncs++
		lo.logs[0].gaps++
		lo.unread++
		lo.dropped++
		ll.look(log, lo, now)
		if got := l.took(); got != "" {
			count++
			if now == 20*second && got != `level=WARN msg="messages of a node did not arrive: it sends its presence again" node=b gaps=10
level=WARN msg="messages to a node did not arrive: the presence is sent to it again" node=b gaps=10
level=WARN msg="records of an owner did not arrive: they were read from the log" log=memory node=b gaps=10
level=WARN msg="messages between nodes were dropped: too many waited on this node" dropped=10
level=WARN msg="messages of other nodes cannot be read: they are of another version, or damaged" dropped=10` {
				t.Errorf("after ten seconds of losses: got\n%s", got)
			}
		}
	}
	if count != 5 {
		t.Errorf("a minute of losses: got lines at %d times, want 5", count)
	}
}

// A node that starts again asks for what it has missed: that is no loss, as when it joins. What it loses later is one.
func TestARestartOfANodeLogsNoLosses(t *testing.T) {
	t.Parallel()
	const second = time.Second
	var l lines
	nl := nodesLog{log: slog.New(slog.DiscardHandler), size: 3, seen: map[string]*seenNode{}}
	ll := lossLog{map[string]*shownLoss{}}
	lo := losses{links: []LinkStatus{{Peer: "b"}}}
	for now := time.Duration(0); now < 90*second; now += second {
		id := "b-1"
		if now >= 60*second {
			id = "b-2"
		}
		if now == 60*second || now == 80*second {
			lo.links[0].Gaps, lo.links[0].Resyncs = lo.links[0].Gaps+1, lo.links[0].Resyncs+1
		}
		for _, name := range nl.look([]*member.Member{heard("b", id, now)}, now) {
			ll.begin(name)
		}
		ll.look(l.logger(), lo, now)
		if got := l.took(); got != "" && now < 80*second {
			t.Errorf("after %v: got the lines %s", now, got)
		} else if now == 80*second && strings.Count(got, "\n") != 1 {
			t.Errorf("after a loss: got the lines %q, want two", got)
		}
	}
}

// A node that waits for the others asks for what it has missed when they come: it logs no losses before it serves, nor within joinTime after that.
func TestAStartLogsNoLosses(t *testing.T) {
	t.Parallel()
	var l lines
	n := newNode("a")
	n.cfg.Log = l.logger()
	n.watchLosses(0)
	n.lost.Add(1)
	n.watchLosses(time.Minute)
	n.ready = true
	n.watchLosses(2 * time.Minute)
	if got := l.took(); got != "" {
		t.Errorf("while it starts: got the lines %q", got)
	}
	n.watchLosses(2*time.Minute + joinTime)
	n.lost.Add(1)
	n.watchLosses(2*time.Minute + joinTime + lossesShown)
	if got := l.took(); !strings.Contains(got, "cannot be read") {
		t.Errorf("when it serves: got the lines %q, want one about the message", got)
	}
}

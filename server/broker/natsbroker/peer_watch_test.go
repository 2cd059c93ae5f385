//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// otherNode returns the options of another process on the second address of a cluster.
func otherNode(t *testing.T, o Options, node string) Options {
	t.Helper()
	other, join := testOptions(t), *o.Join
	other.Cluster, other.Join = o.Cluster, &join
	join.Node, join.Listen = node, join.Peers[1]
	return other
}

// A node whose name is in use does not start: it touches no directory, so that it may start with another name. The name is free as soon as its process has
// ended.
func TestANodeWhoseNameIsInUseDoesNotStart(t *testing.T) {
	o := joinOptions(t)
	first := open(t, o)
	second := otherNode(t, o, o.Join.Node)
	second.Dir = filepath.Join(second.Dir, "data")
	e, err := Open(second)
	if err == nil {
		closeAfter(t, e)
	}
	var claimed *ClaimedError
	if !errors.As(err, &claimed) || !strings.Contains(err.Error(), "the node a of the cluster test is in use by the process at "+o.Join.Listen) {
		t.Fatalf("got %v, want a ClaimedError with the address of the first process", err)
	}
	if _, err := os.Stat(second.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data directory: got %v, want none", err)
	}
	if err := first.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	second.patience = time.Hour
	open(t, second) // it does not wait for the time limit: an address at which nobody listens refuses the connection
}

// Two processes with one name that start at the same moment, or do not know the address of each other, learn that from their routes.
func TestANodeMeetsAnotherOneWithItsName(t *testing.T) {
	o := joinOptions(t)
	second := otherNode(t, o, o.Join.Node)
	second.Join.Peers = []string{o.Join.Peers[1], o.Join.Peers[2], "127.0.0.1:1"}
	first := open(t, o).(*engine)
	e := open(t, second).(*engine)
	testkit.Eventually(t, "sign of the first process", func() bool { return e.Taken() != nil })
	if err := e.Taken(); !errors.As(err, new(*ClaimedError)) || !strings.Contains(err.Error(), "a process on 127.0.0.1") {
		t.Errorf("got %v, want a ClaimedError with the host of the first process", err)
	}
	testkit.Eventually(t, "sign of the second process", func() bool { return first.Taken() != nil })
	if err := first.Taken(); !errors.As(err, new(*ClaimedError)) || !strings.Contains(err.Error(), "the process at "+second.Join.Listen) {
		t.Errorf("got %v, want a ClaimedError with the address of the second process", err)
	}
}

// Two nodes with different secrets or clusters both report the address of the other one, and log it once.
func TestAPeerOfAnotherClusterIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"secret":  {func(o *Options) { o.Join.Secret = strings.Repeat("x", MinSecret) }, "its cluster secret differs"},
		"cluster": {func(o *Options) { o.Cluster = "other" }, "it belongs to the cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			o := joinOptions(t)
			var logs [2]testkit.LogBuffer
			o.Log = slog.New(slog.NewTextHandler(&logs[0], nil))
			second := otherNode(t, o, "b")
			c.change(&second)
			second.Log = slog.New(slog.NewTextHandler(&logs[1], nil))
			engines := []*engine{open(t, o).(*engine), open(t, second).(*engine)}
			for i, e := range engines {
				want := "peer " + o.Join.Peers[1-i] + ": " + c.want
				testkit.Eventually(t, "fault of the other node", func() bool { return strings.Contains(strings.Join(e.Faults(), "\n"), want) })
				if err := e.Taken(); err != nil {
					t.Errorf("node %d: got %v, want a free name", i, err)
				}
			}
			for range 3 {
				engines[0].peers.look(context.Background(), "")
			}
			for i := range engines {
				if n := logs[i].Count(c.want); n != 1 {
					t.Errorf("node %d: got %d lines, want 1:\n%s", i, n, logs[i].String())
				}
				if n := logs[i].Count("\n"); n > 12 {
					t.Errorf("node %d: got %d lines in all, want 12 at most:\n%s", i, n, logs[i].String())
				}
			}
		})
	}
}

// A fault that lasts has a line each ten minutes.
func TestAFaultOfAPeerThatLastsIsLoggedAgain(t *testing.T) {
	t.Parallel()
	var logged testkit.LogBuffer
	pw := &peerWatch{log: slog.New(slog.NewTextHandler(&logged, nil)), shown: map[peerFault]time.Time{}}
	begin := time.Now()
	for now := begin; now.Before(begin.Add(25 * time.Minute)); now = now.Add(time.Minute) {
		pw.use([]peerFault{{peer: "10.0.0.2:3100", what: "its cluster secret differs"}}, now)
	}
	if n := logged.Count("peer=10.0.0.2:3100"); n != 3 {
		t.Errorf("got %d lines in 25 minutes, want 3", n)
	}
}

// Another program on the address of a node, and two addresses of one node, are named.
func TestAnAddressThatIsNoOtherNodeIsNamed(t *testing.T) {
	o := joinOptions(t)
	l, err := net.Listen("tcp", o.Join.Peers[1])
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := conn.Write([]byte("220 mail.example\r\n")); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	_, port, err := net.SplitHostPort(o.Join.Listen)
	if err != nil {
		t.Fatal(err)
	}
	o.Join.Peers[2] = "localhost:" + port
	e := open(t, o).(*engine)
	for _, want := range []string{"peer " + o.Join.Peers[1] + ": another program listens there", "peer localhost:" + port + ": it is another address of this node"} {
		testkit.Eventually(t, want, func() bool { return strings.Contains(strings.Join(e.Faults(), "\n"), want) })
	}
}

// An address that is twice in the list is refused, however it is written.
func TestAnAddressIsOnceInPeers(t *testing.T) {
	t.Parallel()
	for _, peers := range [][]string{
		{"10.0.0.1:3100", "10.0.0.2:3100", "10.0.0.2:3100"},
		{"10.0.0.1:3100", "b.example:3100", "B.example:03100"},
	} {
		err := Join{Node: "a", Listen: "10.0.0.1:3100", Peers: peers}.Check()
		if wrong := (*JoinError)(nil); !errors.As(err, &wrong) || wrong.Field != "Peers" || !strings.Contains(err.Error(), peers[2]+" is in it twice") {
			t.Errorf("%v: got %v, want an error about Peers", peers, err)
		}
	}
	if err := (Join{Node: "a", Listen: "10.0.0.1:3100", Peers: []string{"10.0.0.1:3100", "10.0.0.1:3101", "10.0.0.2:3100"}}).Check(); err != nil {
		t.Errorf("got %v for different addresses", err)
	}
}

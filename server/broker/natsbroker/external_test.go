//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/testkit"
)

// startNATS starts a NATS server with JetStream in this process.
func startNATS(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{
		ServerName: "alone", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, JetStreamMaxMemory: 1 << 20, JetStreamMaxStore: 1 << 30,
	}
	if change != nil {
		change(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the NATS server is not ready")
	}
	return s
}

// startThreeNATS starts a NATS cluster of three servers.
func startThreeNATS(t testing.TB) (servers []*server.Server) {
	t.Helper()
	ports := testkit.Ports(t, 3)
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: fmt.Sprint("127.0.0.1:", port)})
	}
	servers = make([]*server.Server, 3)
	for n := range ports {
		servers[n] = startNATSNode(t, n, ports[n], routes)
	}
	testkit.Eventually(t, "leader of JetStream", func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() {
				return len(s.JetStreamClusterPeers()) == 3
			}
		}
		return false
	})
	return servers
}

func startNATSNode(t testing.TB, n, port int, routes []*url.URL) *server.Server {
	return startNATS(t, func(o *server.Options) {
		o.ServerName, o.Routes = fmt.Sprint("n", n), routes
		o.Cluster = server.ClusterOpts{Name: "nats", Host: "127.0.0.1", Port: port}
	})
}

func urlsOf(servers ...*server.Server) (urls []string) {
	for _, s := range servers {
		urls = append(urls, s.ClientURL())
	}
	return urls
}

var testClusters atomic.Int64

// externalOptions are the options of an engine whose name no other test has.
func externalOptions(t testing.TB, replicas int, servers ...*server.Server) Options {
	o := testOptions(t)
	o.Dir, o.Cluster = "", fmt.Sprint("test", testClusters.Add(1))
	o.External = &External{URLs: urlsOf(servers...), Replicas: replicas}
	return o
}

// openExternalFaulty is openFaulty for an engine on an external cluster.
func openExternalFaulty(t testing.TB, o Options) *faulty {
	t.Helper()
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{t: t}
	f.engine, err = newEngine(o, noPlace{o.External}, func(o Options, dir string) (*instance, error) {
		if f.down.Load() {
			return nil, fmt.Errorf("down: %w", broker.ErrUnavailable)
		}
		return startExternal(o, dir)
	}, noSpace)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, f.engine)
	return f
}

// The suite on three servers with three replicas, and on one server.
func TestTheEngineKeepsItsPromisesOnExternalServers(t *testing.T) {
	t.Parallel()
	three, alone := startThreeNATS(t), startNATS(t, nil)
	for replicas, servers := range map[int][]*server.Server{3: three, 1: {alone}} {
		t.Run(fmt.Sprintf("R%d", replicas), func(t *testing.T) {
			brokertest.Run(t, func(t testing.TB) brokertest.Config {
				o := externalOptions(t, replicas, servers[0]) // a message to a node at another server may be lost at first
				var running []*faulty
				start := func(name string) func(testing.TB) broker.Engine {
					return func(t testing.TB) broker.Engine {
						x := *o.External
						x.Node = name
						node := o
						node.External = &x
						running = append(running, openExternalFaulty(t, node))
						return running[len(running)-1].engine
					}
				}
				return brokertest.Config{
					Start: start("a"), Peer: start("b"),
					Down: func(on bool) {
						for _, f := range running {
							f.setDown(on)
						}
					},
					Drop: func(on bool) {
						if !on {
							return
						}
						for _, f := range running { // messages to a node that connects again are lost
							if i, err := f.engine.running(context.Background()); err == nil {
								i.conn.Close()
							}
						}
					},
				}
			})
		})
	}
}

// The death of one of three servers loses nothing that was acknowledged: the engine connects to another one.
func TestADeadServerOfThreeLosesNothing(t *testing.T) {
	t.Parallel()
	servers := startThreeNATS(t)
	e := open(t, externalOptions(t, 3, servers...)).(*engine)
	l := openedLog(t, e)
	for n := range uint64(10) {
		mustAppend(t, l, n, fmt.Sprint(n))
	}
	testkit.Eventually(t, "look at the replicas", func() bool {
		logs := e.Stored()
		return len(logs) == 1 && logs[0].Leader != "" && len(logs[0].Replicas) == 3
	})
	connected := e.instance.conn.ConnectedServerName()
	for _, s := range servers {
		if s.Name() == connected {
			s.Shutdown()
		}
	}
	l.Close()
	last := uint64(0)
	testkit.Eventually(t, "append by another server", func() bool {
		again, err := e.Open(context.Background(), 0)
		if err != nil {
			return false
		}
		defer again.Close()
		last, err = again.Replay(context.Background(), 0, func(uint64, []byte) error { return nil })
		return err == nil && appended(t, again, last, "after") == nil
	})
	if last < 10 {
		t.Errorf("got %d records, want the 10 that were acknowledged", last)
	}
	testkit.Eventually(t, "server that is reported as offline", func() bool {
		for _, r := range e.Stored()[0].Replicas {
			if r.Offline && r.Name == connected {
				return true
			}
		}
		return false
	})
}

// Two processes with one name would fence each other without end.
func TestANameHasOneProcessAtATime(t *testing.T) {
	t.Parallel()
	o := externalOptions(t, 1, startNATS(t, nil))
	var logged testkit.LogBuffer
	o.Log = slog.New(slog.NewTextHandler(&logged, nil))
	first := open(t, o)
	patient := o
	patient.patience = testkit.Timeout
	for range 3 {
		_, err := Open(patient)
		var claimed *ClaimedError
		if !errors.As(err, &claimed) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
			t.Fatalf("another Open: %v, want a ClaimedError with this process", err)
		}
	}
	faults := first.(*engine).Faults()
	if len(faults) != 1 || !strings.Contains(faults[0], fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("got the faults %q of the process with the name, want the other process", faults)
	}
	if old := first.(*engine).rejected.Load().list(time.Now().Add(claimShown)); old != nil {
		t.Errorf("got the faults %q a minute later, want none", old)
	}
	if n := logged.Count(fmt.Sprint("another process asked for the name of this node, and was rejected: process ", os.Getpid())); n != 1 {
		t.Errorf("got %d lines of the process with the name, want 1:\n%s", n, logged.String())
	}
	if err := first.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	open(t, o)
}

// While NATS cannot be reached, each attempt to connect has the same error: a line a second would hide the others.
func TestAStartThatFailsAgainHasOneLineAMinute(t *testing.T) {
	t.Parallel()
	var sf startFailure
	for _, c := range []struct {
		text  string
		after time.Duration
		want  bool
	}{
		{"refused, 127.0.0.1:40001->127.0.0.1:4222", 0, true},
		{"refused, 127.0.0.1:40002->127.0.0.1:4222", time.Second, false},
		{"no JetStream", 2 * time.Second, true},
		{"no JetStream", 3 * time.Second, false},
		{"no JetStream", 2*time.Second + repeatedAgain, true},
	} {
		if got := sf.isDue(c.text, time.Time{}.Add(time.Hour+c.after)); got != c.want {
			t.Errorf("%q after %v: got a line: %t, want %t", c.text, c.after, got, c.want)
		}
	}
}

// An error names what the operator must change.
func TestAnExternalServerThatCannotStoreIsExplained(t *testing.T) {
	t.Parallel()
	alone := startNATS(t, nil)
	plain := startNATS(t, func(o *server.Options) { o.JetStream = false })
	small := startNATS(t, func(o *server.Options) { o.MaxPayload = 1 << 16 })
	locked := startNATS(t, func(o *server.Options) { o.Username, o.Password = "u", "p" })
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"replicas":    {externalOptions(t, 3, alone), "set nats-replicas to 1"},
		"JetStream":   {externalOptions(t, 1, plain), "turn it on in the configuration"},
		"payload":     {externalOptions(t, 1, small), "max_payload is 65536 bytes: set it to 1048576"},
		"login":       {externalOptions(t, 1, locked), "needs credentials: set nats-creds"},
		"no server":   {Options{External: &External{URLs: []string{"nats://127.0.0.1:1"}, Replicas: 1}}, "none of the servers answers"},
		"two schemes": {Options{External: &External{URLs: []string{"http://127.0.0.1:1"}, Replicas: 1}}, "must be nats://"},
		"password":    {Options{External: &External{URLs: []string{"nats://u:secret@127.0.0.1:1"}, Replicas: 1}}, "nats-creds"},
		"even":        {Options{External: &External{URLs: []string{"nats://127.0.0.1:1"}, Replicas: 2}}, "must be 1, 3 or 5"},
		"creds":       {Options{External: &External{URLs: []string{"nats://127.0.0.1:1"}, Replicas: 1, Creds: "external_test.go"}}, "must be a credentials file"},
		"no creds":    {Options{External: &External{URLs: []string{"nats://127.0.0.1:1"}, Replicas: 1, Creds: "missing"}}, "no such file"},
		"CA":          {Options{External: &External{URLs: []string{"nats://127.0.0.1:1"}, Replicas: 1, CA: "external_test.go"}}, "certificates in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Open(c.options)
			if err == nil {
				closeAfter(t, e)
				_, err = e.Open(t.Context(), 0)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret@") {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if strings.Contains(fmt.Sprint(err), "NATS at :") {
				t.Errorf("got %v, want the address of the server", err)
			}
		})
	}
}

// A connection that passes nothing is noticed by the messages of the node itself, long before its end.
func TestASilentConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	s := startNATS(t, nil)
	stalled := &stallingProxy{to: s.Addr().String()}
	o := externalOptions(t, 1)
	o.External.URLs, o.External.Node = []string{"nats://" + stalled.listen(t)}, "a"
	e := open(t, o)
	beats := func(what string, until func() bool) {
		t.Helper()
		testkit.Eventually(t, what, func() bool { e.Broadcast([]byte("heartbeat")); return until() })
	}
	beats("echo", func() bool { return e.(*engine).mail.echo.Load() > 0 })
	if err := e.Health().Err; err != nil {
		t.Fatalf("got %v of an engine that works", err)
	}
	stalled.on.Store(true)
	beats("report of the silence itself", func() bool { return e.(*engine).mail.unheard() != nil })
	if err := e.Health().Err; !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got the health %v, want ErrUnavailable", err)
	}
	stalled.on.Store(false)
	beats("end of the report", func() bool { return e.Health().Err == nil })
}

// stallingProxy passes TCP connections to an address. It stops reading while on is true.
type stallingProxy struct {
	to string
	on atomic.Bool
}

func (sp *stallingProxy) listen(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", sp.to)
			if err != nil {
				from.Close()
				continue
			}
			go sp.pass(from, to)
			go sp.pass(to, from)
		}
	}()
	return l.Addr().String()
}

func (sp *stallingProxy) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	for b := make([]byte, 1<<16); ; {
		n, err := from.Read(b)
		for sp.on.Load() {
			time.Sleep(time.Millisecond)
		}
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// A message that reaches no leader of its stream is sent again: after a start, the server of the connection may not know the leader yet.
func TestAMessageWithoutALeaderIsSentAgain(t *testing.T) {
	t.Parallel()
	e := open(t, externalOptions(t, 1, startNATS(t, nil))).(*engine)
	l := openedLog(t, e).(*openLog)
	js, config := e.instance.js, l.stream.CachedInfo().Config
	if err := js.DeleteStream(t.Context(), config.Name); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*leaderPoll, func() {
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Error(err)
		}
	})
	results := make(chan error, broker.MaxAppends)
	for n := range uint64(broker.MaxAppends) {
		l.Append(n, []byte("record"), func(err error) { results <- err })
	}
	if answer, err := e.instance.request(t.Context(), newProbe(l.subject, "")); err != nil {
		t.Errorf("got the answer %v, %v to a request that waits for a leader", answer, err)
	}
	for range broker.MaxAppends {
		if err := <-results; err != nil {
			t.Errorf("got %v of a message that waits for a leader", err)
		}
	}
}

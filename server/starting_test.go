package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/testkit"
)

// runUntil runs a server that may not become ready, until stop is called or the test ends. stop returns when it has stopped.
func runUntil(t *testing.T, s *Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// newNode returns node a of a cluster of three, which does not run.
func newNode(t *testing.T, engine broker.Engine) *Server {
	t.Helper()
	return newNodeOn(t, engine, "127.0.0.1:0")
}

// newNodeOn is newNode with an address for clients.
func newNodeOn(t *testing.T, engine broker.Engine, address string) *Server {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.Engine = address, "127.0.0.1:0", engine
	cfg.Cluster, cfg.Node, cfg.Peers, cfg.ClusterListen = "test", "a", testPeers, testPeers[0]
	s, err := New(cfg, slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// waitingNode returns a node that does not run, and waits in its start until the storage is there. Its port has a fixed number, so that it refuses clients.
func waitingNode(t *testing.T) (s *Server, fake *brokertest.Fake, address string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	fake = newFake(t)
	fake.Down(true)
	address = testkit.Addresses(t, 1)[0]
	return newNodeOn(t, fake.Start("a"), address), fake, address
}

// A node that waits for the other nodes answers at its admin port: it lives, is not ready, and gives the reason. It is ready as soon as it serves.
func TestTheAdminPortAnswersWhileTheServerStarts(t *testing.T) {
	t.Parallel()
	const waits = "waiting for a majority of the nodes: 1 of 3 run"
	fake := newFake(t)
	fake.Down(true)
	s := newNode(t, fake.Start("a"))
	runUntil(t, s)

	var text string
	eventually(t, "the reason", func() bool {
		return getJSON(t, s, "/readyz", &text) == http.StatusServiceUnavailable && text == "starting: "+waits
	})
	if status := getJSON(t, s, "/healthz", &text); status != http.StatusOK || text != "ok" {
		t.Errorf("/healthz: got %d %q, want 200", status, text)
	}
	var ready admin.Readiness
	if status := getJSON(t, s, "/readyz?verbose", &ready); status != http.StatusServiceUnavailable || ready.Status != "starting" ||
		ready.Checks["accepting"].OK || ready.Checks["accepting"].Detail != waits || ready.Checks["cluster"].OK {
		t.Errorf("/readyz?verbose: got %d %+v, want 503 with the reason", status, ready)
	}
	var state cluster.Status
	if status := getJSON(t, s, "/cluster", &state); status != http.StatusOK || state.Why != "this node starts: "+waits {
		t.Errorf("/cluster: got %d %+v, want the reason", status, state)
	}
	for path, want := range map[string]int{
		"/metrics": http.StatusOK, "/debug/pprof/cmdline": http.StatusOK, "/": http.StatusServiceUnavailable, "/connections": http.StatusServiceUnavailable,
		"/export": http.StatusServiceUnavailable,
	} {
		status, body := adminGet(t, s, path)
		if status != want || want != http.StatusOK && !strings.Contains(body, waits) {
			t.Errorf("%s: got %d %q, want %d", path, status, body, want)
		}
	}

	fake.Down(false)
	eventually(t, "the server to be ready", func() bool { status, _ := adminGet(t, s, "/readyz"); return status == http.StatusOK })
	if status, _ := adminGet(t, s, "/connections"); status != http.StatusOK {
		t.Errorf("/connections of a server that serves: got %d, want 200", status)
	}
}

// A server that is stopped during its start ends, and its admin port is closed.
func TestAServerThatStartsCanBeStopped(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.Down(true)
	s := newNode(t, fake.Start("a"))
	stop := runUntil(t, s)
	eventually(t, "the admin port", func() bool { status, _ := adminGet(t, s, "/healthz"); return status == http.StatusOK })
	stop()
	if status, _ := adminGet(t, s, "/healthz"); status != 0 {
		t.Errorf("the admin port of a server that was stopped: got %d, want no answer", status)
	}
}

// The ports for clients of a server that starts refuse connections, and keep their addresses: a client tries another node at once. Then they accept.
func TestAServerThatStartsRefusesClients(t *testing.T) {
	t.Parallel()
	s, fake, address := waitingNode(t)
	runUntil(t, s)
	dial := func() error {
		c, err := net.DialTimeout("tcp", address, testTimeout)
		if err == nil {
			c.Close()
		}
		return err
	}
	eventually(t, "the admin port", func() bool { status, _ := adminGet(t, s, "/healthz"); return status == http.StatusOK })
	if err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a server that starts: got %v, want %v", err, syscall.ECONNREFUSED)
	}
	fake.Down(false)
	eventually(t, "the server to be ready", func() bool { status, _ := adminGet(t, s, "/readyz"); return status == http.StatusOK })
	if err := dial(); err != nil {
		t.Errorf("a server that serves: got %v", err)
	}
}

// A process that takes the port while the server starts is reported as one that has it already.
func TestAPortTakenDuringTheStartIsInUse(t *testing.T) {
	t.Parallel()
	s, fake, address := waitingNode(t)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	eventually(t, "the admin port", func() bool { status, _ := adminGet(t, s, "/healthz"); return status == http.StatusOK })
	other, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	fake.Down(false)
	if err := <-ended; !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v, want %v with the address %s", err, syscall.EADDRINUSE, address)
	}
}

// adminGet returns the status and the body of a path of the admin port; 0 if there is no answer.
func adminGet(t *testing.T, s *Server, path string) (status int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + s.AdminAddr().String() + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

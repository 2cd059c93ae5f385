package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// One process has too few descriptors for both ends of many connections, so the clients run in another process: this test program with
// THRONG_TEST_CROWD="ADDRESS COUNT KIND" in its environment. It prints "ready" and holds its connections until its standard input ends.
const crowdEnv = "THRONG_TEST_CROWD"

const (
	crowdJoined     = "joined"     // handshake done
	crowdUnfinished = "unfinished" // the head is incomplete
	crowdUnread     = "unread"     // requests the script of the page several times and reads nothing
)

func crowd(job string) int {
	var address, kind string
	var count int
	if _, err := fmt.Sscan(job, &address, &count, &kind); err != nil {
		fmt.Println(err)
		return 1
	}
	request := upgradeRequest(address, "/ws")
	if kind == crowdUnfinished {
		request = strings.TrimSuffix(request, "\r\n")
	}
	if kind == crowdUnread {
		request = unreadRequests
	}
	conns := make([]net.Conn, 0, count)
	for range count {
		c, err := smallBuffer.Dial("tcp", address)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		conns = append(conns, c)
		if _, err := c.Write([]byte(request)); err != nil {
			fmt.Println(err)
			return 1
		}
		if kind != crowdJoined {
			continue
		}
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			fmt.Println(resp, err)
			return 1
		}
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return 1
	}
	runtime.KeepAlive(conns)
	return 0
}

// gather starts the clients and waits until all are connected. They end when the test ends.
func gather(t testing.TB, s *Server, count int, kind string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", crowdEnv, s.Addr(), count, kind))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process of the clients: %v", err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the process of the clients printed %q, %v", line, err)
	}
}

func TestConnectionsAddNoGoroutine(t *testing.T) {
	count := testkit.Share(10_000)
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = 24*time.Hour, time.Hour }) // the clients do not answer pings
	http.DefaultClient.CloseIdleConnections()
	one := dial(t, s, "lobby")
	one.send(ws.OpText, "x")
	one.expect(ws.OpText, "x")
	before := runtime.NumGoroutine()
	gather(t, s, count, crowdJoined)
	if got := s.sessions.Live.Load(); got != int64(count+1) {
		t.Fatalf("got %d connections, want %d", got, count+1)
	}
	// The last handlers may still be returning.
	eventually(t, "the handlers' goroutines to end", func() bool { return runtime.NumGoroutine() <= before+2 })
	one.send(ws.OpText, "to all")
	one.expect(ws.OpText, "to all")
	eventually(t, "the message to be sent to all members", func() bool {
		return value(t, s, "throng_deliveries_total", "") == float64(count+2)
	})
	if got := runtime.NumGoroutine(); got > before+2 {
		t.Errorf("got %d goroutines with %d connections, %d before", got, count, before)
	}
}

func TestPendingConnectionsAreBounded(t *testing.T) {
	s := startServer(t, nil)
	gather(t, s, edge.MaxPending+1500, crowdUnfinished)
	// One more may be arriving.
	if got := s.edge.Pending.Count(); got > edge.MaxPending+1 {
		t.Errorf("got %d pending connections, want %d at most", got, edge.MaxPending)
	}
	eventually(t, "the connections above the limit to be closed", func() bool {
		return lateOrEvicted(t, s) >= 1500
	})
	// A client that sends a complete request is still accepted.
	for range 20 {
		c := dial(t, s, "lobby")
		c.send(ws.OpText, "hello")
		c.expect(ws.OpText, "hello")
		c.conn.Close()
	}
}

// A trusted proxy has many clients, so only the limit of all connections applies to it.
func TestAProxyMayHaveManyPendingConnections(t *testing.T) {
	s := startServer(t, func(c *Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	gather(t, s, edge.MaxPendingAddress+50, crowdUnfinished)
	eventually(t, "all connections to arrive", func() bool { return s.edge.Pending.Count() >= edge.MaxPendingAddress+50 })
	s.edge.Pending.Mu.Lock()
	for at := s.edge.Pending.Waiting.Front(); at != nil; at = at.Next() {
		at.Value.(*edge.PendingConn).Since = at.Value.(*edge.PendingConn).Since.Add(-2 * edge.PendingGrace)
	}
	s.edge.Pending.Mu.Unlock()
	gather(t, s, 1, crowdUnfinished)
	eventually(t, "one more to arrive", func() bool { return s.edge.Pending.Count() >= edge.MaxPendingAddress+51 })
}

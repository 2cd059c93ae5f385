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

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/ws"
)

// One process has too few descriptors for both ends of a crowd, so its clients live in another: this test program, run
// again with THRONG_TEST_CROWD="ADDRESS COUNT KIND" in its environment. It says "ready" and holds its connections until
// its standard input ends.
const crowdEnv = "THRONG_TEST_CROWD"

const (
	crowdJoined     = "joined"     // handshake done
	crowdUnfinished = "unfinished" // the head never ends
	crowdUnread     = "unread"     // asks for the page's script several times, and reads nothing
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

// gather starts a crowd and waits until it stands. It goes when the test ends.
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
			t.Errorf("the crowd: %v", err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the crowd says %q, %v", line, err)
	}
}

func TestConnectionsAddNoGoroutine(t *testing.T) {
	const count = 10_000
	s := startServer(t, nil)
	http.DefaultClient.CloseIdleConnections()
	one := dial(t, s, "lobby")
	one.send(ws.OpText, "x")
	one.hear(ws.OpText, "x")
	before := runtime.NumGoroutine()
	gather(t, s, count, crowdJoined)
	if got := s.hub.Live.Load(); got != count+1 {
		t.Fatalf("got %d connections, want %d", got, count+1)
	}
	// The last handlers may still be returning.
	eventually(t, "the handlers' goroutines to end", func() bool { return runtime.NumGoroutine() <= before+2 })
	one.send(ws.OpText, "to all")
	one.hear(ws.OpText, "to all")
	eventually(t, "everybody to be sent the message", func() bool {
		return value(t, s, "throng_deliveries_total", "") == count+2
	})
	if got := runtime.NumGoroutine(); got > before+2 {
		t.Errorf("got %d goroutines with %d connections, %d before", got, count, before)
	}
}

func TestUnfinishedHandshakesAreBounded(t *testing.T) {
	s := startServer(t, nil)
	gather(t, s, edge.MaxHandshakes+1500, crowdUnfinished)
	// One more may be on its way in.
	if got := s.edge.Handshakes.Count(); got > edge.MaxHandshakes+1 {
		t.Errorf("got %d unfinished handshakes held, want %d at most", got, edge.MaxHandshakes)
	}
	eventually(t, "those over the limit to be closed", func() bool {
		return value(t, s, "throng_handshakes_total", metrics.HandshakeEvicted) >= 1500
	})
	// Whoever sends a whole request is let in all the same.
	for range 20 {
		c := dial(t, s, "lobby")
		c.send(ws.OpText, "hello")
		c.hear(ws.OpText, "hello")
		c.conn.Close()
	}
}

// A proxy comes for many: what it holds is bounded like that of all together.
func TestAProxyMayHoldManyUnfinishedHandshakes(t *testing.T) {
	s := startServer(t, func(c *Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	gather(t, s, edge.MaxHandshakesAddr+50, crowdUnfinished)
	eventually(t, "all to have come", func() bool { return s.edge.Handshakes.Count() >= edge.MaxHandshakesAddr+50 })
	s.edge.Handshakes.Mu.Lock()
	for at := s.edge.Handshakes.Waiting.Front(); at != nil; at = at.Next() {
		at.Value.(*edge.Handshake).Since = at.Value.(*edge.Handshake).Since.Add(-2 * edge.HandshakeGrace)
	}
	s.edge.Handshakes.Mu.Unlock()
	gather(t, s, 1, crowdUnfinished)
	eventually(t, "one more to come", func() bool { return s.edge.Handshakes.Count() >= edge.MaxHandshakesAddr+51 })
}

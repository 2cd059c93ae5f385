package fanout

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// echoClient sends back each message that it receives.
type echoClient struct {
	conn   Conn
	closed chan struct{}
}

func (e *echoClient) OnMessage(op ws.Opcode, b []byte, _ time.Duration) {
	e.conn.Shard.Post(Job{Do: SendFrame, Conn: &e.conn, Frame: EncodeFrame(op, b)})
}
func (e *echoClient) OnClosed() {
	e.conn.Shard.Core.Leave(&e.conn)
	close(e.closed)
}
func (e *echoClient) OnOpen()                             {}
func (e *echoClient) OnUnread([]byte)                     {}
func (e *echoClient) OnFlood(bool)                        {}
func (e *echoClient) OnDeadline(bool)                     {}
func (e *echoClient) OnGap(*Audience)                     {}
func (e *echoClient) OnClosing(ws.CloseCode, string) bool { return true }
func (e *echoClient) OnLeave()                            {}
func (e *echoClient) Timers() *Timers                     { return nil }
func (e *echoClient) PingFrame() []byte                   { return PingFrame }
func (e *echoClient) CloseFor(_ Reason, text string) (ws.CloseCode, string) {
	return ws.ClosePolicy, text
}
func (e *echoClient) LastFrame(code ws.CloseCode, text string) []byte { return CloseFrame(code, text) }
func (e *echoClient) PublishesTo() *Audience                          { return nil }
func (e *echoClient) OnJoined(*Member)                                {}
func (e *echoClient) OnLeft(*Member)                                  {}
func (e *echoClient) Member(int) *Member                              { return nil }
func (e *echoClient) Address() netip.Addr                             { return netip.Addr{} }

// newTestEngine returns an engine with one shard that does not run.
func newTestEngine(cfg Config) *Engine {
	cfg.Shards, cfg.MaxConnections, cfg.MaxMessage, cfg.MaxRetained = 1, 10, 64<<10, 1<<20
	return NewEngine(cfg, slog.New(slog.DiscardHandler), metrics.New(CloseLabels()))
}

// tcpPair returns the two ends of a TCP connection.
func tcpPair(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o, err := l.Accept()
	if err != nil {
		t.Fatal(errors.Join(err, c.Close()))
	}
	return o.(*net.TCPConn), c.(*net.TCPConn)
}

// overTCP returns the transport of a connection.
func overTCP(t *testing.T, c *net.TCPConn) Transport {
	t.Helper()
	s, err := netpoll.FromConn(c, c.RemoteAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	return netpoll.OverTCP(s)
}

package fanout

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// panicClient panics in OnOpen or in OnMessage.
type panicClient struct {
	echoClient
	inOnOpen bool
	closes   atomic.Int32 // calls of OnClosed
	first    chan struct{}
}

func (p *panicClient) OnOpen() {
	if p.inOnOpen {
		panic("test: OnOpen")
	}
}

func (p *panicClient) OnMessage(ws.Opcode, []byte, time.Duration) { panic("test: OnMessage") }

func (p *panicClient) OnClosed() {
	if p.closes.Add(1) == 1 {
		close(p.first)
	}
	p.conn.Shard.Core.Leave(&p.conn)
}

// OnClosed is called once after a panic of the job that adds a connection, whether the loop has the socket (OnOpen) or not (early bytes).
func TestOnClosedIsCalledOnceAfterAPanic(t *testing.T) {
	for name, inOnOpen := range map[string]bool{"before the loop": false, "in the loop": true} {
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(Config{MaxUnsent: 1 << 20})
			if err := e.Start(0, time.Minute, time.Minute); err != nil {
				t.Fatal(err)
			}
			ours, theirs := tcpPair(t)
			defer theirs.Close()
			client := &panicClient{inOnOpen: inOnOpen, first: make(chan struct{})}
			c := &client.conn
			e.Reserve()
			e.NewConn(c, overTCP(t, ours), client)
			var early []byte
			if !inOnOpen {
				early = ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte("early"))
			}
			e.Wake(e.Register(c, nil, []byte("hello"), early))
			client.expectOneClose(t, e)
			if got := c.Reason(); got != ClosedPanic {
				t.Errorf("got reason %v, want %v", got, ClosedPanic)
			}
			if got := e.Live.Load(); got != 0 {
				t.Errorf("got %d connections, want 0", got)
			}
		})
	}
}

// expectOneClose waits for the call of OnClosed, stops the engine, and wants no second call.
func (p *panicClient) expectOneClose(t *testing.T, e *Engine) {
	t.Helper()
	select {
	case <-p.first:
	case <-time.After(testkit.Timeout):
		t.Error("got no OnClosed within 30 s")
	}
	e.Quit()
	e.Stop() // waits for every callback of the loop
	if got := p.closes.Load(); got != 1 {
		t.Errorf("got %d calls of OnClosed, want 1", got)
	}
}

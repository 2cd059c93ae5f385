package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/bench/result"
)

// echoRoom is a broadcast server: one room, with one order. lie may change what one member receives instead of message n of the room; nil
// changes nothing.
type echoRoom struct {
	t       *testing.T
	lie     func(member, n int, message []byte) [][]byte
	options *websocket.AcceptOptions // nil for the defaults

	mu       sync.Mutex
	members  []chan []byte
	received int
	pending  map[int][]byte // by member: a message held back to swap it with the next
}

func newRoom(t *testing.T, lie func(*echoRoom, int, int, []byte) [][]byte) *echoRoom {
	r := &echoRoom{t: t, pending: map[int][]byte{}}
	if lie != nil {
		r.lie = func(member, n int, message []byte) [][]byte { return lie(r, member, n, message) }
	}
	return r
}

func startRoom(t *testing.T, lie func(*echoRoom, int, int, []byte) [][]byte) string {
	srv := httptest.NewServer(newRoom(t, lie))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/ws"
}

func (r *echoRoom) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	queue := make(chan []byte, 4096)
	r.members = append(r.members, queue)
	r.mu.Unlock()
	c, err := websocket.Accept(w, q, r.options)
	if err != nil {
		r.t.Errorf("accept: %v", err)
		return
	}
	defer c.CloseNow()
	defer func() { // its queue has no reader any more
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range r.members {
			if r.members[i] == queue {
				r.members[i] = nil
			}
		}
	}()
	c.SetReadLimit(-1)
	ctx, cancel := context.WithCancel(q.Context())
	defer cancel()
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		for {
			select {
			case m := <-queue:
				if err := c.Write(ctx, websocket.MessageText, m); err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
	defer cancel()
	for {
		_, m, err := c.Read(ctx)
		if err != nil {
			return
		}
		r.publish(m)
	}
}

func (r *echoRoom) publish(m []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, queue := range r.members {
		out := [][]byte{m}
		if r.lie != nil {
			out = r.lie(i, r.received, m)
		}
		for _, m := range out {
			if queue != nil {
				queue <- m
			}
		}
	}
	r.received++
}

func testConfig(url string) Config {
	cfg := DefaultConfig(Broadcast)
	cfg.URLs = []string{url}
	cfg.Connections = 50
	cfg.Rate = 400
	cfg.Duration = 500 * time.Millisecond
	cfg.Auto, cfg.Warmup = false, 100*time.Millisecond
	cfg.Drain = 30 * time.Second // for a slow machine; the drain ends when everything has arrived
	cfg.Floor = false
	cfg.here = true
	return cfg
}

func mustRun(t *testing.T, cfg Config) *result.Result {
	t.Helper()
	r, err := Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// good reports whether all messages were delivered. It ignores verdicts that a busy machine causes.
func good(r *result.Result) bool {
	return r.Verdict.Code != result.None && r.Verdict.Code != result.Broken && !r.Delivery.Any() && r.Delivery.Closed == 0
}

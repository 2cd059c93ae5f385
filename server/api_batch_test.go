package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
)

// called returns the number of calls of a method with a result code.
func called(t testing.TB, s *Server, method, code string) int {
	t.Helper()
	families, err := s.metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if l := m.GetLabel(); f.GetName() == "throng_api_requests_total" && l[1].GetValue() == method && l[0].GetValue() == code {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

// commandsOf returns the parameters of a batch.
func commandsOf(commands ...string) string {
	return `{"commands":[` + strings.Join(commands, ",") + `]}`
}

func TestABatchHasALimitOfCommands(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	const one = `{"publish":{"channel":"x","data":1}}`
	lines := strings.Repeat(`{"method":"publish","params":{"channel":"x","data":1}}`+"\n", api.MaxBatchCommands)
	most := slices.Repeat([]string{one}, api.MaxBatchCommands)
	if got := call(t, s, "batch", commandsOf(most...)); strings.Count(got, `{"publish":{}}`) != api.MaxBatchCommands {
		t.Fatalf("got %.200s, want %d replies", got, api.MaxBatchCommands)
	}
	if _, got := post(t, s, "/api", lines, "X-API-Key", s.cfg.API.Key); strings.Count(got, `{"result":{}}`) != api.MaxBatchCommands {
		t.Fatalf("got %.200s, want %d replies", got, api.MaxBatchCommands)
	}
	before := called(t, s, "publish", "0")
	wantError(t, s, "batch", commandsOf(append(most, one)...), 106, "1000 commands")
	if status, got := post(t, s, "/api", lines+lines, "X-API-Key", s.cfg.API.Key); status != http.StatusBadRequest || !strings.Contains(got, `"code":106,`) {
		t.Fatalf("got %d %s, want 400 and error 106", status, got)
	}
	if n := called(t, s, "publish", "0"); n != before || n != 2*api.MaxBatchCommands {
		t.Errorf("got %d commands executed, and %d of requests with too many; want %d and none", before, n-before, 2*api.MaxBatchCommands)
	}
	channels := strings.Repeat(`"x",`, api.MaxBroadcast) + `"x"`
	wantError(t, s, "broadcast", `{"channels":[`+channels+`],"data":1}`, 106, "10000")
}

// piecewise is a connection that records the pieces that are written to it.
type piecewise struct {
	*httptest.ResponseRecorder
	longest   int
	deadlines []time.Time // of each piece; the zero time if it has none
	deadline  time.Time
	onWrite   func() error
	whole     bool // the response is complete
}

func (p *piecewise) SetWriteDeadline(at time.Time) error {
	p.deadline = at
	return nil
}

func (p *piecewise) Write(b []byte) (int, error) {
	if p.longest = max(p.longest, len(b)); p.onWrite != nil {
		if err := p.onWrite(); err != nil {
			return 0, err
		}
	}
	p.deadlines = append(p.deadlines, p.deadline)
	p.deadline = time.Time{}
	return p.ResponseRecorder.Write(b)
}

// askPiecewise sends a request to the API without a socket.
func askPiecewise(ctx context.Context, s *Server, path, body string, onWrite func() error) (p *piecewise) {
	p = &piecewise{ResponseRecorder: httptest.NewRecorder(), onWrite: onWrite}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("X-API-Key", s.cfg.API.Key)
	defer func() {
		if e := recover(); e != nil && e != http.ErrAbortHandler {
			panic(e)
		}
	}()
	s.api.ServeHTTP(p, r)
	p.whole = true
	return p
}

// startWithLongHistory runs a server with a room h:1, whose history has a number of publications of 60,000 bytes.
func startWithLongHistory(t *testing.T, publications int) *Server {
	t.Helper()
	s := startAPI(t, roomWithHistory("h:*"))
	for range publications {
		s.sessions.Publish(s.sessions.RoomRef("h:1"), chat.Publication{Data: []byte(`"` + strings.Repeat("x", 60_000) + `"`), Form: chat.FormJSON}, chat.PublishOptions{})
	}
	return s
}

const longHistory = `{"history":{"channel":"h:1","limit":-1}}`

// The replies of a batch are bounded for any commands, and are encoded while they are written.
func TestABatchHasALimitOfBytes(t *testing.T) {
	t.Parallel()
	s := startWithLongHistory(t, 100)
	commands := append(slices.Repeat([]string{longHistory}, 500), `{"publish":{"channel":"h:1","data":1}}`)
	atFirstWrite := -1
	got := askPiecewise(t.Context(), s, "/api/batch", commandsOf(commands...), func() error {
		if atFirstWrite < 0 {
			atFirstWrite = called(t, s, "history", "0")
		}
		return nil
	})
	body := got.Body.String()
	checkSchema(t, "batch", "Answer", body)
	if n := len(body); n > api.MaxBatchAnswer+200*len(commands) || n < api.MaxBatchAnswer/2 {
		t.Errorf("got %d bytes, want about %d at most", n, api.MaxBatchAnswer)
	}
	done, refused := strings.Count(body, `{"history":{"epoch":`), strings.Count(body, `"code":106,`)
	if done != 2 || refused != len(commands)-done || called(t, s, "history", "106") != 500-done {
		t.Errorf("got %d commands executed and %d rejected, want 2 and the others, all counted", done, refused)
	}
	if called(t, s, "publish", "0") != 0 || called(t, s, "publish", "106") != 1 {
		t.Error("the command after the limit was executed, or not counted")
	}
	if atFirstWrite != 1 || got.longest > api.ResponsePiece {
		t.Errorf("got %d histories read before the first byte was written, and a piece of %d bytes; want 1, and %d at most", atFirstWrite, got.longest, api.ResponsePiece)
	}
}

// Each piece of a long response has its own timeout: a client that reads is not closed, one that stops reading is.
func TestALongResponseHasATimeoutPerPiece(t *testing.T) {
	t.Parallel()
	s := startWithLongHistory(t, 100)
	for path, body := range map[string]string{
		"/api/history": `{"channel":"h:1","limit":-1}`,
		"/api/batch":   commandsOf(longHistory),
		"/api":         `{"method":"history","params":{"channel":"h:1","limit":-1}}`,
	} {
		p := askPiecewise(t.Context(), s, path, body, nil)
		if p.longest > api.ResponsePiece || len(p.deadlines) < 100 || p.Body.Len() < 6_000_000 || !p.whole {
			t.Fatalf("%s: got %d bytes in %d pieces of up to %d bytes, want pieces of %d at most", path, p.Body.Len(), len(p.deadlines), p.longest, api.ResponsePiece)
		}
		for i, at := range p.deadlines {
			if at.IsZero() {
				t.Fatalf("%s: piece %d has no deadline", path, i)
			}
		}
	}
}

// After the caller disconnected, no further command is executed.
func TestABatchEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	commands := slices.Repeat([]string{longHistory}, 2)
	for range 500 {
		commands = append(commands, `{"publish":{"channel":"h:1","data":1}}`)
	}
	for name, leave := range map[string]func(cancel func()) error{
		"its socket is closed":  func(func()) error { return errors.New("broken pipe") },
		"its request has ended": func(cancel func()) error { cancel(); return nil },
	} {
		s := startWithLongHistory(t, 100)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := askPiecewise(ctx, s, "/api/batch", commandsOf(commands...), func() error { return leave(cancel) })
		if reads, said := called(t, s, "history", "0"), called(t, s, "publish", "0"); reads != 1 || said != 0 || len(p.deadlines) > 2 || p.whole {
			t.Errorf("%s: got %d histories read, %d publications and %d pieces, whole: %v; want 1, none, those of one publication, and false", name, reads, said, len(p.deadlines), p.whole)
		}
	}
	s := startAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := askPiecewise(ctx, s, "/api/broadcast", `{"channels":["a","b"],"data":1}`, nil)
	if n := value(t, s, "throng_messages_total", ""); n != 0 {
		t.Errorf("a broadcast of a disconnected caller: got %v publications and %s", n, p.Body)
	}
}

// The same with a real connection: the batch ends with it.
func TestABatchEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := startWithLongHistory(t, 100)
	commands := slices.Repeat([]string{longHistory}, 2)
	for range 900 {
		commands = append(commands, `{"publish":{"channel":"h:1","data":1}}`)
	}
	ended := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		s.api.ServeHTTP(w, r)
	}))
	defer front.Close()
	conn, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The response of the first command does not fit into the socket buffers.
	if err := errors.Join(tcpOf(conn).SetReadBuffer(4<<10), conn.SetDeadline(time.Now().Add(testTimeout))); err != nil {
		t.Fatal(err)
	}
	body := commandsOf(commands...)
	fmt.Fprintf(conn, "POST /api/batch HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Length: %d\r\n\r\n%s", s.cfg.API.Key, len(body), body)
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(testTimeout):
		t.Fatal("the request did not end")
	}
	if n := called(t, s, "publish", "0"); n != 0 {
		t.Errorf("got %d publications of a disconnected caller, want none", n)
	}
}

// Older server libraries send several commands in one body, one per line.
func TestABodyMayHaveSeveralCommands(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	key := []string{"X-API-Key", s.cfg.API.Key}
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	for _, between := range []string{"\n", "\r\n", "", "\n\n"} {
		status, got := post(t, s, "/api", strings.Join([]string{
			`{"method":"publish","params":{"channel":"x","data":1}}`, `{"method":"publsh","params":{}}`,
			`{"id":7,"method":"presence_stats","params":{"channel":"x"}}`, `{"method":"publish","params":[]}`,
			`{"id":8,"method":"batch","params":{"commands":[]}}`, `{"method":"publish","parms":{}}`, "",
		}, between), key...)
		want := `{"result":{}}` + "\n" +
			`{"error":{"code":104,"message":"method not found: \"publsh\"; nearest: \"publish\""}}` + "\n" +
			`{"id":7,"result":{"num_clients":1,"num_users":1}}` + "\n" +
			`{"error":{"code":107,"message":"bad request: data or b64data: want one of them"}}` + "\n" +
			`{"id":8,"error":{"code":107,"message":"bad request: want no batch in a batch"}}` + "\n" +
			`{"error":{"code":107,"message":"bad request: unknown field \"parms\"; nearest: \"params\""}}`
		if status != http.StatusOK || got != want {
			t.Errorf("between them %q: got %d\n%s\nwant 200\n%s", between, status, got, want)
		}
		a.expectLine(`{"push":{"channel":"x","pub":{"data":1}}}`)
	}
	for _, bad := range []string{`{"method":"info"} x`, `{"method":"info"}]`, `{"method":"info"},{"method":"info"}`, "{\"method\":\"publish\",\"params\":{\"channel\":\"x\",\"data\":1}}\n{"} {
		if status, got := post(t, s, "/api", bad, key...); status != http.StatusBadRequest || !strings.Contains(got, `"code":107,`) {
			t.Errorf("%s: got %d %s, want 400 and error 107", bad, status, got)
		}
	}
	if n := called(t, s, "publish", "0"); n != 4 {
		t.Errorf("got %d publications, want 4: none of a body with an error", n)
	}
}

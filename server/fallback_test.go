package server

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/centrifugal/protocol"
	"google.golang.org/protobuf/proto"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// The HTTP fallbacks of the SDKs.

var streamKinds = []struct {
	name    string
	connect func(t testing.TB, s *Server, token string) *stream
}{{"http_stream", connectStream}, {"sse", connectEvents}}

func TestStreamsAndWebSocketsShareARoom(t *testing.T) {
	t.Parallel()
	s := startBackend(t, roomWith(func(o *chat.RoomOptions) { o.Pattern = "talk"; o.JoinLeave = true; o.Presence = true }))
	plain := dial(t, s, "talk")
	socket := connectSDK(t, s, signed(map[string]any{"sub": "socket"}))
	socket.sendLine(`{"id":2,"subscribe":{"channel":"talk"}}`)
	socket.expectLine(`{"id":2,"subscribe":{}}`)
	socket.line() // its own join
	for _, kind := range streamKinds {
		st := kind.connect(t, s, signed(map[string]any{"sub": kind.name}))
		if got := st.resp.Header; got.Get("Cache-Control") != "no-store" || got.Get("X-Accel-Buffering") != "no" || got.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got header %v", kind.name, got)
		}
		st.sendLine(`{"id":2,"subscribe":{"channel":"talk"}}`)
		st.expectLine(`{"id":2,"subscribe":{}}`)
		join := fmt.Sprintf(`{"push":{"channel":"talk","join":{"info":{"user":"%s","client":"%s"}}}}`, kind.name, st.client)
		st.expectLine(join)
		socket.expectLine(join)
		st.sendLine(`{"id":3,"publish":{"channel":"talk","data":{"from": "a stream"}}}`)
		pub := fmt.Sprintf(`{"push":{"channel":"talk","pub":{"data":{"from": "a stream"},"info":{"user":"%s","client":"%s"}}}}`, kind.name, st.client)
		st.expectLine(pub)
		st.expectLine(`{"id":3,"publish":{}}`)
		socket.expectLine(pub)
		plain.expect(ws.OpText, `{"from": "a stream"}`)
		plain.send(ws.OpText, "grüße\r\n👋")
		plain.expect(ws.OpText, "grüße\r\n👋")
		st.expectLine(`{"push":{"channel":"talk","pub":{"data":"grüße\r\n👋"}}}`)
		socket.expectLine(`{"push":{"channel":"talk","pub":{"data":"grüße\r\n👋"}}}`)
		st.sendLine(`{"id":4,"presence":{"channel":"talk"}}`)
		if got := st.line(); !strings.Contains(got, st.client) || !strings.Contains(got, `"user":"socket"`) {
			t.Errorf("%s: got presence %s", kind.name, got)
		}
		st.sendLine(`{"id":5,"unsubscribe":{"channel":"talk"}}`)
		st.expectLine(`{"id":5,"unsubscribe":{}}`)
		socket.line() // the leave
	}
}

// Commands that are sent one after another are handled in this order, and those of one request get one chunk of replies.
func TestEmulatedCommandsAreHandledInOrder(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	for _, kind := range streamKinds {
		st := kind.connect(t, s, "")
		st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}` + "\n" + `{"id":3,"unsubscribe":{"channel":"r"}}` + "\n" + `{"id":4,"subscribe":{"channel":"r"}}`)
		for n := 5; n < 50; n++ {
			st.sendLine(`{"id":%d,"publish":{"channel":"r","data":%d}}`, n, n)
		}
		st.expectLine(`{"id":2,"subscribe":{}}`)
		st.expectLine(`{"id":3,"unsubscribe":{}}`)
		st.expectLine(`{"id":4,"subscribe":{}}`)
		for n := 5; n < 50; n++ {
			if got := st.line(); !strings.Contains(got, fmt.Sprintf(`"data":%d,`, n)) {
				t.Fatalf("%s: got %s, want publication %d", kind.name, got, n)
			}
			st.expectLine(fmt.Sprintf(`{"id":%d,"publish":{}}`, n))
		}
	}
}

func TestAStreamInProtobuf(t *testing.T) {
	t.Parallel()
	s := startBackend(t, roomWith(func(o *chat.RoomOptions) { o.Pattern = "r"; o.Presence = true }))
	command := func(c *protocol.Command) string {
		b, err := protocol.NewProtobufCommandEncoder().Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	st := openStream(t, s, "POST", "/connection/http_stream", command(&protocol.Command{Id: 1, Connect: &protocol.ConnectRequest{}}),
		"Content-Type: application/octet-stream")
	if got := st.resp.Header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("got content type %q", got)
	}
	reply := func() *protocol.Reply {
		size, err := binary.ReadUvarint(st.body)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(st.body, b); err != nil {
			t.Fatal(err)
		}
		r := &protocol.Reply{}
		if err := r.UnmarshalCF(b); err != nil {
			t.Fatal(err)
		}
		return r
	}
	connected := reply().Connect
	send := func(c *protocol.Command) {
		t.Helper()
		body, err := proto.Marshal(&protocol.EmulationRequest{Session: connected.Session, Node: connected.Node, Data: []byte(command(c))})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := st.commands.Post("http://"+s.Addr().String()+"/emulation", "application/octet-stream", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			t.Fatalf("got %s", resp.Status)
		}
	}
	send(&protocol.Command{Id: 2, Subscribe: &protocol.SubscribeRequest{Channel: "r"}})
	if got := reply(); got.Id != 2 || got.Subscribe == nil {
		t.Fatalf("got %v", got)
	}
	data := string([]byte{0, '\r', '\n', 255})
	send(&protocol.Command{Id: 3, Publish: &protocol.PublishRequest{Channel: "r", Data: []byte(data)}})
	if got := reply(); got.Push == nil || string(got.Push.Pub.Data) != data {
		t.Fatalf("got %v", got)
	}
	if got := reply(); got.Id != 3 || got.Publish == nil {
		t.Fatalf("got %v", got)
	}
	for n := range 300 {
		send(&protocol.Command{Id: 4, Publish: &protocol.PublishRequest{Channel: "r", Data: bytes.Repeat([]byte{byte(n)}, 300)}})
		if got := reply(); got.Push == nil || len(got.Push.Pub.Data) != 300 {
			t.Fatalf("got %v", got)
		}
		reply()
	}
	send(&protocol.Command{Id: 5, Connect: &protocol.ConnectRequest{}})
	if got := reply(); got.Push == nil || got.Push.Disconnect == nil || got.Push.Disconnect.Code != 3501 {
		t.Fatalf("got %v", got)
	}
	if rest, err := io.ReadAll(st.body); err != nil || len(rest) > 0 {
		t.Errorf("after the disconnect: got %q, %v", rest, err)
	}
}

// A client that does not answer pings stays connected, and receives them.
func TestAStreamIsPingedAndNeedsNoPong(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, time.Second })
	for _, kind := range streamKinds {
		st := kind.connect(t, s, "")
		if st.pong {
			t.Errorf("%s: pongs are requested", kind.name)
		}
		for range 5 {
			if line, err := st.next(); err != nil || line != "{}" {
				t.Fatalf("%s: got %q, %v; want a ping", kind.name, line, err)
			}
		}
		st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
		st.expectLine(`{"id":2,"subscribe":{}}`)
	}
}

func TestAStreamEndsWithADisconnectPush(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	for _, kind := range streamKinds {
		st := kind.connect(t, s, "")
		st.sendLine(`{"id":2,"connect":{}}`)
		st.expectEnd(`{"push":{"disconnect":{"code":3501,"reason":"bad request"}}}`)
		eventually(t, "the session to be gone", func() bool { return st.post(`{"id":3,"rpc":{}}`) == http.StatusNotFound })
	}
}

func TestAStreamEndsAtAGracefulStop(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	st := connectStream(t, s, "")
	s.sessions.CloseAll()
	st.expectEnd(`{"push":{"disconnect":{"code":3001,"reason":"shutdown"}}}`)
}

// A stream whose client is gone ends its session at once, and leaves its rooms.
func TestAClosedStreamLeavesItsRooms(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	for _, kind := range streamKinds {
		st := kind.connect(t, s, "")
		st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
		st.expectLine(`{"id":2,"subscribe":{}}`)
		st.conn.Close()
		eventually(t, "the room to be empty", func() bool { return roomOf(s, "r") == nil })
		eventually(t, "the session to be gone", func() bool { return st.post(`{}`) == http.StatusNotFound })
	}
	eventually(t, "no connection", func() bool { return s.sessions.Live.Load() == 0 })
}

// The client of a stream is silent after its request: bytes after it end the connection, whether they come with the request or later.
func TestBytesAfterTheRequestEndAStream(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	st := connectStream(t, s, "")
	if _, err := io.WriteString(st.conn, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(st.body); err == nil {
		t.Error("the body ended as if it was complete")
	}
	eventually(t, "no connection", func() bool { return s.sessions.Live.Load() == 0 })
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, streamRequest(s, "POST", "/connection/http_stream", `{"id":1,"connect":{}}`)+"more"); err != nil {
		t.Fatal(err)
	}
	// The bytes may come before the handover or after it: then the response has begun.
	if got, _ := io.ReadAll(conn); strings.HasSuffix(string(got), "0\r\n\r\n") {
		t.Errorf("got a complete response: %q", got)
	}
	eventually(t, "no connection", func() bool { return s.sessions.Live.Load() == 0 })
}

// After a reconnect, a stream receives what it missed.
func TestAStreamRecovers(t *testing.T) {
	t.Parallel()
	s := startBackend(t, roomWith(func(o *chat.RoomOptions) {
		o.Pattern = "r"
		o.HistorySize = 100
		o.HistoryTTL = time.Hour
		o.Publish = chat.Anyone
		o.Recovery = true
	}))
	for _, kind := range streamKinds {
		st := kind.connect(t, s, "")
		st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
		var reply struct {
			Subscribe struct {
				Epoch  string
				Offset uint64
			}
		}
		if line := st.line(); json.Unmarshal([]byte(line), &reply) != nil || reply.Subscribe.Epoch == "" {
			t.Fatalf("got %s", line)
		}
		st.conn.Close()
		talker := connectSDK(t, s, "")
		for n := range 3 {
			talker.sendLine(`{"id":2,"publish":{"channel":"r","data":%d}}`, n)
			talker.expectLine(`{"id":2,"publish":{}}`)
		}
		st = kind.connect(t, s, "")
		st.sendLine(`{"id":2,"subscribe":{"channel":"r","recover":true,"epoch":"%s","offset":%d}}`, reply.Subscribe.Epoch, reply.Subscribe.Offset)
		line := st.line()
		if !strings.Contains(line, `"recovered":true`) || strings.Count(line, `"data":`) != 3 {
			t.Errorf("%s: got %s, want three recovered publications", kind.name, line)
		}
	}
}

// Long replies are written in parts: a head for each client, and a shared body.
func TestLongRepliesOfStreams(t *testing.T) {
	t.Parallel()
	s := startBackend(t, roomWith(func(o *chat.RoomOptions) {
		o.Pattern = "r"
		o.HistorySize = 1000
		o.HistoryTTL = time.Hour
		o.Publish = chat.Anyone
	}))
	talker := connectSDK(t, s, "")
	for n := range 100 {
		talker.sendLine(`{"id":2,"publish":{"channel":"r","data":{"n":%d,"text":"%s"}}}`, n, strings.Repeat("x", 500))
		talker.expectLine(`{"id":2,"publish":{}}`)
	}
	for _, kind := range streamKinds {
		st := kind.connect(t, s, "")
		st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
		st.line()
		st.sendLine(`{"id":3,"history":{"channel":"r","limit":-1}}` + "\n" + `{"id":4,"unsubscribe":{"channel":"r"}}`)
		var reply struct {
			ID      int
			History struct {
				Publications []struct{ Data struct{ N int } }
			}
		}
		line := st.line()
		if err := json.Unmarshal([]byte(line), &reply); err != nil || reply.ID != 3 || len(reply.History.Publications) != 100 || reply.History.Publications[99].Data.N != 99 {
			t.Fatalf("%s: got %d publications, %v: %.200s", kind.name, len(reply.History.Publications), err, line)
		}
		st.expectLine(`{"id":4,"unsubscribe":{}}`)
	}
	if got := value(t, s, "throng_long_replies_total", ""); got != 2 {
		t.Errorf("got %v long replies, want 2: the history must be a bulk reply", got)
	}
}

// Not parallel: it counts goroutines.
func TestAStreamHasNoGoroutine(t *testing.T) {
	s := startBackend(t)
	connectStream(t, s, "")
	s.edge.Pending.Count()
	before := runtime.NumGoroutine()
	var all []*stream
	for range 50 {
		all = append(all, connectStream(t, s, ""), connectEvents(t, s, ""))
	}
	for _, st := range all {
		st.commands.CloseIdleConnections()
	}
	eventually(t, "the goroutines of the requests to end", func() bool { return runtime.NumGoroutine() <= before+10 })
	if got := s.sessions.Live.Load(); got != 101 {
		t.Errorf("got %d connections, want 101", got)
	}
	if got := value(t, s, "throng_streams_accepted_total", "sse"); got != 50 {
		t.Errorf("got %v streams, want 50", got)
	}
}

func TestStreamsOverTLS(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	for _, cfg := range []*tls.Config{tls13, tls12} {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", s.TLSAddr().String(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		st := openStreamOn(t, s, conn, "POST", "/connection/http_stream", `{"id":1,"connect":{}}`).connected()
		st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
		st.expectLine(`{"id":2,"subscribe":{}}`)
		dial(t, s, "r").send(ws.OpText, "hello")
		st.expectLine(`{"push":{"channel":"r","pub":{"data":"hello"}}}`)
		st.sendLine(`{"id":2,"connect":{}}`)
		st.expectEnd(`{"push":{"disconnect":{"code":3501,"reason":"bad request"}}}`)
	}
}

// The connect webhook decides about a stream as about a WebSocket, and knows its transport.
func TestTheConnectWebhookKnowsTheTransport(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"user":"ann"}}`)})
	s := startHooked(t, a, func(c *Config) { c.Guests = "off" })
	connectStream(t, s, "")
	connectEvents(t, s, "")
	openStream(t, s, "GET", "/connection/uni_sse", "").line()
	var got []string
	for _, q := range a.of(session.OnConnect) {
		got = append(got, q.Transport)
	}
	if fmt.Sprint(got) != "[http_stream sse uni_sse]" {
		t.Errorf("got transports %v", got)
	}
}

// The limits of WebSocket clients hold for the commands of streams.
func TestTheRateOfCommandsHoldsForStreams(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Rate = 5 })
	st := connectStream(t, s, "")
	st.sendLine("%s", strings.Repeat(`{"id":2,"unsubscribe":{"channel":"r"}}`+"\n", 100))
	rejected := 0
	for range 100 {
		if strings.Contains(st.line(), `"code":111`) {
			rejected++
		}
	}
	if rejected < 50 {
		t.Errorf("got %d rejected commands of 100", rejected)
	}
}

func TestMaxConnectionsCountsStreams(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 2 })
	connectStream(t, s, "")
	connectEvents(t, s, "")
	st := openStream(t, s, "POST", "/connection/http_stream", `{"id":1,"connect":{}}`)
	if st.resp.StatusCode != http.StatusServiceUnavailable || st.resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %s, want 503", st.resp.Status)
	}
	if closed := closesBy(s, fanout.ClosedLimit); closed != 0 {
		t.Errorf("got %d closes", closed)
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server"
)

// A plain room sends back each message, which must not pass for a reply.
func TestPublishAtAPlainRoomFails(t *testing.T) {
	t.Parallel()
	sd := &served{config: writeTemp(t, "throng.toml", "listen = \"127.0.0.1:0\"\nadmin = \"off\"\n")}
	sd.start(t)
	t.Cleanup(func() { sd.stop() })
	for _, args := range [][]string{{"publish", "lobby", "hi"}, {"listen", "lobby"}} {
		c := call(t, "", append(args, "--url", fmt.Sprintf("ws://%s/ws", sd.server.Addr()))...)
		if c.code() != exitFailed || c.out != "" || !strings.Contains(c.err.Error(), "their path is /connection/websocket") {
			t.Errorf("%v: got exit %d, %q, %v", args, c.code(), c.out, c.err)
		}
	}
}

// served is a server in this process.
type served struct {
	config string // its file
	server *server.Server
	stop   func()
	api    *http.Client
}

// serveHere starts a server with a secret for tokens and an API key. It stops with the test.
func serveHere(t *testing.T, more string) *served {
	t.Helper()
	dir, err := os.MkdirTemp("", "t") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	public := filepath.Join(dir, "s")
	sd := &served{config: writeTemp(t, "throng.toml", fmt.Sprintf("listen = %q\nadmin = %q\n%s[token]\nhmac-secret = %q\n[api]\nkey = %[4]q\n", "unix:"+public, "unix:"+filepath.Join(dir, "a"), more, testSecret))}
	sd.api = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", public)
	}}}
	sd.start(t)
	t.Cleanup(func() { sd.stop() })
	t.Cleanup(sd.api.CloseIdleConnections)
	return sd
}

// start starts the server of the config file.
func (sd *served) start(t *testing.T) {
	t.Helper()
	cfg, _, err := (&serverSettings{Config: sd.config}).load()
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	srv.Ready = func() { close(ready) }
	go func() { ended <- srv.Run(ctx) }()
	<-ready
	sd.server = srv
	stopped := false
	sd.stop = func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
}

// call calls a method of the server API.
func (sd *served) call(t *testing.T, method, params string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://localhost/api/"+method, strings.NewReader(params))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", testSecret)
	response, err := sd.api.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || strings.Contains(string(body), `"error"`) {
		t.Fatalf("%s: got %s, %v", method, body, err)
	}
}

// heardLines is a throng listen in this process.
type heardLines struct {
	lines *bufio.Scanner
	ended chan error
}

func listenTo(t *testing.T, args ...string) *heardLines {
	t.Helper()
	reader, writer := io.Pipe()
	hl := &heardLines{lines: bufio.NewScanner(reader), ended: make(chan error, 1)}
	ctx, err := parseArgs(append([]string{"listen"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		hl.ended <- ctx.Run(parsing(parseArgs), &streams{in: strings.NewReader(""), out: writer, err: io.Discard})
		_ = writer.Close()
	}()
	t.Cleanup(func() { _ = reader.Close() })
	return hl
}

// next returns the next line.
func (hl *heardLines) next(t *testing.T) (line listenLine) {
	t.Helper()
	if !hl.lines.Scan() {
		t.Fatalf("no line: %v, %v", hl.lines.Err(), <-hl.ended)
	}
	if err := json.Unmarshal(hl.lines.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

// text returns the message of the next line, which must be a publication.
func (hl *heardLines) text(t *testing.T) string {
	t.Helper()
	line := hl.next(t)
	var message struct{ Text string }
	if err := json.Unmarshal(line.Data, &message); err != nil || line.Type != linePublication {
		t.Fatalf("got %+v, want a message", line)
	}
	return message.Text
}

const recoverable = "[[room]]\npattern = \"chat:*\"\nhistory-size = 10\nhistory-ttl = \"1h\"\nrecovery = true\n"

func TestPublishAndListen(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, recoverable)
	hl := listenTo(t, "--config", sd.config, "chat:tea", "--count", "4")
	first := hl.next(t)
	if first.Type != lineSubscribed || first.Room != "chat:tea" || first.Epoch == "" {
		t.Fatalf("got %+v", first)
	}
	mustCall(t, "", "publish", "--config", sd.config, "--user", "ann", "chat:tea", "good <day>")
	line := hl.next(t)
	var message map[string]string
	if err := json.Unmarshal(line.Data, &message); err != nil || message["text"] != "good <day>" || len(message["id"]) != 24 {
		t.Errorf("got %s, %v", line.Data, err)
	}
	if line.Info == nil || line.Info.User != "ann" || string(line.Info.ConnInfo) != `{"name":"ann"}` || line.Offset != 1 || line.Epoch != first.Epoch {
		t.Errorf("got %+v, %+v", line, line.Info)
	}
	mustCall(t, "one\n\ntwo\n", "publish", "--config", sd.config, "chat:tea")
	if got := hl.text(t) + hl.text(t); got != "onetwo" {
		t.Errorf("got %q", got)
	}
	mustCall(t, `{"a":[1]}`, "publish", "--config", sd.config, "--json", "chat:tea")
	if line := hl.next(t); string(line.Data) != `{"a":[1]}` {
		t.Errorf("got %s", line.Data)
	}
	if err := <-hl.ended; err != nil {
		t.Error(err)
	}
}

// After a cut, listen prints what was published meanwhile.
func TestListenRecoversAfterACut(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, recoverable)
	hl := listenTo(t, "--config", sd.config, "--user", "bob", "chat:tea", "--count", "2")
	hl.next(t)
	sd.call(t, "disconnect", `{"user":"bob","disconnect":{"code":4000,"reason":"test"}}`)
	sd.call(t, "publish", `{"channel":"chat:tea","data":{"text":"one"}}`)
	sd.call(t, "publish", `{"channel":"chat:tea","data":{"text":"two"}}`)
	if line := hl.next(t); line.Type != lineSubscribed {
		t.Errorf("got %+v, want that it is subscribed again", line)
	}
	if got := hl.text(t) + hl.text(t); got != "onetwo" {
		t.Errorf("got %q", got)
	}
	if err := <-hl.ended; err != nil {
		t.Error(err)
	}
}

// If the server cannot recover what was published meanwhile, listen says so: here it has lost its memory.
func TestListenSaysThatPublicationsAreLost(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, recoverable)
	rooms := []string{"chat:tea", "plain"}
	var all []*heardLines
	for _, room := range rooms {
		hl := listenTo(t, "--config", sd.config, room, "--count", "1")
		hl.next(t)
		all = append(all, hl)
	}
	sd.stop()
	sd.api.CloseIdleConnections()
	sd.start(t)
	for i, hl := range all {
		if line := hl.next(t); line.Type != lineLost {
			t.Errorf("%s: got %+v, want that publications are lost", rooms[i], line)
		}
		sd.call(t, "publish", fmt.Sprintf(`{"channel":%q,"data":{"text":"later"}}`, rooms[i]))
		if got := hl.text(t); got != "later" {
			t.Errorf("%s: got %q", rooms[i], got)
		}
		if err := <-hl.ended; err != nil {
			t.Error(err)
		}
	}
}

func TestListenSince(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, recoverable)
	mustCall(t, "one\ntwo\nthree\n", "publish", "--config", sd.config, "chat:tea")
	hl := listenTo(t, "--config", sd.config, "chat:tea", "--count", "1")
	at := hl.next(t)
	sd.call(t, "publish", `{"channel":"chat:tea","data":{"text":"four"}}`)
	hl.next(t)

	since := listenTo(t, "--config", sd.config, "chat:tea", "--since", "1@"+at.Epoch, "--count", "3")
	if line := since.next(t); line.Type != lineSubscribed || line.Offset != 1 {
		t.Errorf("got %+v", line)
	}
	if got := since.text(t) + since.text(t) + since.text(t); got != "twothreefour" {
		t.Errorf("got %q", got)
	}

	other := listenTo(t, "--config", sd.config, "chat:tea", "--since", "1@other", "--count", "1")
	if line := other.next(t); line.Type != lineLost || line.Epoch != at.Epoch || line.Offset != 4 {
		t.Errorf("an unknown epoch: got %+v, want that publications are lost", line)
	}
	sd.call(t, "publish", `{"channel":"chat:tea","data":{"text":"five"}}`)
	if got := other.text(t); got != "five" {
		t.Errorf("got %q", got)
	}
	for _, hl := range []*heardLines{hl, since, other} {
		if err := <-hl.ended; err != nil {
			t.Error(err)
		}
	}
}

// A long standard input is published in full, although it exceeds the rate of a connection.
func TestPublishWaitsForTheRate(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, "rate = 20\n"+recoverable)
	const lines = 50 // 40 in a burst
	hl := listenTo(t, "--config", sd.config, "chat:tea", "--count", fmt.Sprint(lines))
	hl.next(t)
	var in strings.Builder
	for i := range lines {
		fmt.Fprintln(&in, i)
	}
	if c := call(t, in.String(), "publish", "--config", sd.config, "chat:tea"); c.err != nil || !strings.Contains(c.notes, "published 50 lines") {
		t.Fatalf("got %q, %v", c.notes, c.err)
	}
	for i := range lines {
		if got := hl.text(t); got != fmt.Sprint(i) {
			t.Fatalf("got %q, want %d", got, i)
		}
	}
}

func TestClientsSayWhyTheyFail(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, "guests = \"off\"\n[[room]]\npattern = \"off:*\"\nsubscribe = \"nobody\"\n")
	cfg, _, err := (&serverSettings{Config: sd.config}).load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		code int
		says string
		args []string
	}{
		{exitFailed, "no such file", []string{"listen", "--url", "unix:/nowhere", "a"}},
		{exitFailed, "the server closed the connection: 3501 bad request: token required", []string{"listen", "--url", cfg.Listen, "a"}},
		{exitFailed, "the server closed the connection: 3500 invalid token", []string{"publish", "--url", cfg.Listen, "--token", "x", "a", "text"}},
		{exitFailed, `room "off:a": 103 permission denied`, []string{"listen", "--config", sd.config, "off:a"}},
		{exitFailed, `not published: room "off:a": 103 permission denied`, []string{"publish", "--config", sd.config, "off:a", "text"}},
		{exitFailed, `not published: room "off:a": 103 permission denied`, []string{"publish", "--config", sd.config, "--no-join", "off:a", "text"}},
		{exitUsage, "the text is not JSON", []string{"publish", "--config", sd.config, "--json", "a", "text"}},
		{exitUsage, `url = "ftp://a": the scheme must be`, []string{"listen", "--url", "ftp://a", "a"}},
		{exitUsage, `since = "7": must be OFFSET@EPOCH`, []string{"listen", "--since", "7", "a"}},
		{exitUsage, "user: needs the key", []string{"listen", "--url", "ws://127.0.0.1:1", "--user", "ann", "a"}},
		{exitUsage, "must have the same scheme", []string{"listen", "--url", "ws://127.0.0.1:1,wss://127.0.0.1:1", "a"}},
		{exitUsage, "must be the only server", []string{"listen", "--url", "ws://127.0.0.1:1,unix:/run/s", "a"}},
		{exitFailed, "connect to ws://127.0.0.1:1/connection/websocket,ws://127.0.0.1:2/connection/websocket: ", []string{"listen", "--url", "ws://127.0.0.1:1,ws://127.0.0.1:2", "a"}},
		{exitUsage, "are for a server with TLS", []string{"listen", "--url", "ws://127.0.0.1:1", "--insecure", "a"}},
		{exitUsage, "standard input has the messages", []string{"publish", "--token-file", "-", "a"}},
	} {
		if c := call(t, "", tt.args...); c.code() != tt.code || c.out != "" || !strings.Contains(c.err.Error(), tt.says) {
			t.Errorf("%v: got exit %d, %q, %v, want %d and %q", tt.args, c.code(), c.out, c.err, tt.code, tt.says)
		}
	}
}

func TestAddressesOfClients(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]serverAddress{
		"ws://a:1":            {url: "ws://a:1" + socketPath},
		"https://a":           {url: "wss://a" + socketPath},
		"wss://a/chat/socket": {url: "wss://a/chat/socket"},
		"unix:/run/s":         {url: "ws://localhost" + socketPath, socket: "/run/s"},
	} {
		if got, err := clientAddress(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for address, want := range map[string]string{":3000": "127.0.0.1:3000", "0.0.0.0:1": "127.0.0.1:1", "[::]:1": "[::1]:1", "10.0.0.1:1": "10.0.0.1:1", "host:1": "host:1"} {
		if got := reachable(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

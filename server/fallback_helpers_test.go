package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// stream is a client of an HTTP fallback: the response that it reads.
type stream struct {
	t        testing.TB
	s        *Server
	conn     net.Conn
	resp     *http.Response
	body     *bufio.Reader // decodes the chunks
	commands *http.Client
	scheme   string
	session  string
	node     string
	client   string
	ping     int
	pong     bool
}

// openStream sends a request for a stream and reads the head of the response. connect is the body, or with GET the query parameter.
func openStream(t testing.TB, s *Server, method, path, connect string, lines ...string) *stream {
	t.Helper()
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return openStreamOn(t, s, conn, method, path, connect, lines...)
}

func openStreamOn(t testing.TB, s *Server, conn net.Conn, method, path, connect string, lines ...string) *stream {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, streamRequest(s, method, path, connect, lines...)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	scheme := "http"
	if _, ok := conn.(*tls.Conn); ok {
		scheme = "https"
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialContext(ctx, &net.Dialer{}, address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &stream{
		t: t, s: s, conn: conn, resp: resp, body: bufio.NewReader(resp.Body), scheme: scheme,
		commands: &http.Client{Transport: transport, Timeout: testTimeout},
	}
}

func streamRequest(s *Server, method, path, connect string, lines ...string) string {
	more := strings.Join(append(lines, ""), "\r\n")
	if method == http.MethodGet {
		return fmt.Sprintf("GET %s?cf_connect=%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, url.QueryEscape(connect), s.Addr(), more)
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", method, path, s.Addr(), more, len(connect), connect)
}

// line returns the next message: a line, or the data of an event. It skips pings.
func (st *stream) line() string {
	st.t.Helper()
	for {
		line, err := st.next()
		if err != nil {
			st.t.Fatalf("got %v, want a message", err)
		}
		if line != "{}" {
			return line
		}
		st.ping++
	}
}

func (st *stream) next() (string, error) {
	line, err := st.body.ReadString('\n')
	if err != nil {
		return line, err
	}
	line = strings.TrimSuffix(line, "\n")
	data, isEvent := strings.CutPrefix(line, "data: ")
	if !isEvent {
		return line, nil
	}
	if end, err := st.body.ReadString('\n'); err != nil || end != "\n" {
		return line, fmt.Errorf("event ends with %q, %v", end, err)
	}
	return data, nil
}

func (st *stream) expectLine(line string) {
	st.t.Helper()
	if got := st.line(); got != line {
		st.t.Fatalf("got  %s\nwant %s", got, line)
	}
}

// expectEnd fails the test unless this disconnect follows, then the end of the body and of TCP.
func (st *stream) expectEnd(push string) {
	st.t.Helper()
	st.expectLine(push)
	if rest, err := io.ReadAll(st.body); err != nil || len(rest) > 0 {
		st.t.Fatalf("after the disconnect: got %q, %v; want the end of the body", rest, err)
	}
	if n, err := st.conn.Read(make([]byte, 1)); err != io.EOF {
		st.t.Fatalf("after the body: got %d bytes, %v; want the end of TCP", n, err)
	}
}

// connected reads the reply to connect.
func (st *stream) connected() *stream {
	st.t.Helper()
	if st.resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(st.body)
		st.t.Fatalf("got %s %s", st.resp.Status, text)
	}
	var reply struct {
		Connect struct {
			Client, Session, Node string
			Ping                  int
			Pong                  bool
		}
	}
	line := st.line()
	if err := json.Unmarshal([]byte(line), &reply); err != nil || len(reply.Connect.Session) != 32 || reply.Connect.Node == "" {
		st.t.Fatalf("got %s, %v; want a reply to connect with a session", line, err)
	}
	st.session, st.node, st.client, st.pong = reply.Connect.Session, reply.Connect.Node, reply.Connect.Client, reply.Connect.Pong
	return st
}

// connectStream opens a stream in JSON and connects, with a token unless token is empty.
func connectStream(t testing.TB, s *Server, token string) *stream {
	t.Helper()
	return openStream(t, s, "POST", "/connection/http_stream", fmt.Sprintf(`{"id":1,"connect":{"token":%q}}`, token)).connected()
}

// connectEvents is connectStream for EventSource.
func connectEvents(t testing.TB, s *Server, token string) *stream {
	t.Helper()
	return openStream(t, s, "GET", "/connection/sse", fmt.Sprintf(`{"id":1,"connect":{"token":%q}}`, token)).connected()
}

// post sends commands and returns the status.
func (st *stream) post(commands string) int {
	st.t.Helper()
	return postCommands(st.t, st.commands, st.scheme+"://"+st.address(), st.session, commands)
}

func (st *stream) address() string {
	if st.scheme == "https" {
		return st.s.TLSAddr().String()
	}
	return st.s.Addr().String()
}

func postCommands(t testing.TB, by *http.Client, site, session, commands string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"session": session, "node": "", "data": commands})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := by.Post(site+"/emulation", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode == http.StatusNotFound && len(text) > 0 {
		t.Fatalf("got %q, %v", text, err)
	}
	return resp.StatusCode
}

// sendLine sends a command that must be accepted.
func (st *stream) sendLine(format string, args ...any) {
	st.t.Helper()
	if status := st.post(fmt.Sprintf(format, args...)); status != http.StatusNoContent {
		st.t.Fatalf("got status %d for a command, want 204", status)
	}
}

// roomWith returns a room for all clients, with changed options.
func roomWith(change func(*chat.RoomOptions)) chat.RoomOptions {
	o := chat.DefaultRoom()
	change(&o)
	return o
}

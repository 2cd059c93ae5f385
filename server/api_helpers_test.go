package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

const testKey = "the key of the tests"

// startAPI runs a server with the API key and the token key of the tests, and the given rooms.
func startAPI(t testing.TB, rooms ...chat.RoomOptions) *Server {
	t.Helper()
	return startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.OtherRooms = chat.RoomsOpen
		c.API.Key = strings.ReplaceAll(testKey, " ", "-")
		c.Rooms = rooms
	})
}

// roomWithHistory returns the default options of a room, with a history.
func roomWithHistory(pattern string) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery = pattern, 100, time.Hour, true
	return o
}

// call calls a method of the server API and returns the response. It checks the response with the schema of openapi.json.
func call(t testing.TB, s *Server, method, params string) string {
	t.Helper()
	status, body := post(t, s, "/api/"+method, params, "X-API-Key", s.cfg.API.Key)
	if status != http.StatusOK {
		t.Fatalf("%s %s: got status %d %s", method, params, status, body)
	}
	checkSchema(t, method, "Answer", body)
	if params != "" && !strings.Contains(body, `{"error":`) {
		checkSchema(t, method, "Request", params)
	}
	return body
}

// wantCall fails the test unless the response is exactly answer.
func wantCall(t testing.TB, s *Server, method, params, answer string) {
	t.Helper()
	if got := call(t, s, method, params); got != answer {
		t.Fatalf("%s %s\ngot  %s\nwant %s", method, params, got, answer)
	}
}

// wantError fails the test unless the response is an error with this code and text.
func wantError(t testing.TB, s *Server, method, params string, code int, text string) {
	t.Helper()
	var got struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body := call(t, s, method, params)
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Error.Code != code || !strings.Contains(got.Error.Message, text) {
		t.Fatalf("%s %s: got %s, want error %d that says %q", method, params, body, code, text)
	}
}

func post(t testing.TB, s *Server, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := publicHTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// enter subscribes to a room and returns the reply.
func (c *sdk) enter(room string) string {
	c.t.Helper()
	c.sendLine(`{"id":2,"subscribe":{"channel":%q}}`, room)
	line := c.line()
	if !strings.HasPrefix(line, `{"id":2,"subscribe":`) {
		c.t.Fatalf("got %s, want a subscription to %q", line, room)
	}
	return line
}

// clientOf returns the client ID of the only connection of a user.
func clientOf(t testing.TB, s *Server, user string) string {
	t.Helper()
	sessions := sessionsOf(s, user)
	if len(sessions) != 1 {
		t.Fatalf("got %d connections of %q, want 1", len(sessions), user)
	}
	return sessions[0].ClientID()
}

func tokenOf(name string) string { return signed(map[string]any{"sub": name}) }

// epochOf returns the epoch of the history of a room.
func epochOf(h *chat.Hub, room string) string {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	return r.History.Epoch
}

package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/doctable"
)

// startAudited is startReloadable with an audit log and a key of each role. lines waits for n lines and returns them.
func startAudited(t *testing.T) (s *reloadable, lines func(n int) []map[string]any, text func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	s = startReloadable(t, func(c *Config) {
		c.Token.HMACSecret, c.OtherRooms, c.AuditLog, c.Rooms = testSecret, "open", path, []chat.RoomOptions{roomWithHistory("h:*")}
		for _, role := range api.Roles {
			c.APIKeys = append(c.APIKeys, APIKey{Name: "k-" + string(role), Role: string(role), Key: keyOf(string(role))})
		}
	})
	text = func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return s, func(n int) (all []map[string]any) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " lines of the audit log"), func() bool { return strings.Count(text(), "\n") >= n })
		for line := range strings.Lines(text()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			all = append(all, fields)
		}
		if len(all) != n {
			t.Errorf("got %d lines, want %d: %s", len(all), n, text())
		}
		return all
	}, text
}

// Each method that changes something makes a line with its caller and its target, in a batch as well, and without its data.
func TestAPICallsAreAudited(t *testing.T) {
	t.Parallel()
	s, lines, text := startAudited(t)
	key := []string{"X-API-Key", keyOf("all")}
	params := map[string]string{
		"subscribe": `{"user":"ann","channel":"h:1","data":{"x":"HUSH"},"info":{"x":"HUSH"}}`, "refresh": `{"user":"ann","expire_at":4000000000,"info":{"x":"HUSH"}}`,
		"disconnect": `{"user":"ann","disconnect":{"code":4500,"reason":"too loud"}}`, "redact": `{"channel":"h:1","offset":1}`,
		"slow_mode": `{"channel":"h:1","seconds":5}`, "revoke": `{"user":"ann","jti":"id-1"}`,
		"history_remove": `{"channel":"h:1"}`, "clear_history": `{"channel":"h:1"}`,
	}
	if status, body := post(t, s.Server, "/api/publish", `{"channel":"h:1","data":"HUSH"}`, key...); status != http.StatusOK {
		t.Fatal(body)
	}
	n := 1 // the start
	for _, method := range slices.Sorted(func(yield func(string) bool) {
		for m := range api.APIMethods() {
			if !yield(m) {
				return
			}
		}
	}) {
		p := params[method]
		if p == "" {
			p = `{"user":"ann","channel":"h:1"}`
		}
		if method == "publish" || method == "broadcast" || method == "batch" {
			continue
		}
		post(t, s.Server, "/api/"+method, p, key...)
		if !api.Audited[method] {
			continue
		}
		n++
		got := lines(n)[n-1]
		if got["action"] != method || got["actor_type"] != "api_key" || got["actor"] != "k-all" || !strings.HasPrefix(got["address"].(string), "127.0.0.1:") {
			t.Errorf("%s: got %v", method, got)
		}
		if got["user"] != "ann" && got["room"] != "h:1" {
			t.Errorf("%s: got %v, want its target", method, got)
		}
	}
	if got := text(); strings.Contains(got, "HUSH") || strings.Contains(got, keyOf("all")) {
		t.Errorf("got secrets or data in %s", got)
	}
	post(t, s.Server, "/api/batch", `{"commands":[{"ban":{"user":"ben","seconds":60,"reason":"too loud"}},{"info":{}}]}`, key...)
	if got := lines(n + 1)[n]; got["action"] != "ban" || got["user"] != "ben" || got["seconds"] != 60.0 || got["reason"] != "too loud" || got["result"] != "done" {
		t.Errorf("got %v, want the ban of a batch", got)
	}
	post(t, s.Server, "/api/ban", `{"user":"ben","seconds":-1,"reason":"`+strings.Repeat("x", 257)+`"}`, key...)
	if got := lines(n + 2)[n+1]; got["result"] != "rejected" || got["reason"] != nil || !strings.HasPrefix(got["error"].(string), "bad request: reason") {
		t.Errorf("got %v, want the rejected ban", got)
	}
	// A call beyond the role of its key, in each form; a wrong key makes no line.
	readOnly := []string{"X-API-Key", keyOf("read-only")}
	post(t, s.Server, "/api/publish", `{"channel":"h:1","data":"HUSH"}`, readOnly...)
	post(t, s.Server, "/api/batch", `{"commands":[{"ban":{"user":"ben"}}]}`, readOnly...)
	post(t, s.Server, "/api/ban", `{"user":"ben"}`, "X-API-Key", "wrong")
	all := lines(n + 4)
	for i, method := range []string{"publish", "ban"} {
		if got := all[n+2+i]; got["action"] != method || got["actor"] != "k-read-only" || got["result"] != "rejected" || !strings.HasPrefix(got["error"].(string), "permission denied") {
			t.Errorf("got %v, want the rejected %s", got, method)
		}
	}
}

func TestReloadsAndOperatorsAreAudited(t *testing.T) {
	t.Parallel()
	s, lines, _ := startAudited(t)
	connectSDK(t, s.Server, tokenOf("ann"))
	s.next.Rate, s.next.PingTimeout = 9, s.next.PingTimeout*2
	s.Reload(audit.Actor{Type: audit.BySignal, Name: "SIGHUP"})
	s.err = fmt.Errorf("the mistake")
	req, err := http.NewRequest(http.MethodPost, "http://"+s.AdminAddr().String()+"/-/reload", nil)
	if err != nil {
		t.Fatal(err)
	}
	do := func(req *http.Request) {
		t.Helper()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	do(req)
	if req, err = http.NewRequest(http.MethodDelete, fmt.Sprintf("http://%s/connections/%d", s.AdminAddr(), sessionOf(t, s.Server, "ann").Conn.ID), nil); err != nil {
		t.Fatal(err)
	}
	do(req)
	all := lines(4)
	if got := all[1]; got["action"] != "reload" || got["actor_type"] != "signal" || got["actor"] != "SIGHUP" || fmt.Sprint(got["settings"]) != "[rate]" ||
		fmt.Sprint(got["needs_restart"]) != "[ping-timeout]" || got["result"] != "done" {
		t.Errorf("got %v", got)
	}
	if got := all[2]; got["action"] != "reload" || got["actor_type"] != "admin" || got["error"] != "the mistake" || got["result"] != "rejected" ||
		fmt.Sprint(got["settings"]) != "[]" || fmt.Sprint(got["needs_restart"]) != "[]" {
		t.Errorf("got %v", got)
	}
	if got := all[3]; got["action"] != "close_connection" || got["actor_type"] != "admin" || got["connection"] == "" {
		t.Errorf("got %v", got)
	}
}

// docs/operations.md has each field and each action of the audit log.
func TestThePageHasTheAuditLog(t *testing.T) {
	t.Parallel()
	var fields, actions, methods []string
	for _, row := range doctable.Rows(t, "operations.md", "field", "in lines about", "meaning") {
		fields = append(fields, strings.Trim(row[0], "`"))
	}
	doctable.Same(t, "fields of the audit log", fields, audit.Fields)
	for _, row := range doctable.Rows(t, "operations.md", "action", "`actor_type`", "when") {
		actions = append(actions, codeNames(row[0])...)
	}
	for method := range api.Audited {
		methods = append(methods, method)
		if api.APIMethods()[method] == nil {
			t.Errorf("%s is not a method", method)
		}
	}
	methods = append(methods, slices.Collect(maps.Keys(api.AuditedOfOperators))...)
	doctable.Same(t, "actions", actions, append(methods, string(audit.Started), string(audit.Stopped), string(audit.Reload), string(audit.CloseConnection), string(audit.Drain), string(audit.Export), string(audit.Dropped)))
}

// Each act of a user on a room is a line with that user.
func TestActsOfModeratorsAreAudited(t *testing.T) {
	t.Parallel()
	s, lines, _ := startAudited(t)
	s.next.Rooms = append([]chat.RoomOptions{rosterRooms("team:*")}, s.next.Rooms...)
	s.Reload(audit.Actor{Type: audit.BySignal, Name: "SIGHUP"})
	n := len(lines(2))
	mod := connectSDK(t, s.Server, tokenOf("mod"))
	for _, c := range []struct{ method, params, action, user, result string }{
		{"room_create", `{"channel":"team:a"}`, "room_create", "mod", "done"},
		{"invite", `{"channel":"team:a","users":["ann","bob"]}`, "members_add", "ann", "done"},
		{"role", `{"channel":"team:a","user":"bob","role":"moderator"}`, "members_role", "bob", "done"},
		{"room_update", `{"channel":"team:a","title":"Tea"}`, "room_update", "", "done"},
		{"kick", `{"channel":"team:a","user":"ann"}`, "kick", "ann", "done"},
		{"silence", `{"channel":"team:a","user":"ann","seconds":9}`, "mute", "ann", "done"},
		{"unsilence", `{"channel":"team:a","user":"ann"}`, "unmute", "ann", "done"},
		{"ban", `{"channel":"team:a","user":"ann","reason":"too loud"}`, "ban", "ann", "done"},
		{"unban", `{"channel":"team:a","user":"ann"}`, "unban", "ann", "done"},
		{"slow", `{"channel":"team:a","seconds":5}`, "slow_mode", "", "done"},
		{"redact", `{"channel":"team:a","offset":9}`, "redact", "", "rejected"},
		{"remove_member", `{"channel":"team:a","user":"bob"}`, "members_remove", "bob", "done"},
		{"leave", `{"channel":"team:a"}`, "members_remove", "mod", "rejected"},
	} {
		mod.rpc(c.method, c.params)
		n++
		got := lines(n)[n-1]
		user, _ := got["user"].(string)
		if got["action"] != c.action || got["actor_type"] != "user" || got["actor"] != "mod" || got["room"] != "team:a" || user != c.user || got["result"] != c.result {
			t.Errorf("%s: got %v", c.method, got)
		}
		if reason, has := got["reason"]; has != (c.method == "ban") || has && reason != "too loud" {
			t.Errorf("%s: got the reason %v", c.method, reason)
		}
	}
}

package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/testkit"
)

// goTypes are words that only occur in source code.
var goTypes = regexp.MustCompile(`\bjson:|unmarshal|\bGo\b|struct|server\.|\bapi[A-Z]|\bint64|uint64|RawMessage|\bmap\[`)

func TestUnknownFieldsAreErrors(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	for method := range api.APIMethods() {
		wantError(t, s, method, `{"zzz":1}`, 107, `unknown field "zzz"`)
	}
	for _, c := range []struct{ method, params, says string }{
		{"publish", `{"chanel":"x","data":1}`, `unknown field "chanel"; nearest: "channel"`},
		{"publish", `{"channel":"x","data":1,"tag":{"k":"v"}}`, `unknown field "tag"; nearest: "tags"`},
		{"history", `{"channel":"h:1","since":{"ofset":1}}`, `unknown field "since.ofset"; nearest: "since.offset"`},
		{"subscribe", `{"user":"u","channel":"x","override":{"force_recovery":{"valu":true}}}`, `"override.force_recovery.valu"; nearest: "override.force_recovery.value"`},
		{"disconnect", `{"user":"u","disconnect":{"kode":4000}}`, `unknown field "disconnect.kode"; nearest: "disconnect.code"`},
		{"publish", `{"channel":"x","data":1,"timeout":1}`, `unknown field "timeout"; no similar name`},
		{"batch", `{"comands":[]}`, `unknown field "comands"; nearest: "commands"`},
		{"info", `{"x":1}`, `unknown field "x": want none`},
		{"publish", `{"` + strings.Repeat("é", 100_000) + `":1}`, `unknown field`},
	} {
		wantError(t, s, c.method, c.params, 107, c.says)
	}
	if got := call(t, s, "batch", `{"commands":[{"publish":{"chanel":"x"}}]}`); !strings.Contains(got, `unknown field \"chanel\"; nearest: \"channel\"`) {
		t.Errorf("got %s", got)
	}
	// Fields inside objects of the application are not checked. Upper and lower case are equal.
	wantCall(t, s, "publish", `{"channel":"x","data":{"zzz":1},"tags":{"zzz":"1"}}`, `{"result":{}}`)
	if status, got := post(t, s, "/api/publish", `{"Channel":"x","DATA":1}`, "X-API-Key", s.cfg.API.Key); status != http.StatusOK || got != `{"result":{}}` {
		t.Errorf("got %d %s", status, got)
	}
}

// requestFields returns the fields of the parameters of a method, from openapi.json.
func requestFields(t *testing.T, method string) []string {
	t.Helper()
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(api.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(doc.Components.Schemas[schemaOf(t, method, "Request")].Properties))
}

// For every invalid request, the error uses the terms of JSON and no Go types.
func TestErrorsContainNoGoTypes(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	key := []string{"X-API-Key", s.cfg.API.Key}
	ask := func(path, body string) string {
		t.Helper()
		_, got := post(t, s, path, body, key...)
		if found := goTypes.FindString(got); found != "" {
			t.Errorf("%s %s: got %s, which contains %q", path, body, got, found)
		}
		return got
	}
	wrong := []string{`1`, `1.5`, `-1`, `1e400`, `"x"`, `true`, `null`, `[1]`, `[{}]`, `{"x":1}`, `{"x":{"x":[]}}`}
	for method := range api.APIMethods() {
		fields := requestFields(t, method)
		for _, w := range wrong[:testkit.Share(len(wrong))] {
			ask("/api/"+method, w)
			ask("/api", w)
			ask("/api", `{"method":`+w+`}`)
			ask("/api", `{"method":"`+method+`","params":`+w+`}`)
			ask("/api/batch", commandsOf(fmt.Sprintf(`{%q:%s}`, method, w)))
			for _, field := range fields {
				ask("/api/"+method, fmt.Sprintf(`{%q:%s}`, field, w))
			}
		}
	}
	for body, want := range map[string]string{
		`{"channel":5,"data":1}`:                      "channel: want a string, not a number",
		`{"channel":"x","data":1,"tags":{"k":1}}`:     "tags: want a string, not a number",
		`{"channel":"x","data":1,"tags":"k"}`:         "tags: want an object, not a string",
		`{"channel":"x","data":1,"skip_history":"x"}`: "skip_history: want true or false, not a string",
		`[1]`: "parameters: want an object, not an array",
	} {
		if got := ask("/api/publish", body); !strings.Contains(got, `"bad request: `+want+`"`) {
			t.Errorf("%s: got %s, want %q", body, got, want)
		}
	}
	if got := ask("/api/history", `{"channel":"h:1","since":{"offset":-1}}`); !strings.Contains(got, `since.offset: want an integer of 64 bits, not a number`) {
		t.Errorf("got %s", got)
	}
}

// PHP encodes an empty array as [], also in place of an empty object.
func TestAnEmptyArrayIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	for _, empty := range []string{`[]`, " [ \n] "} {
		for path, body := range map[string]string{
			"/api/info":       empty,
			"/api/publish":    `{"channel":"x","data":[],"tags":` + empty + `}`,
			"/api/history":    `{"channel":"h:1","since":` + empty + `}`,
			"/api/disconnect": `{"user":"nobody","disconnect":` + empty + `,"whitelist":[]}`,
			"/api/subscribe":  `{"user":"nobody","channel":"x","override":` + empty + `,"recover_since":` + empty + `}`,
			"/api/moderation": empty,
			"/api":            `{"method":"channels","params":` + empty + `}`,
			"/api/batch":      `{"commands":[{"info":` + empty + `}]}`,
		} {
			if status, got := post(t, s, path, body, "X-API-Key", s.cfg.API.Key); status != http.StatusOK || strings.Contains(got, `"error"`) {
				t.Errorf("%s %s: got %d %s", path, body, status, got)
			}
		}
		a.expectLine(`{"push":{"channel":"x","pub":{"data":[]}}}`) // an array in the data of the application is not changed
	}
	wantError(t, s, "publish", `{"channel":[],"data":1}`, 107, "channel: want a string, not an array")
}

// The error of a rejected request has the expected key and the ways to send it.
func TestAnErrorNamesTheMissingAPIKey(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for says, header := range map[string][]string{
		"the request has no API key":                nil,
		"the API key is not one of this server":     {"X-API-Key", "no"},
		`the scheme of Authorization is \"Bearer\"`: {"Authorization", "Bearer " + s.cfg.API.Key},
	} {
		status, got := post(t, s, "/api/info", "", header...)
		for _, want := range []string{says, "X-API-Key: KEY", "Authorization: apikey KEY", "?api_key=KEY", "THRONG_API_KEY", "[api]"} {
			if status != http.StatusUnauthorized || !strings.Contains(got, want) {
				t.Errorf("%v: got %d %s, want 401 that says %q", header, status, got, want)
			}
		}
		if strings.Contains(got, s.cfg.API.Key) {
			t.Errorf("got %s, which contains the key", got)
		}
	}
}

func TestAnUnknownMethodErrorNamesTheNearest(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for wrong, right := range map[string]string{"publsh": "publish", "presence-stats": "presence_stats", "publish/": "publish", "Publish": "publish"} {
		status, got := post(t, s, "/api/"+wrong, "{}", "X-API-Key", s.cfg.API.Key)
		if want := fmt.Sprintf(`{"error":{"code":104,"message":"method not found: \"%s\"; nearest: \"%s\""}}`, wrong, right); status != http.StatusNotFound || got != want {
			t.Errorf("got %d %s, want 404 %s", status, got, want)
		}
	}
}

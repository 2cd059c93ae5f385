package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/doctable"
)

// asCaller returns a context for calls with the default key of the tests.
func asCaller(ctx context.Context, s *Server) context.Context {
	return api.As(ctx, s.api.Caller(s.cfg.API.Key), "")
}

// keyOf returns a key for tests.
func keyOf(name string) string { return "the-key-of-" + name + "-0123456789" }

func startWithRoles(t *testing.T) *Server {
	t.Helper()
	return startServer(t, func(c *Config) {
		for _, role := range api.Roles {
			c.APIKeys = append(c.APIKeys, APIKey{Name: "k-" + string(role), Role: string(role), Key: keyOf(string(role))})
		}
	})
}

// docs/api.md has the methods of each role, and a key may call exactly these.
func TestAKeyMayCallTheMethodsOfItsRole(t *testing.T) {
	t.Parallel()
	s := startWithRoles(t)
	methods := slices.Sorted(maps.Keys(api.APIMethods()))
	page := map[string][]string{}
	for _, row := range doctable.Rows(t, "api.md", "role", "methods", "for") {
		page[strings.Trim(row[0], "`")] = codeNames(row[1])
	}
	page["all"] = methods
	for _, role := range api.Roles {
		var allowed []string
		for _, method := range methods {
			status, body := post(t, s, "/api/"+method, "{}", "X-API-Key", keyOf(string(role)))
			switch status {
			case http.StatusOK:
				allowed = append(allowed, method)
			case http.StatusForbidden:
				for _, want := range []string{`"code":103`, "k-" + string(role), "the role " + string(role), "which does not allow " + method, "use a key with the role all"} {
					if !strings.Contains(body, want) {
						t.Errorf("%s, %s: got %s, want %s", role, method, body, want)
					}
				}
			default:
				t.Errorf("%s, %s: got status %d %s", role, method, status, body)
			}
		}
		doctable.Same(t, "role "+string(role), page[string(role)], allowed)
	}
	if len(page) != len(api.Roles) {
		t.Errorf("got %d roles on the page, want %d", len(page), len(api.Roles))
	}
}

// A batch, in each of its forms, does not widen a role.
func TestABatchHasTheRoleOfItsKey(t *testing.T) {
	t.Parallel()
	s := startWithRoles(t)
	key := []string{"X-API-Key", keyOf("publish-only")}
	const denied = `{"error":{"code":103,"message":"permission denied: the API key \"k-publish-only\" has the role publish-only, which does not allow info: use a key with the role all or read-only"}}`
	if status, got := post(t, s, "/api/batch", `{"commands":[{"publish":{"channel":"x","data":1}},{"info":{}}]}`, key...); status != http.StatusOK ||
		got != `{"replies":[{"publish":{}},`+denied+`]}` {
		t.Errorf("batch: got %d %s", status, got)
	}
	if status, got := post(t, s, "/api", `{"method":"publish","params":{"channel":"x","data":1}}`+"\n"+`{"method":"info"}`, key...); status != http.StatusOK ||
		got != `{"result":{}}`+"\n"+denied {
		t.Errorf("lines: got %d %s", status, got)
	}
	if status, got := post(t, s, "/api", `{"method":"info"}`, key...); status != http.StatusForbidden || got != denied {
		t.Errorf("line: got %d %s", status, got)
	}
}

// A call that nobody makes is denied: code that forgets the caller does not open the API.
func TestACallWithoutACallerIsDenied(t *testing.T) {
	t.Parallel()
	s := startWithRoles(t)
	for method := range api.APIMethods() {
		if _, e := s.api.Do(t.Context(), method, []byte("{}")); e == nil || e.Code != 103 {
			t.Errorf("%s: got %v, want error 103", method, e)
		}
	}
}

func TestAPIKeysAreChecked(t *testing.T) {
	t.Parallel()
	good := APIKey{Name: "a", Role: "all", Key: keyOf("a")}
	with := func(change func(*APIKey)) []APIKey {
		k := APIKey{Name: "b", Role: "read-only", Key: keyOf("b")}
		change(&k)
		return []APIKey{good, k}
	}
	for _, tt := range []struct {
		key, says string
		keys      []APIKey
	}{
		{"api.keys.name", `api.keys "": name = "": must be 1 to 64 of a-z`, with(func(k *APIKey) { k.Name = "" })},
		{"api.keys.name", `name = "Ann B"`, with(func(k *APIKey) { k.Name = "Ann B" })},
		{"api.keys.name", "is used twice", with(func(k *APIKey) { k.Name = "a" })},
		{"api.keys.name", "is the name of the key under [api]", with(func(k *APIKey) { k.Name = "default" })},
		{"api.keys.role", `role = "": must be one of all, publish-only, read-only`, with(func(k *APIKey) { k.Role = "" })},
		{"api.keys.role", `role = "root"`, with(func(k *APIKey) { k.Role = "root" })},
		{"api.keys.key", "one of key, environment and file must be set", with(func(k *APIKey) { k.Key = "" })},
		{"api.keys.key", "one of key, environment and file must be set", with(func(k *APIKey) { k.File = "HUSHHUSH" })},
		{"api.keys.key", "the key must have at least 16", with(func(k *APIKey) { k.Key = "HUSHHUSH" })},
		{"api.keys.key", `has the same key as "a"`, with(func(k *APIKey) { k.Key = good.Key })},
		{"api.keys.key", `has the same key as "default"`, with(func(k *APIKey) { k.Key = "fedcba9876543210" })},
		{"api.keys.environment", `environment = "X": the variable is not set or empty`, with(func(k *APIKey) { k.Key, k.Environment = "", "X" })},
		{"api.keys.file", "the key must have at least 16", with(func(k *APIKey) { k.Key, k.File, k.Secret = "", "f", "HUSH HUSH HUSH HUSH" })},
	} {
		c := DefaultConfig()
		c.API.Key, c.APIKeys = "fedcba9876543210", tt.keys
		err := c.Validate()
		if err == nil {
			t.Errorf("%s: got no error, want %s", tt.key, tt.says)
			continue
		}
		var found *ConfigError
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			found = e.(*ConfigError)
		}
		if found.Key != tt.key || found.Index != 1 || !strings.Contains(found.Text, tt.says) || strings.Contains(found.Text, "HUSH") {
			t.Errorf("%s: got %s %d %q, want %q", tt.key, found.Key, found.Index, found.Text, tt.says)
		}
	}
	many := make([]APIKey, maxAPIKeys+1)
	for i := range many {
		many[i] = APIKey{Name: fmt.Sprint(i), Role: "all", Key: keyOf(fmt.Sprint(i))}
	}
	c := DefaultConfig()
	c.APIKeys = many
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "101 keys: at most 100 are allowed") {
		t.Errorf("got %v, want the limit of keys", err)
	}
	c.APIKeys = many[:maxAPIKeys]
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

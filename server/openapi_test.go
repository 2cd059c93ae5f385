package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
)

// openAPISchemas compiles the schemas of openapi.json. The file allows fields that it does not describe. Here they are forbidden, so that a
// test finds them.
var openAPISchemas = sync.OnceValues(func() (func(name string) (*jsonschema.Schema, error), error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.OpenAPI))
	if err != nil {
		return nil, err
	}
	forbidTheRest(doc)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	return func(name string) (*jsonschema.Schema, error) {
		mu.Lock()
		defer mu.Unlock()
		return c.Compile("openapi.json#/components/schemas/" + name)
	}, nil
})

// forbidTheRest forbids further properties in every schema of an object with properties.
func forbidTheRest(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, hasProperties := v["properties"].(map[string]any)
		if _, says := v["additionalProperties"]; hasProperties && v["type"] == "object" && !says {
			v["additionalProperties"] = false
		}
		for _, child := range v {
			forbidTheRest(child)
		}
	case []any:
		for _, child := range v {
			forbidTheRest(child)
		}
	}
}

// openAPIPaths reads the references to schemas in openapi.json.
var openAPIPaths = sync.OnceValues(func() (paths map[string]map[string]struct {
	RequestBody openAPIBody `json:"requestBody"`
	Responses   map[string]openAPIBody
}, err error) {
	doc := struct{ Paths any }{&paths}
	err = json.Unmarshal(api.OpenAPI, &doc)
	return paths, err
})

// openAPIBody is a request or a response in openapi.json.
type openAPIBody struct {
	Content map[string]struct {
		Schema struct {
			Ref string `json:"$ref"`
		}
	}
}

// schemaOf returns the name of the schema of a method; of is Answer or Request.
func schemaOf(t testing.TB, method, of string) string {
	t.Helper()
	paths, err := openAPIPaths()
	if err != nil {
		t.Fatal(err)
	}
	post := paths[api.Path+"/"+method]["post"]
	body := post.RequestBody
	if of == "Answer" {
		body = post.Responses["200"]
	}
	ref := body.Content["application/json"].Schema.Ref
	name, is := strings.CutPrefix(ref, "#/components/schemas/")
	if !is {
		t.Fatalf("openapi.json: %s of %s is %q, want a schema", of, method, ref)
	}
	return name
}

// checkSchema fails the test unless a body matches the schema of openapi.json.
func checkSchema(t testing.TB, method, of, body string) {
	t.Helper()
	schemas, err := openAPISchemas()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := schemas(schemaOf(t, method, of))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s: the %s %s does not match openapi.json: %v", method, strings.ToLower(of), body, err)
	}
}

func TestOpenAPIHasEveryMethodAndNoOther(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	resp, body := ask(t, s.Addr().String(), "GET "+api.OpenAPIPath+" HTTP/1.1\r\nHost: localhost\r\n\r\n") // without a key
	if resp.StatusCode != 200 || body != string(api.OpenAPI) {
		t.Fatalf("got %s and %d bytes, want the file", resp.Status, len(body))
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(api.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("got openapi %q, want 3.1.0", doc.OpenAPI)
	}
	var described []string
	for path, operations := range doc.Paths {
		name := strings.TrimPrefix(path, api.Path+"/")
		described = append(described, name)
		if len(operations) != 1 || operations["post"].OperationID != name {
			t.Errorf("%s: got %v, want one POST of that name", path, operations)
		}
		for _, of := range []string{"Request", "Answer"} {
			if schemas, err := openAPISchemas(); err != nil {
				t.Fatal(err)
			} else if _, err := schemas(schemaOf(t, name, of)); err != nil {
				t.Error(err)
			}
		}
	}
	slices.Sort(described)
	if there := slices.Sorted(maps.Keys(api.APIMethods())); !slices.Equal(described, there) {
		t.Errorf("described %v\nthere are %v", described, there)
	}
}

// For any request, the response matches openapi.json.
func FuzzTheAPI(f *testing.F) {
	f.Add("publish", `{"channel":"h:1","data":{"a":[1,"\u2028"]},"tags":{"k":"v"},"idempotency_key":"k"}`)
	f.Add("publish", `{"channel":"h:2","b64data":"AP8=","skip_history":true}`)
	f.Add("broadcast", `{"channels":["h:1","x",""],"data":1}`)
	f.Add("subscribe", `{"user":"u","channel":"x","info":{},"b64data":"AP8=","expire_at":4102444800,"override":{"force_recovery":{"value":true}}}`)
	f.Add("disconnect", `{"user":"u","disconnect":{"code":4000,"reason":"x"},"whitelist":["c"]}`)
	f.Add("refresh", `{"user":"u","expired":true}`)
	f.Add("history", `{"channel":"h:1","limit":-1,"since":{"offset":18446744073709551615,"epoch":""},"reverse":true}`)
	f.Add("presence", `{"channel":"x"}`)
	f.Add("channels", `{"pattern":"[a-\\]*?"}`)
	f.Add("batch", `{"commands":[{"publish":{"channel":"h:1","data":1}},{"info":{}},{"x":null}]}`)
	f.Add("ban", `{"user":"u","channel":"x","seconds":9223372036854775807}`)
	f.Add("mute", `{"user":"u","until":-9223372036854775808}`)
	f.Add("slow_mode", `{"channel":"x","seconds":1e3}`)
	f.Add("redact", `{"channel":"h:1","offset":18446744073709551615}`)
	f.Add("revoke", `{"user":"u","issued_before":1,"expire_at":9999999999}`)
	f.Add("moderation", `{}`)
	f.Add("timeline", `{"channel":"c:1","around":"a","limit":1}`)
	cfg := DefaultConfig()
	cfg.API.Key, cfg.Rooms, cfg.HistoryBytes = "0123456789abcdef", []chat.RoomOptions{roomWithHistory("h:*"), chatRoom("c:*")}, 1<<20
	a := api.New(newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1), api.Config{Access: cfg.apiAccess()})
	a.Timeout = time.Millisecond // no event loop runs
	f.Fuzz(func(t *testing.T, name, params string) {
		if a.Methods[name] == nil || !json.Valid([]byte(params)) {
			t.Skip()
		}
		ctx, cancel := context.WithTimeout(api.As(t.Context(), a.Caller(cfg.API.Key), ""), a.Timeout)
		defer cancel()
		result, e := a.Call(ctx, name, []byte(params))
		recorder := httptest.NewRecorder()
		answer := api.NewResponse(recorder, http.StatusOK)
		if _, isBatch := result.(api.Replies); isBatch {
			answer.Value(api.As(t.Context(), a.Caller(cfg.API.Key), ""), result) // each call of it has the timeout; a response without time is cut
		} else {
			api.WriteReply(t.Context(), answer, 0, result, e)
		}
		answer.End(t.Context())
		checkSchema(t, name, "Answer", recorder.Body.String())
	})
}

// A response that lacks a required field, or has an unknown one, fails the check.
func TestOpenAPISchemasCanFail(t *testing.T) {
	for method, body := range map[string]string{
		"presence": `{"result":{}}`,
		"publish":  `{"result":{"offset":1,"more":1}}`,
		"info":     `{"result":{"nodes":[]}}`,
		"ban":      `{}`,
		"batch":    `{"result":{}}`,
	} {
		schemas, err := openAPISchemas()
		if err != nil {
			t.Fatal(err)
		}
		schema, err := schemas(schemaOf(t, method, "Answer"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(v) == nil {
			t.Errorf("%s: %s passes", method, body)
		}
	}
}

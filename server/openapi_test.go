package server

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// openAPISchemas compiles the schemas of openapi.json. There what is not described may be; here it may not, so that a test
// which meets it fails.
var openAPISchemas = sync.OnceValues(func() (func(name string) (*jsonschema.Schema, error), error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
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

// forbidTheRest closes every schema of an object that has properties.
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

// schemaOf is the name of a method's schema: Answer or Request.
func schemaOf(t testing.TB, method, of string) string {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			} `json:"requestBody"`
			Responses map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	post := doc.Paths[apiPath+"/"+method]["post"]
	ref := post.RequestBody.Content["application/json"].Schema.Ref
	if of == "Answer" {
		ref = post.Responses["200"].Content["application/json"].Schema.Ref
	}
	name, is := strings.CutPrefix(ref, "#/components/schemas/")
	if !is {
		t.Fatalf("openapi.json: %s of %s is %q, want a schema", of, method, ref)
	}
	return name
}

// checkSchema wants a body to be what openapi.json says.
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
		t.Errorf("%s: the %s %s is not what openapi.json says: %v", method, strings.ToLower(of), body, err)
	}
}

func TestOpenAPIHasEveryMethodAndNoOther(t *testing.T) {
	s := startAPI(t)
	resp, body := ask(t, s.Addr().String(), "GET "+openAPIPath+" HTTP/1.1\r\nHost: x\r\n\r\n") // without a key
	if resp.StatusCode != 200 || body != string(openAPI) {
		t.Fatalf("got %s and %d bytes, want the file", resp.Status, len(body))
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("got openapi %q, want 3.1.0", doc.OpenAPI)
	}
	var described []string
	for path, operations := range doc.Paths {
		name := strings.TrimPrefix(path, apiPath+"/")
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
	if there := slices.Sorted(maps.Keys(apiMethods())); !slices.Equal(described, there) {
		t.Errorf("described %v\nthere are %v", described, there)
	}
}

// What openapi.json calls required is, and an answer that lacks it or says more is found out.
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

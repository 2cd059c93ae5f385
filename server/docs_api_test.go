package server

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/doctable"
)

// apiSchema has the parts of a schema of openapi.json that the tests use.
type apiSchema struct {
	Ref        string `json:"$ref"`
	Required   []string
	MaxLength  int
	Properties map[string]apiSchema
}

func apiSchemas(t testing.TB) map[string]apiSchema {
	t.Helper()
	var doc struct {
		Components struct{ Schemas map[string]apiSchema }
	}
	if err := json.Unmarshal(api.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas
}

// codeNames returns the names in backquotes of a cell.
func codeNames(cell string) (names []string) {
	for _, text := range doctable.Code(cell) {
		if codeName.MatchString(text) {
			names = append(names, text)
		}
	}
	return names
}

var codeName = regexp.MustCompile("^[a-z0-9_-]+$")

var requiredName = regexp.MustCompile("\\*\\*`([a-z0-9_]+)`\\*\\*")

// docs/api.md has every method of openapi.json with its parameters, its required parameters and its result.
func TestThePageOfTheAPIHasEveryMethod(t *testing.T) {
	t.Parallel()
	schemas := apiSchemas(t)
	var methods, parameters []string
	for _, row := range doctable.Rows(t, "api.md", "method", "parameters", "result", "effect") {
		method := strings.Trim(row[0], "`")
		methods = append(methods, method)
		if api.APIMethods()[method] == nil {
			continue // reported below
		}
		request := schemas[schemaOf(t, method, "Request")]
		doctable.SameOrNone(t, method+", parameters", codeNames(row[1]), slices.Collect(maps.Keys(request.Properties)))
		parameters = append(parameters, codeNames(row[1])...)
		var required []string
		for _, match := range requiredName.FindAllStringSubmatch(row[1], -1) {
			required = append(required, match[1])
		}
		doctable.SameOrNone(t, method+", required parameters", required, request.Required)

		answer := schemas[schemaOf(t, method, "Answer")]
		result := answer.Properties
		if wrapped, is := result["result"]; is {
			result = schemas[strings.TrimPrefix(wrapped.Ref, "#/components/schemas/")].Properties
		} else {
			delete(result, "error") // batch
		}
		doctable.SameOrNone(t, method+", result", codeNames(row[2]), slices.Collect(maps.Keys(result)))
		for _, cell := range row[1:3] {
			if len(codeNames(cell)) == 0 && cell != "none" {
				t.Errorf("%s: got %q, want none", method, cell)
			}
		}
	}
	doctable.Same(t, "methods", methods, slices.Collect(maps.Keys(api.APIMethods())))

	var described []string
	for _, row := range doctable.Rows(t, "api.md", "parameter", "type", "meaning") {
		described = append(described, codeNames(row[0])...)
	}
	slices.Sort(parameters)
	doctable.Same(t, "parameters", slices.Compact(slices.Sorted(slices.Values(described))), slices.Compact(parameters))
}

// openapi.json has the same maximum length of a room name as the server.
func TestOpenAPIHasTheLengthOfRoomNames(t *testing.T) {
	t.Parallel()
	schemas := apiSchemas(t)
	if got := schemas["Channel"].MaxLength; got != chat.MaxRoomName {
		t.Errorf("Channel: got maxLength %d, want %d", got, chat.MaxRoomName)
	}
	for name, schema := range schemas {
		if channel, is := schema.Properties["channel"]; is && channel.MaxLength != 0 && channel.MaxLength != chat.MaxRoomName {
			t.Errorf("%s: got a channel of maxLength %d, want %d", name, channel.MaxLength, chat.MaxRoomName)
		}
	}
}

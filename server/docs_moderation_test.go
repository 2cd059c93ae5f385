package server

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

// parametersOf returns the parameters of a method, by openapi.json.
func parametersOf(t testing.TB, method string) []string {
	t.Helper()
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(doc.Components.Schemas[schemaOf(t, method, "Request")].Properties))
}

func TestThePageOfModerationHasTheMethods(t *testing.T) {
	t.Parallel()
	methods := apiMethods()
	// Those of Centrifugo are not of this page.
	for _, method := range []string{"publish", "broadcast", "subscribe", "unsubscribe", "disconnect", "refresh", "presence",
		"presence_stats", "history", "history_remove", "channels", "info", "batch"} {
		delete(methods, method)
	}
	for _, row := range docRows(t, "moderation.md", "method", "parameters", "effect on live connections", "later attempts") {
		method := codeSpans(row[0])[0]
		if methods[method] == nil {
			t.Errorf("%s is no method, or stands there twice", method)
			continue
		}
		delete(methods, method)
		want := parametersOf(t, method)
		if got := slices.Sorted(slices.Values(codeSpans(row[1]))); !slices.Equal(got, want) {
			t.Errorf("%s: the page has the parameters %q, want %q", method, got, want)
		}
	}
	for method := range methods {
		t.Errorf("the page has no method %s", method)
	}
}

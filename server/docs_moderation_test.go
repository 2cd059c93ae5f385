package server

import (
	"maps"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/doctable"
)

// parametersOf returns the parameters of a method, by openapi.json.
func parametersOf(t testing.TB, method string) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(apiSchemas(t)[schemaOf(t, method, "Request")].Properties))
}

func TestThePageOfModerationHasTheMethods(t *testing.T) {
	t.Parallel()
	methods := api.APIMethods()
	// The methods of Centrifugo and those of rosters are on another page.
	for _, method := range []string{"room_create", "room_update", "room_delete", "members_add", "members_remove", "members_role", "members", "rooms", "timeline", "publish", "broadcast", "subscribe", "unsubscribe", "disconnect", "refresh", "presence",
		"presence_stats", "history", "history_remove", "channels", "info", "batch"} {
		delete(methods, method)
	}
	for _, row := range doctable.Rows(t, "moderation.md", "method", "parameters", "effect on live connections", "later attempts") {
		method := doctable.Code(row[0])[0]
		if methods[method] == nil {
			t.Errorf("%s is not a method, or occurs twice", method)
			continue
		}
		delete(methods, method)
		want := parametersOf(t, method)
		if got := slices.Sorted(slices.Values(doctable.Code(row[1]))); !slices.Equal(got, want) {
			t.Errorf("%s: the page has the parameters %q, want %q", method, got, want)
		}
	}
	for method := range methods {
		t.Errorf("the page has no method %s", method)
	}
}

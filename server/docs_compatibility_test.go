package server

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/doctable"
)

// suite returns the source of the SDK tests with these names, one after another.
func suite(t *testing.T, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("sdk", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("sdk/%s: no file, %v", pattern, err)
	}
	var source strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	return source.String()
}

// scenarios returns the names of the tests that a function makes for each SDK. A name ends where it differs between tests.
func scenarios(source, function string) (names []string) {
	for _, match := range regexp.MustCompile(`\b`+function+"\\([\"`](.+?)[\"`], async").FindAllStringSubmatch(source, -1) {
		name, _, _ := strings.Cut(match[1], "${")
		names = append(names, name)
	}
	return names
}

// docs/compatibility.md has each scenario of the SDK tests.
func TestThePageOfCompatibilityHasTheScenarios(t *testing.T) {
	t.Parallel()
	source := suite(t, "*.test.js")
	for _, tt := range []struct{ function, feature string }{
		{"forEach", "feature"},
		{"forEachFallback", "feature of a fallback"},
	} {
		var onPage []string
		for _, row := range doctable.Rows(t, "compatibility.md", tt.feature, "scenario") {
			onPage = append(onPage, row[1])
		}
		doctable.Same(t, tt.function, onPage, scenarios(source, tt.function))
	}
}

// docs/compatibility.md has the clients of the SDK tests, with their encodings.
func TestThePageOfCompatibilityHasTheClients(t *testing.T) {
	t.Parallel()
	encodings := map[string][]string{}
	for _, match := range regexp.MustCompile(`"(\w+), (JSON|Protobuf)"`).FindAllStringSubmatch(suite(t, "member.js"), -1) {
		if !slices.Contains(encodings[match[1]], match[2]) {
			encodings[match[1]] = append(encodings[match[1]], match[2])
		}
	}
	want := map[string]string{}
	for client, of := range encodings {
		want[client] = strings.Join(of, ", ")
	}
	got := map[string]string{}
	for _, row := range doctable.Rows(t, "compatibility.md", "client", "features", "encodings") {
		got[row[0]] = row[2]
	}
	if len(got) != len(want) {
		t.Errorf("got the clients %v, want %v", got, want)
	}
	for client, of := range want {
		if got[client] != of {
			t.Errorf("%s: got %q, want %q", client, got[client], of)
		}
	}
}

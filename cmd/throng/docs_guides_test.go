package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var tomlBlock = regexp.MustCompile("(?s)\n```toml\n(.+?)\n```")

// Each config file that a guide shows is valid.
func TestDocsGuidesShowValidConfigs(t *testing.T) {
	t.Setenv("THRONG_TOKEN_HMAC_SECRET", strings.Repeat("s", 64))
	t.Setenv("THRONG_API_KEY", strings.Repeat("k", 32))
	for _, page := range []string{"quick-start", "signing-in", "migrate-centrifugo", "migrate-socket-io", "migrate-pusher"} {
		blocks := tomlBlock.FindAllStringSubmatch(readDoc(t, docsRoot, "docs/"+page+".md"), -1)
		if len(blocks) == 0 {
			t.Errorf("docs/%s.md: got no config file", page)
		}
		for _, block := range blocks {
			if _, err := settled(t, written(t, block[1])); err != nil {
				t.Errorf("docs/%s.md: %v in\n%s", page, err, block[1])
			}
		}
	}
}

// Each example has a valid config file, a short README, a row in the list of examples, and a test.
func TestDocsExamplesAreComplete(t *testing.T) {
	t.Setenv("THRONG_TOKEN_HMAC_SECRET", strings.Repeat("s", 64))
	t.Setenv("THRONG_API_KEY", strings.Repeat("k", 32))
	root := filepath.Join(docsRoot, "examples")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(root, "test", "*.test.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, path := range paths {
		tests.WriteString(readDoc(t, "", path))
	}
	listed := linksOf(readDoc(t, root, "README.md"))
	examples := 0
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || name == "test" {
			continue
		}
		examples++
		if _, err := settled(t, written(t, readDoc(t, root, name+"/throng.toml"))); err != nil {
			t.Errorf("examples/%s/throng.toml: %v", name, err)
		}
		if lines := strings.Count(readDoc(t, root, name+"/README.md"), "\n"); lines > 15 {
			t.Errorf("examples/%s/README.md: got %d lines, want 15 at most", name, lines)
		}
		if !slices.Contains(listed, name+"/README.md") {
			t.Errorf("examples/README.md has no link to %s/README.md", name)
		}
		if !strings.Contains(tests.String(), `startThrong(t, "`+name+`"`) {
			t.Errorf("examples/test has no test of %s", name)
		}
	}
	if examples == 0 {
		t.Error("got no example")
	}
}

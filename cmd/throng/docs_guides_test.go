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

// Each config file that a page shows is valid, with the variables, the file and the data directory that the page names beside it.
func TestDocsGuidesShowValidConfigs(t *testing.T) {
	for variable, value := range map[string]string{
		"THRONG_TOKEN_HMAC_SECRET": strings.Repeat("s", 64), "THRONG_API_KEY": strings.Repeat("k", 32), "REPORTS_API_KEY": strings.Repeat("r", 32),
		"THRONG_DATA": t.TempDir(),
	} {
		t.Setenv(variable, value)
	}
	found := 0
	for _, page := range docsFiles(t) {
		switch page {
		case "docs/live.md", "docs/load-test.md": // a password that is left out; a plan of throng bench
			continue
		}
		for _, block := range tomlBlock.FindAllStringSubmatch(readDoc(t, docsRoot, page), -1) {
			found++
			t.Run(page, func(t *testing.T) {
				if strings.Contains(block[1], "[webhooks]") {
					t.Setenv("THRONG_WEBHOOK_SECRET", strings.Repeat("w", 32))
				}
				path := written(t, block[1])
				if err := os.WriteFile(filepath.Join(filepath.Dir(path), "words.txt"), []byte("word\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := settled(t, path); err != nil {
					t.Errorf("got %v in\n%s", err, block[1])
				}
			})
		}
	}
	if found < 20 {
		t.Errorf("got %d config files, want those of all pages", found)
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

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func mark(name string) string { return fmt.Sprintf("<!-- figures: %s -->\n", name) }

// documentOf returns the Markdown file of a directory that has the mark of a table, and its text.
func documentOf(dir, name string) (path, text string, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return "", "", err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", "", err
		}
		if strings.Contains(string(text), mark(name)) {
			return path, string(text), nil
		}
	}
	return "", "", fmt.Errorf("%s: no Markdown file has the mark %q", dir, strings.TrimSpace(mark(name)))
}

// replaceTable replaces the text between the marks of a table in a document.
func replaceTable(document, name, table string) (string, error) {
	begin, end := mark(name), "<!-- end of figures -->"
	before, rest, ok := strings.Cut(document, begin)
	if !ok {
		return "", fmt.Errorf("no mark %q", strings.TrimSpace(begin))
	}
	old, after, ok := strings.Cut(rest, end)
	if !ok || strings.Contains(old, "<!-- figures:") {
		return "", fmt.Errorf("no mark %q after that of %s", end, name)
	}
	return before + begin + "\n" + strings.TrimSpace(table) + "\n\n" + end + after, nil
}

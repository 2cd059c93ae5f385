package main

import (
	"fmt"
	"strings"
)

// replaceTable replaces the text between the marks of a table in a document.
func replaceTable(document, name, table string) (string, error) {
	begin, end := fmt.Sprintf("<!-- figures: %s -->\n", name), "<!-- end of figures -->"
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

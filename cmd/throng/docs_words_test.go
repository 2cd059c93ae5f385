package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notInDocs are words and forms that CONTRIBUTING.md does not allow in documentation.
var notInDocs = regexp.MustCompile(`(?:^|[.!?:] |\| )(?:Who|Whoever|Whom|What) [a-z]|` + // a relative clause in the place of a noun
	`\b(?:[Dd]on't|[Dd]oesn't|[Cc]an't|[Ww]on't|[Ii]sn't|[Aa]ren't|[Ii]t's|[Yy]ou're)\b|` + // contractions
	`\b(?:e\.g\.|i\.e\.|etc\.|viz\.)`) // Latin abbreviations

// unwanted returns the lines of a Markdown text, outside of code and headings of tables, that have what CONTRIBUTING.md does not allow.
func unwanted(markdown string) (found []string) {
	fence := false
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(line, "```") {
			fence = !fence
			continue
		}
		if text := codeSpan.ReplaceAllString(line, "code"); !fence && !strings.HasPrefix(text, "#") {
			if m := notInDocs.FindString(text); m != "" {
				found = append(found, fmt.Sprintf("%q in %q", m, strings.TrimSpace(line)))
			}
		}
	}
	return found
}

func TestDocsHavePlainWords(t *testing.T) {
	t.Parallel()
	for _, page := range docsFiles(t) {
		if slices.Contains([]string{"CHANGELOG.md", "CONTRIBUTING.md"}, page) { // older entries; the rule itself
			continue
		}
		for _, line := range unwanted(readDoc(t, docsRoot, page)) {
			t.Errorf("%s: %s: see the section Language of CONTRIBUTING.md", page, line)
		}
	}
	const text = "Rooms have members.\nWho joins is a member.\n| a | What follows |\nIt doesn't.\n```\nWho am I, e.g. here\n```\n`What x`\n"
	if got := unwanted(text); len(got) != 3 {
		t.Errorf("got %q, want three lines", got)
	}
}

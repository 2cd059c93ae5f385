package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// docsRoot is the path of the repository from this package.
const docsRoot = "../.."

const maxReadmeWords = 800 // as wc -w counts

func TestDocsLinkToWhatExists(t *testing.T) {
	t.Parallel()
	broken, links := brokenLinks(t, docsRoot, docsFiles(t))
	for _, b := range broken {
		t.Error(b)
	}
	if links == 0 {
		t.Error("got no relative link at all, want those of README.md")
	}
}

// The index links to all other pages (server/site).
func TestReadmeLinksToTheIndex(t *testing.T) {
	t.Parallel()
	linked := linksOf(readDoc(t, docsRoot, "README.md"))
	for _, name := range []string{"docs/index.md", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md"} {
		if !slices.Contains(linked, name) {
			t.Errorf("README.md has no link to %s", name)
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	if words := len(strings.Fields(readDoc(t, docsRoot, "README.md"))); words > maxReadmeWords {
		t.Errorf("README.md: got %d words, want %d at most: move details to a page of docs/", words, maxReadmeWords)
	}
}

func TestTheLinkCheckFindsBrokenLinks(t *testing.T) {
	t.Parallel()
	const page = "# A page\n## One, *two*: `three`\n## Again\n## Again\n```\n# no heading [x](nowhere.md)\n```\n"
	for _, tt := range []struct {
		name, text, broken string // broken: a part of the error, or empty
	}{
		{"file", "[x](docs/page.md)", ""},
		{"directory", "[x](docs)", ""},
		{"missing file", "[x](docs/pages.md)", "docs/pages.md: no such file"},
		{"missing file in a table", "| a | [x](docs/pages.md), [y](docs/page.md) |", "docs/pages.md"},
		{"missing image", "![x](shot.png)", "shot.png"},
		{"missing file in HTML", `<a href="docs/pages.md">`, "docs/pages.md"},
		{"missing file by reference", "[x][page]\n\n[page]: docs/pages.md", "docs/pages.md"},
		{"outside", "[x](../other.md)", "outside"},
		{"absolute", "[x](/docs/page.md)", "want a relative path"},
		{"heading", "[x](docs/page.md#one-two-three)", ""},
		{"second heading of a name", "[x](docs/page.md#again-1)", ""},
		{"missing heading", "[x](docs/page.md#four)", "no heading #four"},
		{"heading in a code block", "[x](docs/page.md#no-heading-x)", "no heading"},
		{"heading of a file that has none", "[x](docs#top)", "no heading"},
		{"own heading", "# Here\n[x](#here)", ""},
		{"own missing heading", "[x](#here)", "no heading #here"},
		{"web", "[x](https://example.com/none.md) <http://127.0.0.1:3000>", ""},
		{"code", "`[x](docs/pages.md)`\n```md\n[x](docs/pages.md)\n```", ""},
		{"behind code", "```\n```\n[x](docs/pages.md)", "docs/pages.md"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"docs/page.md": page, "README.md": tt.text} {
				if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			broken, _ := brokenLinks(t, root, []string{"README.md"})
			switch got := strings.Join(broken, "\n"); {
			case tt.broken == "" && got != "":
				t.Errorf("got %q, want none", got)
			case tt.broken != "" && !strings.Contains(got, tt.broken):
				t.Errorf("got %q, want %q", got, tt.broken)
			}
		})
	}
}

// docsFiles returns the documents, by their paths from the root.
func docsFiles(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(docsRoot, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Fatalf("no document fits %s", pattern)
		}
		for _, path := range found {
			name, err := filepath.Rel(docsRoot, path)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names
}

func readDoc(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// brokenLinks returns an error for each broken relative link of the named files, and the number of relative links.
func brokenLinks(t *testing.T, root string, names []string) (broken []string, links int) {
	t.Helper()
	for _, name := range names {
		for _, target := range linksOf(readDoc(t, root, name)) {
			u, err := url.Parse(target)
			if err == nil && u.Scheme != "" {
				continue
			}
			links++
			if err == nil {
				err = checkLink(root, name, u)
			}
			if err != nil {
				broken = append(broken, fmt.Sprintf("%s: link to %s: %v", name, target, err))
			}
		}
	}
	return broken, links
}

func checkLink(root, name string, u *url.URL) error {
	path := name
	if u.Path != "" {
		path = filepath.Join(filepath.Dir(name), u.Path)
	}
	switch {
	case u.Host != "" || strings.HasPrefix(u.Path, "/"):
		return errors.New("want a relative path")
	case !filepath.IsLocal(path):
		return errors.New("outside of the repository")
	}
	if _, err := os.Stat(filepath.Join(root, path)); err != nil {
		return errors.New("no such file")
	}
	if u.Fragment == "" {
		return nil
	}
	if filepath.Ext(path) == ".md" {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		if slices.Contains(headingsOf(string(text)), u.Fragment) {
			return nil
		}
	}
	return fmt.Errorf("no heading #%s in %s", u.Fragment, path)
}

var (
	codeSpan   = regexp.MustCompile("`[^`\n]*`")
	inlineLink = regexp.MustCompile(`\]\(\s*<?([^\s)>]+)>?[^)]*\)`)
	linkByName = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)`)
	htmlLink   = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	heading    = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*#*$`)
	linkedText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// linksOf returns the targets of the links of a Markdown text, except those in code.
func linksOf(markdown string) (targets []string) {
	text := codeSpan.ReplaceAllString(withoutFences(markdown), "code")
	for _, form := range []*regexp.Regexp{inlineLink, linkByName, htmlLink} {
		for _, m := range form.FindAllStringSubmatch(text, -1) {
			targets = append(targets, m[1])
		}
	}
	return targets
}

// headingsOf returns the fragments of the headings of a Markdown text, as GitHub derives them: lower case, no punctuation, hyphens for spaces,
// and a number after repeated names.
func headingsOf(markdown string) (fragments []string) {
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(withoutFences(markdown), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(linkedText.ReplaceAllString(m[1], "$1")) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				b.WriteRune(r)
			}
		}
		fragment := b.String()
		if n := seen[fragment]; n > 0 {
			fragments = append(fragments, fmt.Sprintf("%s-%d", fragment, n))
		} else {
			fragments = append(fragments, fragment)
		}
		seen[fragment]++
	}
	return fragments
}

// withoutFences returns a Markdown text without its fenced code blocks.
func withoutFences(markdown string) string {
	var b strings.Builder
	fence := ""
	for line := range strings.Lines(markdown) {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case fence != "":
			if strings.HasPrefix(trimmed, fence) && strings.Trim(trimmed, fence[:1]+"\n\r \t") == "" {
				fence = ""
			}
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			n := len(trimmed) - len(strings.TrimLeft(trimmed, trimmed[:1]))
			fence = trimmed[:n]
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

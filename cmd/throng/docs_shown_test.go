package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/throng-chat/throng/server/doctable"
)

// These pages have names that throng had before, or messages that begin with its name: they are not compared with the code.
var notShown = []string{"CHANGELOG.md", "docs/log.md"}

var (
	shownSpan    = regexp.MustCompile("`([^`\n]+)`")
	shownThrong  = regexp.MustCompile(`(?:^|[;&|(] *|sudo |^[A-Z_]+=\S+ )(?:\S*/)?throng +(.*)|\s/\S*/throng +(.*)|^docker run throng:[0-9.]+ +(.*)`)
	shownWord    = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
	shownFlag    = regexp.MustCompile(`^--([a-z][a-z0-9-]*)`)
	shownMake    = regexp.MustCompile(`^make +([a-z-]+)`)
	shownMetric  = regexp.MustCompile(`^throng_[a-z_]+[a-z]`)
	endOfCommand = regexp.MustCompile(`^(?:[|&;<>#]|[0-9]>)|[);]$`)
)

// shownCode returns the lines of the shell blocks of a Markdown text, with continued lines joined, and its code spans.
func shownCode(markdown string) (lines, spans []string) {
	shell, fenced := false, false
	rest := ""
	for line := range strings.Lines(strings.ReplaceAll(markdown, "\\\n", "")) {
		if language, is := strings.CutPrefix(line, "```"); is {
			fenced = !fenced
			shell = fenced && strings.TrimSpace(language) == "sh"
			continue
		}
		switch {
		case shell:
			lines = append(lines, strings.TrimSpace(line))
		case !fenced:
			rest += line
		}
	}
	for _, m := range shownSpan.FindAllStringSubmatch(rest, -1) {
		spans = append(spans, m[1])
	}
	return lines, spans
}

// argsOf returns the arguments of the command throng in a line, up to a pipe, a redirection or a comment, and whether there is one.
func argsOf(line string) (args []string, is bool) {
	m := shownThrong.FindStringSubmatch(line)
	if m == nil {
		return nil, false
	}
	for _, word := range shownWord.FindAllString(m[1]+m[2]+m[3], -1) {
		if endOfCommand.MatchString(word) {
			break
		}
		args = append(args, strings.Trim(word, `'"`))
	}
	return args, true
}

// unknownIn returns why the parser does not know the command or a flag of args, or an empty text. Values may be placeholders.
func unknownIn(parser *kong.Kong, args []string) string {
	if slices.Contains(args, "--help") || slices.Contains(args, "-h") || args[0] == "help" {
		return ""
	}
	ctx, err := kong.Trace(parser, withValues(args))
	if err == nil {
		err = ctx.Error
	}
	if err == nil {
		return ""
	}
	for _, problem := range []string{"unknown flag", "unexpected argument", "expected one of"} {
		if strings.Contains(err.Error(), problem) {
			return err.Error()
		}
	}
	return "" // a placeholder, or an argument that the text leaves out
}

// Each command of throng that a page shows has a name and flags that exist, as each flag that a page names.
func TestDocsShowCommandsThatExist(t *testing.T) {
	t.Parallel()
	flags := map[string]bool{}
	var add func(node *kong.Node)
	add = func(node *kong.Node) {
		for _, flag := range node.Flags {
			flags[flag.Name] = true
		}
		for _, child := range node.Children {
			add(child)
		}
	}
	parser := newParser(&commands{})
	add(parser.Model.Node)
	foreign := []string{"cacert", "health-cmd", "ulimit"} // of curl, Podman and Docker
	found := 0
	for _, page := range docsFiles(t) {
		if slices.Contains(notShown, page) {
			continue
		}
		lines, spans := shownCode(readDoc(t, docsRoot, page))
		for _, text := range append(lines, spans...) {
			if args, is := argsOf(text); is && len(args) > 0 {
				found++
				if why := unknownIn(parser, args); why != "" {
					t.Errorf("%s: %s: %s", page, text, why)
				}
			}
		}
		for _, span := range spans {
			if m := shownFlag.FindStringSubmatch(span); m != nil && !flags[m[1]] && !slices.Contains(foreign, m[1]) {
				t.Errorf("%s: `%s`: throng has no flag --%s", page, span, m[1])
			}
		}
	}
	if found < 100 {
		t.Errorf("got %d commands of throng, want those of all pages", found)
	}
}

// The pages of the guides, of the examples and of the benchmarks name metrics and make targets as well.
func TestDocsNameMetricsAndTargetsThatExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(docsRoot + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z -]+):`).FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, strings.Fields(m[1])...)
	}
	metrics := map[string]bool{}
	for _, row := range doctable.Rows(t, "operations.md", "metric", "labels", "meaning") {
		metrics[strings.Trim(row[0], "`")] = true
	}
	found := 0
	for _, page := range docsFiles(t) {
		if slices.Contains(notShown, page) {
			continue
		}
		lines, spans := shownCode(readDoc(t, docsRoot, page))
		for _, text := range append(lines, spans...) {
			if m := shownMake.FindStringSubmatch(text); m != nil && !slices.Contains(targets, m[1]) {
				t.Errorf("%s: %s: the Makefile has no target %s", page, text, m[1])
			}
			name := shownMetric.FindString(text)
			if strings.Contains(text, "*") || name == "" || strings.HasPrefix(name, "throng_outbox") { // several metrics; the outbox in PostgreSQL
				continue
			}
			found++
			if !metrics[name] && !metrics[strings.TrimSuffix(name, "_bucket")] {
				t.Errorf("%s: `%s`: throng has no metric %s", page, text, name)
			}
		}
	}
	if found < 100 {
		t.Errorf("got %d metrics, want those of all pages", found)
	}
}

func TestTheCheckOfShownCommandsFindsMistakes(t *testing.T) {
	t.Parallel()
	parser := newParser(&commands{})
	for line, want := range map[string]string{
		"throng serve --listen :3000 | tee log":                "",
		"./throng bench broadcast ws://HOST --connections N":   "",
		"THRONG_GUESTS=on throng serve --rate 50 &":            "",
		"docker run throng:0.2.0 version":                      "",
		"sudo /usr/bin/throng serve --chek":                    "unknown flag --chek",
		"throng listen ROOM; throng publish":                   "",
		"throng servee":                                        "unexpected argument servee",
		"throng data exprot ./data > rooms.jsonl":              "unexpected argument exprot",
		"throng token make --user ann --info '{\"a\": 1}' --x": "unknown flag --x",
	} {
		args, is := argsOf(line)
		if !is {
			t.Errorf("%s: got no command", line)
		} else if got := unknownIn(parser, args); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

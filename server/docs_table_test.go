package server

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pageText returns a page of docs/.
func pageText(t testing.TB, page string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pageTable returns the rows of the table of a page whose head has these columns.
func pageTable(t testing.TB, page string, columns ...string) (rows [][]string) {
	t.Helper()
	head := "| " + strings.Join(columns, " | ") + " |"
	lines := strings.Split(pageText(t, page), "\n")
	at := slices.Index(lines, head)
	if at < 0 || at+2 >= len(lines) || !strings.HasPrefix(lines[at+1], "|---") {
		t.Fatalf("docs/%s has no table %q", page, head)
	}
	for _, line := range lines[at+2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != len(columns) {
			t.Fatalf("docs/%s: %d cells in %q, want %d", page, len(cells), line, len(columns))
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

var codeName = regexp.MustCompile("`([a-z0-9_-]+)`")

// codeNames returns the names that a cell has as code, sorted.
func codeNames(cell string) []string {
	names := []string{}
	for _, match := range codeName.FindAllStringSubmatch(cell, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return names
}

// checkNames wants the names on a page to be those of the code, each once.
func checkNames(t testing.TB, what string, onPage, inCode []string) {
	t.Helper()
	onPage, inCode = slices.Sorted(slices.Values(onPage)), slices.Sorted(slices.Values(inCode))
	for i, name := range onPage {
		if !slices.Contains(inCode, name) {
			t.Errorf("%s: the page has %q, the code does not", what, name)
		}
		if i > 0 && onPage[i-1] == name {
			t.Errorf("%s: the page has %q twice", what, name)
		}
	}
	for _, name := range inCode {
		if !slices.Contains(onPage, name) {
			t.Errorf("%s: the code has %q, the page does not", what, name)
		}
	}
}

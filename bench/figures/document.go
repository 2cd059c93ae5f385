package main

import (
	"fmt"
	"strings"
)

// replaceTable puts a table between its marks in a document.
func replaceTable(document, name, table string) (string, error) {
	begin, end := fmt.Sprintf("<!-- figures: %s -->\n", name), "<!-- end of figures -->"
	before, rest, ok := strings.Cut(document, begin)
	if !ok {
		return "", fmt.Errorf("no mark %q", strings.TrimSpace(begin))
	}
	old, after, ok := strings.Cut(rest, end)
	if !ok || strings.Contains(old, "<!-- figures:") {
		return "", fmt.Errorf("no mark %q behind that of %s", end, name)
	}
	return before + begin + "\n" + strings.TrimSpace(table) + "\n\n" + end + after, nil
}

// grid is a table of Markdown.
type grid struct {
	text strings.Builder
	rows [][]string // the heads are the first
}

func newGrid(heads ...string) *grid {
	g := &grid{}
	g.row(heads...)
	g.text.WriteString(strings.Repeat("|---", len(heads)) + "|\n")
	return g
}

func (g *grid) row(cells ...string) {
	g.rows = append(g.rows, cells)
	g.text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// turned is the table with its columns for rows, where much is told of few things.
func (g *grid) turned() string {
	var t *grid
	for i := range g.rows[0] {
		var cells []string
		for _, row := range g.rows {
			cells = append(cells, row[i])
		}
		if t == nil {
			t = newGrid(cells...)
			continue
		}
		t.row(cells...)
	}
	return t.text.String()
}

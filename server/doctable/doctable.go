// Package doctable reads the tables of the pages in docs/. It is only for tests that compare a table with the code.
package doctable

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Table is a table of a page.
type Table struct {
	Section string // the heading above the table
	Header  []string
	Rows    [][]string // each has as many cells as Header
}

// Text returns the content of a page of docs/.
func Text(t testing.TB, page string) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no folder above this one has a go.mod")
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// All returns the tables of a page. A row with more or fewer cells than the header is an error.
func All(t testing.TB, page string) (tables []Table) {
	t.Helper()
	section, inside := "", false
	for line := range strings.Lines(Text(t, page)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			section = strings.TrimLeft(line, "# ")
		}
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !inside:
			inside = true
			tables = append(tables, Table{Section: section, Header: cells})
		case strings.Trim(cells[0], "-") == "" && cells[0] != "":
		default:
			last := &tables[len(tables)-1]
			if len(cells) != len(last.Header) {
				t.Errorf("docs/%s, %s: %d cells in %q, want %d", page, section, len(cells), line, len(last.Header))
				continue
			}
			last.Rows = append(last.Rows, cells)
		}
	}
	return tables
}

// Rows returns the rows of the tables of a page whose header has exactly these columns. It is an error if there are none.
func Rows(t testing.TB, page string, columns ...string) (rows [][]string) {
	t.Helper()
	for _, table := range All(t, page) {
		if slices.Equal(table.Header, columns) {
			rows = append(rows, table.Rows...)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("docs/%s has no rows in a table of %q", page, columns)
	}
	return rows
}

// Below returns the first table below a heading of a page that has these columns, among others. It must have rows.
func Below(t testing.TB, page, section string, columns ...string) Table {
	t.Helper()
	for _, table := range All(t, page) {
		if table.Section == section && !slices.ContainsFunc(columns, func(c string) bool { return table.Column(c) < 0 }) {
			if len(table.Rows) == 0 {
				t.Fatalf("docs/%s, %s: the table has no rows", page, section)
			}
			return table
		}
	}
	t.Fatalf("docs/%s: no table below %q has the columns %q", page, section, columns)
	return Table{}
}

// Column returns the index of a column, or -1.
func (d *Table) Column(name string) int { return slices.Index(d.Header, name) }

// Cells returns the cells of a column, which must exist.
func (d *Table) Cells(column string) (cells []string) {
	at := d.Column(column)
	for _, row := range d.Rows {
		cells = append(cells, row[at])
	}
	return cells
}

var span = regexp.MustCompile("`([^`]+)`")

// Code returns the texts in backquotes of a cell, in order.
func Code(cell string) (all []string) {
	for _, match := range span.FindAllStringSubmatch(cell, -1) {
		all = append(all, match[1])
	}
	return all
}

// Plain returns a cell without backquotes.
func Plain(cell string) string { return strings.ReplaceAll(cell, "`", "") }

// Same compares the names on a page with the names in the code: each must be on the page once, and no others. The code must have some.
func Same(t testing.TB, what string, page, code []string) {
	t.Helper()
	if len(code) == 0 {
		t.Fatalf("%s: found none in the code", what)
	}
	SameOrNone(t, what, page, code)
}

// SameOrNone is Same for code that may have none.
func SameOrNone(t testing.TB, what string, page, code []string) {
	t.Helper()
	for _, name := range code {
		if !slices.Contains(page, name) {
			t.Errorf("%s: the page lacks %s", what, name)
		}
	}
	for i, name := range page {
		if !slices.Contains(code, name) {
			t.Errorf("%s: the page has %s, and the code does not", what, name)
		}
		if slices.Contains(page[:i], name) {
			t.Errorf("%s: the page has %s twice", what, name)
		}
	}
}

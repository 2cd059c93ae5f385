package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// architecturePage is docs/architecture.md.
func architecturePage(t *testing.T) string {
	t.Helper()
	return pageText(t, "../../docs/architecture.md")
}

func pageText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// firstCells returns the first cells, without backticks, of the rows of the first table after a heading whose head row begins with a cell.
func firstCells(t *testing.T, page, heading, head string) (cells []string) {
	t.Helper()
	for _, row := range tableRows(t, page, heading, head) {
		cells = append(cells, row[0])
	}
	return cells
}

// tableRows returns the rows of a table: the one in the section of the heading whose head row begins with a cell. The cells are without
// backticks.
func tableRows(t *testing.T, page, heading, head string) (rows [][]string) {
	t.Helper()
	_, section, ok := strings.Cut(page, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("the page has no heading %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	_, table, ok := strings.Cut(section, "\n| "+head+" |")
	if !ok {
		t.Fatalf("%s has no table whose first column is %q", heading, head)
	}
	lines := strings.Split(table, "\n")
	for _, line := range lines[2:] { // behind the rest of the head, and the rule
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), " | ") {
			row = append(row, strings.ReplaceAll(strings.TrimSpace(cell), "`", ""))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s: the table %q has no rows", heading, head)
	}
	return rows
}

// sameNames compares what a table of a page lists with what the code has.
func sameNames(t *testing.T, table string, listed, want []string) {
	t.Helper()
	for _, name := range want {
		if !slices.Contains(listed, name) {
			t.Errorf("%s: got no row of %s: add one", table, name)
		}
	}
	for i, name := range listed {
		if !slices.Contains(want, name) {
			t.Errorf("%s: got a row of %s, which does not exist: delete it", table, name)
		}
		if slices.Contains(listed[:i], name) {
			t.Errorf("%s: got two rows of %s", table, name)
		}
	}
}

func TestArchitectureListsEveryPackage(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for path := range strings.FieldsSeq(string(out)) {
		packages = append(packages, strings.TrimPrefix(path, module+"/"))
	}
	sameNames(t, "docs/architecture.md, Packages", firstCells(t, architecturePage(t), "## Packages", "package"), packages)
}

func TestArchitectureListsEveryDependency(t *testing.T) {
	t.Parallel()
	var direct []string
	for line := range strings.Lines(pageText(t, "../../go.mod")) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "\t") && len(fields) == 2 { // an indirect one has a comment
			direct = append(direct, fields[0])
		}
	}
	sameNames(t, "docs/architecture.md, Dependencies", firstCells(t, architecturePage(t), "## Dependencies", "module"), direct)
}

// A guarantee whose test is gone is none.
func TestArchitectureNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	var tests []string
	for _, file := range goFiles(t, "../..", true) {
		for _, d := range parse(t, file).Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				tests = append(tests, f.Name.Name)
			}
		}
	}
	for _, row := range tableRows(t, architecturePage(t), "## Guarantees", "guarantee") {
		named := regexp.MustCompile(`\bTest\w+`).FindAllString(row[len(row)-1], -1)
		if len(named) == 0 {
			t.Errorf("%q has no test", row[0])
		}
		for _, name := range named {
			if !slices.Contains(tests, name) {
				t.Errorf("%q: there is no %s", row[0], name)
			}
		}
	}
}

func TestArchitectureListsEveryLock(t *testing.T) {
	t.Parallel()
	var locks []string
	for _, file := range goFiles(t, "../../server", false) {
		if strings.Contains(file, "/torture/") {
			continue
		}
		locks = append(locks, locksOf(parse(t, file))...)
	}
	sameNames(t, "docs/architecture.md, Locks", firstCells(t, architecturePage(t), "## Locks", "lock"), locks)
}

// locksOf names the locks that a file declares: TYPE.FIELD of a struct, or VARIABLE.
func locksOf(file *ast.File) (locks []string) {
	isLock := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		x, ok := s.X.(*ast.Ident)
		return ok && x.Name == "sync" && (s.Sel.Name == "Mutex" || s.Sel.Name == "RWMutex")
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			fields, ok := n.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range fields.Fields.List {
				for _, name := range f.Names {
					if isLock(f.Type) {
						locks = append(locks, n.Name.Name+"."+name.Name)
					}
				}
				if len(f.Names) == 0 && isLock(f.Type) {
					locks = append(locks, n.Name.Name)
				}
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				if isLock(n.Type) {
					locks = append(locks, name.Name)
				}
			}
		}
		return true
	})
	return locks
}

// goFiles are the files of Go below a directory: its tests, or all others.
func goFiles(t *testing.T, dir string, tests bool) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "peers" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go") && strings.HasSuffix(path, "_test.go") == tests:
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func parse(t *testing.T, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

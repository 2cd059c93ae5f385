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

	"github.com/throng-chat/throng/server/doctable"
)

// column returns the first column of a table in docs/, without backquotes.
func column(t *testing.T, page, section, name string) (cells []string) {
	t.Helper()
	table := doctable.Below(t, page, section, name)
	for _, cell := range table.Cells(name) {
		cells = append(cells, doctable.Plain(cell))
	}
	return cells
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
	doctable.Same(t, "docs/architecture.md, Packages", column(t, "architecture.md", "Packages", "package"), packages)
}

func TestArchitectureListsEveryDependency(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var direct []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "\t") && len(fields) == 2 { // an indirect one has a comment
			direct = append(direct, fields[0])
		}
	}
	doctable.Same(t, "docs/architecture.md, Dependencies", column(t, "architecture.md", "Dependencies", "module"), direct)
}

// Each guarantee names a test that exists.
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
	for _, row := range doctable.Below(t, "architecture.md", "Guarantees", "guarantee").Rows {
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
	doctable.Same(t, "docs/architecture.md, Locks", column(t, "architecture.md", "Locks", "lock"), locks)
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

// goFiles returns the Go files below a directory: the tests, or all others.
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

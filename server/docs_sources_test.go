package server

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The sources, for the tests that compare the tables of docs/codes.md and docs/limits.md with them. A missing row and an extra row are errors.

// once removes repeated names.
func once(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// parsedSource is a source file other than a test.
type parsedSource struct {
	*ast.File
	dir string
}

// parsedSources are the sources of the server and of the command on this system, without build tags.
var parsedSources = sync.OnceValues(func() ([]parsedSource, error) {
	var all []parsedSource
	for _, root := range []string{".", filepath.Join("..", "cmd", "throng")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && slices.Contains([]string{"sdk", "torture", "testdata", "browser", "autobahn"}, d.Name()):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			if of, err := build.Default.MatchFile(filepath.Split(path)); err != nil || !of {
				return err // for another system or another build tag
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			all = append(all, parsedSource{f, filepath.Dir(path)})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
})

// eachNode calls f with every node of the sources.
func eachNode(t *testing.T, f func(s parsedSource, n ast.Node)) {
	t.Helper()
	sources, err := parsedSources()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		ast.Inspect(s.File, func(n ast.Node) bool {
			f(s, n)
			return true
		})
	}
}

// literalOf returns the value of a literal as text, without quotes.
func literalOf(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return "", false
	}
	if text, err := strconv.Unquote(lit.Value); err == nil {
		return text, true
	}
	return lit.Value, true
}

// typeName returns the type of a composite literal as the source has it.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// bareName returns a name without its package and with a lower-case first letter.
func bareName(name string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}

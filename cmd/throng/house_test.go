package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostInARing is the maximum number of files of a package that need each other in a ring. Packages with larger rings are listed with their
// number, which may only become smaller.
const mostInARing = 4

var largerRings = map[string]int{}

// To read a file, one must read the files that it needs. If they need it as well, they are one text in several files.
func TestRingsOfFilesAreSmall(t *testing.T) {
	t.Parallel()
	eachPackage(t, func(path string, files []*ast.File, set *token.FileSet, pkg *types.Package, info *types.Info) {
		needs := map[string]map[string]bool{}
		fileOf := func(at token.Pos) string { return filepath.Base(set.Position(at).Filename) }
		for id, o := range info.Uses {
			if o.Pkg() != pkg || o.Parent() != pkg.Scope() && !isMethod(o) {
				continue
			}
			if from, to := fileOf(id.Pos()), fileOf(o.Pos()); from != to {
				if needs[from] == nil {
					needs[from] = map[string]bool{}
				}
				needs[from][to] = true
			}
		}
		rings := ringsOf(needs)
		var largest []string
		for _, r := range rings {
			if len(r) > len(largest) {
				largest = r
			}
		}
		checkRatchet(t, path+": files in a ring "+strings.Join(largest, " "), len(largest), largerRings[path], mostInARing)
	})
}

// The receiver name of a method shows its type.
func TestReceiverNamesBelongToOneType(t *testing.T) {
	t.Parallel()
	eachPackage(t, func(path string, files []*ast.File, _ *token.FileSet, _ *types.Package, info *types.Info) {
		of := map[string]map[string]bool{}
		for _, f := range files {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || fn.Recv == nil || len(fn.Recv.List[0].Names) == 0 || fn.Recv.List[0].Names[0].Name == "_" {
					continue
				}
				name := fn.Recv.List[0].Names[0]
				owner := strings.TrimLeft(types.TypeString(info.Defs[name].Type(), func(*types.Package) string { return "" }), "*")
				owner, _, _ = strings.Cut(owner, "[")
				if of[name.Name] == nil {
					of[name.Name] = map[string]bool{}
				}
				of[name.Name][owner] = true
			}
		}
		var shared []string
		for name, owners := range of {
			if len(owners) > 1 {
				shared = append(shared, name+" "+strings.Join(slices.Sorted(maps.Keys(owners)), ","))
			}
		}
		slices.Sort(shared)
		checkRatchet(t, path+": receivers of several types: "+strings.Join(shared, "; "), len(shared), 0, 0)
	})
}

// checkRatchet fails the test if got exceeds the limit, or the listed number if that is larger, and if the list could be smaller.
func checkRatchet(t *testing.T, what string, got, listed, allowed int) {
	t.Helper()
	switch most := max(listed, allowed); {
	case got > most:
		t.Errorf("%s: got %d, want %d at most", what, got, most)
	case listed > 0 && got < listed:
		t.Errorf("%s: got %d: list that in place of %d", what, got, listed)
	}
}

func isMethod(o types.Object) bool {
	f, ok := o.(*types.Func)
	return ok && f.Signature().Recv() != nil
}

// ringsOf returns the strongly connected components of a graph (Tarjan).
func ringsOf(needs map[string]map[string]bool) (rings [][]string) {
	index, low := map[string]int{}, map[string]int{}
	var stack []string
	var visit func(string)
	visit = func(v string) {
		index[v] = len(index) + 1
		low[v] = index[v]
		stack = append(stack, v)
		for w := range needs[v] {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if slices.Contains(stack, w) {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] == index[v] {
			at := slices.Index(stack, v)
			rings = append(rings, slices.Sorted(slices.Values(stack[at:])))
			stack = stack[:at]
		}
	}
	for _, v := range slices.Sorted(maps.Keys(needs)) {
		if index[v] == 0 {
			visit(v)
		}
	}
	return rings
}

// eachPackage calls do for each package of the module, without its tests.
func eachPackage(t *testing.T, do func(path string, files []*ast.File, set *token.FileSet, pkg *types.Package, info *types.Info)) {
	t.Helper()
	list := exec.Command("go", "list", "-export", "-deps", "-f", `{{.ImportPath}}|{{.Export}}|{{.Dir}}|{{join .GoFiles ","}}`, module+"/...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		exports[f[0]] = f[1]
	}
	set := token.NewFileSet()
	imports := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
packages:
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		path, ours := strings.CutPrefix(f[0], module)
		if !ours || f[3] == "" {
			continue
		}
		var files []*ast.File
		for _, name := range strings.Split(f[3], ",") {
			if strings.HasSuffix(name, ".pb.go") {
				continue packages // generated
			}
			file, err := parser.ParseFile(set, filepath.Join(f[2], name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
		pkg, err := (&types.Config{Importer: imports}).Check(f[0], set, files, info)
		if err != nil {
			t.Fatal(err)
		}
		do(path, files, set, pkg, info)
	}
}

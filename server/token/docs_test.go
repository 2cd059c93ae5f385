package token

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/throng-chat/throng/server/doctable"
)

// The tests compare the tables of docs/tokens.md with the names of the claims in the source.

// reading has, by the name of a function, the claims that it reads by the decoder d, the options that it reads by the decoder o of a room, and the
// methods of d that it calls.
type reading struct{ claims, options, calls []string }

func readings(t testing.TB) map[string]*reading {
	t.Helper()
	found := map[string]*reading{}
	for _, name := range []string{"claims.go", "token.go"} {
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, is := decl.(*ast.FuncDecl); is {
				r := &reading{}
				ast.Inspect(f.Body, func(n ast.Node) bool { r.look(n); return true })
				found[f.Name.Name] = r
			}
		}
	}
	return found
}

// look notes d.text("sub"), d.claims["aud"] and d.checkTimes(now).
func (r *reading) look(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		method, is := n.Fun.(*ast.SelectorExpr)
		if !is || len(n.Args) == 0 && !isDecoder(method.X, "d") {
			return
		}
		if isDecoder(method.X, "d") {
			r.calls = append(r.calls, method.Sel.Name)
		}
		if len(n.Args) > 0 && method.Sel.Name != "fail" {
			r.note(method.X, method.Sel.Name, n.Args[0])
		}
	case *ast.IndexExpr:
		if claims, is := n.X.(*ast.SelectorExpr); is && claims.Sel.Name == "claims" {
			r.note(claims.X, "", n.Index)
		}
	}
}

func isDecoder(x ast.Expr, name string) bool {
	id, is := x.(*ast.Ident)
	return is && id.Name == name
}

func (r *reading) note(decoder ast.Expr, method string, arg ast.Expr) {
	literal, is := arg.(*ast.BasicLit)
	if !is || literal.Kind != gotoken.STRING {
		return
	}
	claim, err := strconv.Unquote(literal.Value)
	if err != nil {
		panic(err)
	}
	names := []string{claim}
	if method == "value" {
		names = append(names, "b64"+claim)
	}
	switch {
	case isDecoder(decoder, "d"):
		r.claims = append(r.claims, names...)
	case isDecoder(decoder, "o"):
		r.options = append(r.options, names...)
	}
}

// claimsOf returns what a function reads, and the methods that it calls.
func claimsOf(all map[string]*reading, function string) (claims, options map[string]bool) {
	claims, options = map[string]bool{}, map[string]bool{}
	seen := map[string]bool{}
	var add func(string)
	add = func(name string) {
		r := all[name]
		if r == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, c := range r.claims {
			claims[c] = true
		}
		for _, o := range r.options {
			options[o] = true
		}
		for _, c := range r.calls {
			add(c)
		}
	}
	add(function)
	return claims, options
}

func wantNames(t testing.TB, what string, page, code map[string]bool) {
	t.Helper()
	if got, want := slices.Sorted(maps.Keys(page)), slices.Sorted(maps.Keys(code)); !slices.Equal(got, want) {
		t.Errorf("%s: docs/tokens.md has %q, the code %q", what, got, want)
	}
}

func TestThePageHasEveryClaim(t *testing.T) {
	t.Parallel()
	all := readings(t)
	connection, options := claimsOf(all, "Connect")
	subscription, _ := claimsOf(all, "Subscribe")
	delete(connection, "channel") // read only to reject it

	onPage := map[string]map[string]bool{"connection": {}, "subscription": {}}
	for _, row := range doctable.Rows(t, "tokens.md", "claim", "type", "token", "meaning") {
		claim := doctable.Code(row[0])[0]
		for kind, claims := range onPage {
			if row[2] == kind || row[2] == "both" {
				if claims[claim] {
					t.Errorf("%s has two rows", claim)
				}
				claims[claim] = true
			}
		}
	}
	wantNames(t, "connection token", onPage["connection"], connection)
	wantNames(t, "subscription token", onPage["subscription"], subscription)

	onPage["options"] = map[string]bool{}
	for _, row := range doctable.Rows(t, "tokens.md", "option of `subs`", "type", "meaning") {
		option := doctable.Code(row[0])[0]
		if onPage["options"][option] {
			t.Errorf("%s of subs has two rows", option)
		}
		onPage["options"][option] = true
	}
	wantNames(t, "options of subs", onPage["options"], options)
}

func TestThePageHasEveryAlgorithm(t *testing.T) {
	t.Parallel()
	var onPage []string
	for _, row := range doctable.Rows(t, "tokens.md", "algorithm", "key", "setting") {
		names := doctable.Code(row[0])
		onPage = append(onPage, names...)
		for _, name := range names {
			if bySecret := slices.Contains(doctable.Code(row[2]), "hmac-secret"); bySecret != slices.Contains(hmacAlgorithms, name) {
				t.Errorf("%s: the setting is %s, and another one in the code", name, row[2])
			}
		}
	}
	if want := slices.Concat(hmacAlgorithms, publicAlgorithms); !slices.Equal(onPage, want) {
		t.Errorf("docs/tokens.md has the algorithms %q, the code %q", onPage, want)
	}
}

package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const wantPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

var pages = []struct {
	path        string
	contentType string
	contains    string
}{
	{
		path:        "/",
		contentType: "text/html; charset=utf-8",
		contains:    `id="messages"`,
	},
	{
		path:        "/early.js",
		contentType: "text/javascript; charset=utf-8",
		contains:    "new WebSocket(",
	},
	{
		path:        "/" + firstModule(),
		contentType: "text/javascript; charset=utf-8",
		contains:    "createElement(",
	},
	{
		path:        "/style.css",
		contentType: "text/css; charset=utf-8",
		contains:    "light-dark(",
	},
	{
		path:        "/favicon.svg",
		contentType: "image/svg+xml",
		contains:    "<svg",
	},
}

// later are files that the page loads when it needs them, and the script for other sites.
var later = []string{"/embed.js", "/zh-Hans.json", "/zh-Hant.json"}

// serve answers one request in memory.
func serve(method, target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	Handler(Options{}).ServeHTTP(w, r)
	return w
}

func wantHeader(t *testing.T, h http.Header, name, want string) {
	t.Helper()
	if got := h.Values(name); len(got) != 1 || got[0] != want {
		t.Errorf("%s: got %q, want %q once", name, got, want)
	}
}

// wantSafe checks what every answer carries, whatever it says.
func wantSafe(t *testing.T, h http.Header) {
	t.Helper()
	wantHeader(t, h, "Content-Security-Policy", wantPolicy)
	wantHeader(t, h, "X-Content-Type-Options", "nosniff")
	wantHeader(t, h, "Referrer-Policy", "no-referrer")
	wantHeader(t, h, "Cross-Origin-Opener-Policy", "same-origin")
}

func TestPageAndItsFilesAreServed(t *testing.T) {
	for _, tt := range pages {
		t.Run(tt.path, func(t *testing.T) {
			get := serve(http.MethodGet, tt.path, nil)
			if get.Code != http.StatusOK {
				t.Fatalf("status: got %d, want 200", get.Code)
			}
			wantSafe(t, get.Header())
			wantHeader(t, get.Header(), "Content-Type", tt.contentType)
			wantHeader(t, get.Header(), "Cache-Control", "no-cache")
			if body := get.Body.String(); !strings.Contains(body, tt.contains) {
				t.Errorf("body of %d bytes: got no %q", len(body), tt.contains)
			}

			head := serve(http.MethodHead, tt.path, nil)
			if head.Code != http.StatusOK || head.Body.Len() != 0 {
				t.Errorf("HEAD: got %d and %d bytes, want 200 and none", head.Code, head.Body.Len())
			}
			wantHeader(t, head.Header(), "Content-Length", fmt.Sprint(get.Body.Len()))
			wantHeader(t, head.Header(), "ETag", get.Header().Get("ETag"))
		})
	}
}

func TestQueryDoesNotChangeThePage(t *testing.T) {
	if w := serve(http.MethodGet, "/?room=tea%2Fand%2Fcake", nil); w.Code != http.StatusOK {
		t.Errorf("status: got %d, want 200", w.Code)
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	seen := map[string]string{}
	for _, tt := range pages {
		etag := serve(http.MethodGet, tt.path, nil).Header().Get("ETag")
		if len(etag) < 10 || etag[0] != '"' {
			t.Fatalf("%s: ETag: got %q, want a quoted hash", tt.path, etag)
		}
		if other, ok := seen[etag]; ok {
			t.Errorf("%s and %s: got the same ETag %s", tt.path, other, etag)
		}
		seen[etag] = tt.path

		for _, match := range []string{etag, "W/" + etag, `"older", ` + etag, "*"} {
			w := serve(http.MethodGet, tt.path, http.Header{"If-None-Match": {match}})
			if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
				t.Errorf("%s, If-None-Match %s: got %d and %d bytes, want 304 and none", tt.path, match, w.Code, w.Body.Len())
			}
			wantSafe(t, w.Header())
			wantHeader(t, w.Header(), "ETag", etag)
			wantHeader(t, w.Header(), "Cache-Control", "no-cache")
		}
		if w := serve(http.MethodGet, tt.path, http.Header{"If-None-Match": {`"older"`}}); w.Code != http.StatusOK {
			t.Errorf("%s, If-None-Match of an older file: got %d, want 200", tt.path, w.Code)
		}
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"} {
		for _, tt := range pages {
			w := serve(method, tt.path, nil)
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: got %d, want 405", method, tt.path, w.Code)
			}
			wantSafe(t, w.Header())
			wantHeader(t, w.Header(), "Allow", "GET, HEAD")
		}
	}
}

// The targets go over a socket as they stand: a client library would tidy them first.
func TestOtherPathsAreNotFound(t *testing.T) {
	srv := httptest.NewServer(Handler(Options{}))
	defer srv.Close()
	for _, target := range []string{
		"/index.html",
		"/web.go",
		"/connection.js",
		"/web_test.go",
		"/browser/",
		"/page.js/",
		"/page.js.map",
		"/APP.JS",
		"/page.js%00",
		"/page.js%20",
		"/app%2ejs",
		"/%61pp.js",
		"/./page.js",
		"//page.js",
		"//",
		"/.",
		"/..",
		"/../",
		"/../web.go",
		"/../../etc/passwd",
		"/..%2f..%2fetc%2fpasswd",
		"/%2e%2e/%2e%2e/etc/passwd",
		"/%2e%2e%2fweb.go",
		"/%252e%252e%252fweb.go",
		"/..%5cweb.go",
		`/..\web.go`,
		"/....//web.go",
		"/..;/web.go",
		"/%c0%ae%c0%ae/web.go",
		"/%2f",
		"/%5c",
		"/x/../page.js",
		"/style.css/../page.js",
		"/favicon.ico",
		"/ws/",
	} {
		t.Run(target, func(t *testing.T) {
			res, body := sendTarget(t, srv.Listener.Addr().String(), target)
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("status: got %d, want 404", res.StatusCode)
			}
			wantSafe(t, res.Header)
			wantHeader(t, res.Header, "Content-Type", "text/plain; charset=utf-8")
			if body != "not found\n" {
				t.Errorf("body: got %q, want %q", body, "not found\n")
			}
		})
	}
}

func sendTarget(t *testing.T, address, target string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, address); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// Each further file costs a request before the first message.
func TestTheFirstModuleImportsNoOther(t *testing.T) {
	script := serve(http.MethodGet, "/"+firstModule(), nil).Body.String()
	if imports := regexp.MustCompile(`(?:from|import)"\./[^"]+"`).FindAllString(script, -1); len(imports) > 0 {
		t.Errorf("%s: got %q, want no import", firstModule(), imports)
	}
}

// Whoever opens the page waits for these bytes.
func TestThePageFitsIntoThirtyKilobytes(t *testing.T) {
	total := 0
	for _, tt := range pages {
		path := tt.path
		w := serve(http.MethodGet, path, http.Header{"Accept-Encoding": {"br, gzip"}})
		wantHeader(t, w.Header(), "Content-Encoding", "gzip")
		wantHeader(t, w.Header(), "Content-Length", fmt.Sprint(w.Body.Len()))
		wantHeader(t, w.Header(), "Vary", "Accept-Encoding")
		total += w.Body.Len()

		unpacked, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, err := io.ReadAll(unpacked)
		if plain := serve(http.MethodGet, path, nil).Body.String(); err != nil || string(body) != plain {
			t.Errorf("%s: unpacked it is %d bytes (%v), want the %d of the plain one", path, len(body), err, len(plain))
		}
	}
	if total > 30<<10 {
		t.Errorf("got %d bytes, want %d at most", total, 30<<10)
	}
	t.Logf("%d bytes of %d", total, 30<<10)
}

// The committed files are served, so they have to be the build of the sources beside them.
func TestDistIsBuiltFromItsSources(t *testing.T) {
	source, err := os.ReadFile("web.go")
	if err != nil {
		t.Fatal(err)
	}
	builds := regexp.MustCompile(`(?m)^//go:generate (go run github\.com/evanw/esbuild/cmd/esbuild .+) --outdir=(dist\S*)$`).FindAllSubmatch(source, -1)
	if len(builds) != 2 {
		t.Fatalf("web.go: got %d go:generate lines that build dist by esbuild, want 2", len(builds))
	}
	for _, build := range builds {
		fresh, dir := t.TempDir(), string(build[2])
		args := append(strings.Fields(string(build[1])), "--outdir="+fresh)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		built, err := os.ReadDir(fresh)
		if err != nil || len(built) < 2 {
			t.Fatalf("a fresh build of %s: got %d files (%v), want two at least", dir, len(built), err)
		}
		for _, file := range built {
			want, err := os.ReadFile(filepath.Join(fresh, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, file.Name())); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s/%s: got %d bytes (%v) that differ from the %d of a fresh build: run make page-script", dir, file.Name(), len(got), err, len(want))
			}
		}
		if committed, err := os.ReadDir(dir); dir == "dist/served" && len(committed) != len(built) {
			t.Errorf("%s: got %d files (%v), want the %d of a fresh build: run make page-script", dir, len(committed), err, len(built))
		}
	}
}

func TestWhoDoesNotTakeGzipGetsItPlain(t *testing.T) {
	for _, accepts := range []string{"", "identity", "br", "gzip;q=0", "xgzip"} {
		w := serve(http.MethodGet, "/early.js", http.Header{"Accept-Encoding": {accepts}})
		if got := w.Header().Get("Content-Encoding"); got != "" || !strings.Contains(w.Body.String(), "new WebSocket(") {
			t.Errorf("Accept-Encoding %q: got %q, want it plain", accepts, got)
		}
	}
}

// The page loads its script, whether it is served or opened from a file.
func TestThePageLoadsItsScript(t *testing.T) {
	page, err := files.ReadFile("index.html")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(page), "<script"); got != 1 || !strings.Contains(string(page), `<script src="dist/app.js"></script>`) {
		t.Errorf("index.html: got %d scripts, want dist/app.js alone", got)
	}
	served := serve(http.MethodGet, "/", nil).Body.String()
	_, behind, found := strings.Cut(served, `<script type="module" src="`+firstModule()+`" async></script>`)
	early := strings.Index(served, `<script src="early.js"></script>`)
	if got := strings.Count(served, "<script"); got != 2 || !found || early < 0 || early > strings.Index(served, `<link rel="stylesheet"`) {
		t.Errorf("served: got %d scripts, want early.js before the style, and %s", got, firstModule())
	}
	if strings.Contains(behind, "id=") {
		t.Errorf("served: got %q behind the script, want no elements that it may not find", behind)
	}
}

// The script takes it for granted that each element it asks for by id is there, and of which kind it is.
func TestThePageHasTheElementsOfItsScript(t *testing.T) {
	source, err := os.ReadFile("src/ui/dom.ts")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(source), "interface Elements {\n")
	list, _, found := strings.Cut(list, "}\n")
	elements := regexp.MustCompile(`(?m)^  (\w+): HTML(\w*)Element;$`).FindAllStringSubmatch(list, -1)
	if !found || len(elements) == 0 || len(elements) != strings.Count(list, "\n") {
		t.Fatalf("src/ui/dom.ts: got %d elements in %q, want one a line", len(elements), list)
	}
	tags := map[string]string{"": `\w+`, "Anchor": "a", "UList": "ul", "Link": "link", "TextArea": "textarea"}
	page := serve(http.MethodGet, "/", nil).Body.String()
	for _, e := range elements {
		tag, ok := tags[e[2]]
		if !ok {
			tag = strings.ToLower(e[2])
		}
		if got := len(regexp.MustCompile(`<`+tag+` [^>]*\bid="`+e[1]+`"`).FindAllString(page, -1)); got != 1 {
			t.Errorf("index.html: got %d elements <%s id=%q>, want 1", got, tag, e[1])
		}
	}
}

// The policy forbids inline script and style, so one left in the page would be dead there, and alive in a page opened
// from a file.
func TestPageHasNothingInline(t *testing.T) {
	page := serve(http.MethodGet, "/", nil).Body.String()
	for _, bad := range []string{"<style", " style=", " onclick=", " onload=", " onsubmit=", "javascript:", "<script>"} {
		if strings.Contains(page, bad) {
			t.Errorf("page: got %q in it, want none", bad)
		}
	}
	script, err := os.ReadFile("dist/app.js") // has all modules
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"} {
		if strings.Contains(string(script), bad) {
			t.Errorf("script: got %q in it, want none", bad)
		}
	}
}

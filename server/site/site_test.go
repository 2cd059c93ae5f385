package site

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"

	"github.com/throng-chat/throng/docs"
)

// view is what a browser finds in a page.
type view struct {
	ids, links []string
	headings   int // of the first level
}

func viewOf(t testing.TB, content []byte) (v view) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "h1" {
			v.headings++
		}
		for _, a := range node.Attr {
			switch a.Key {
			case "id":
				v.ids = append(v.ids, a.Val)
			case "href", "src":
				v.links = append(v.links, a.Val)
			}
		}
	}
	return v
}

// deadLinks returns the links of the pages to files and anchors that the site does not have.
func deadLinks(t testing.TB, site map[string][]byte) (dead []string) {
	t.Helper()
	views := map[string]view{}
	for name, content := range site {
		if path.Ext(name) == ".html" {
			views[name] = viewOf(t, content)
		}
	}
	for name, v := range views {
		for _, to := range v.links {
			u, err := url.Parse(to)
			if err == nil && u.Scheme != "" {
				continue
			}
			file := name
			if err == nil && u.Path != "" {
				file = path.Join(path.Dir(name), u.Path)
			}
			_, known := site[file]
			if err != nil || !known || u.Fragment != "" && !slices.Contains(views[file].ids, u.Fragment) {
				dead = append(dead, fmt.Sprintf("%s: %s", name, to))
			}
		}
	}
	slices.Sort(dead)
	return dead
}

func TestTheSiteHasNoDeadLink(t *testing.T) {
	t.Parallel()
	site, err := Build(docs.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, dead := range deadLinks(t, site) {
		t.Error("dead link: ", dead)
	}
	for name, content := range site {
		if path.Ext(name) != ".html" {
			continue
		}
		v := viewOf(t, content)
		if v.headings != 1 {
			t.Errorf("%s: got %d headings of the first level, want 1", name, v.headings)
		}
		if got := slices.Compact(slices.Sorted(slices.Values(v.ids))); len(got) != len(v.ids) {
			t.Errorf("%s: an ID occurs twice: %q", name, v.ids)
		}
	}
}

// Each page is in the navigation once.
func TestTheIndexHasEachPage(t *testing.T) {
	t.Parallel()
	sections, err := navigation(docs.Files)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, s := range sections {
		for _, l := range s.Links {
			got = append(got, l.To)
		}
	}
	err = fs.WalkDir(docs.Files, ".", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" && name != index {
			want = append(want, htmlName(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("docs/index.md: got links to %q, want each page once: %q", got, want)
	}
}

func TestPagesAreConverted(t *testing.T) {
	t.Parallel()
	site, err := Build(fstest.MapFS{
		index:            {Data: []byte("# All\n## Guides\n- [One `a`](one.md)\n- [Inner](more/inner.md)\n- [Source](../go.mod)\n")},
		"one.md":         {Data: []byte("# One\n## Two, *three*: `four`\n## [Again](other.md)\n## Again\n[a](one.md#again-1) [b](more/inner.md#x) [c](../go.mod)\n\n| a |\n|---|\n| `b` |\n<script>alert(1)</script>\n")},
		"more/inner.md":  {Data: []byte("# Inner\n[up](../one.md) [out](../../go.mod) [round](../../docs/more/inner.md#inner) ![p](p.png)\n")},
		"more/p.png":     {Data: []byte("png")},
		"more/other.txt": {Data: []byte("# no page")},
	})
	if err != nil {
		t.Fatal(err)
	}
	has := func(name string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(string(site[name]), w) {
				t.Errorf("%s: want %s in\n%s", name, w, site[name])
			}
		}
	}
	has("one.html", `<title>One: throng</title>`, `id="two-three-four"`, `id="again"`, `id="again-1"`, `href="one.html#again-1"`, `<td><code>b</code></td>`,
		`href="more/inner.html#x"`, `href="https://github.com/throng-chat/throng/blob/main/go.mod"`, `<a href="one.html" aria-current="page">One a</a>`)
	has("more/inner.html", `href="../one.html"`, `href="../docs.css"`, `<a href="../more/inner.html" aria-current="page">`, `src="p.png"`, `blob/main/go.mod`, `href="inner.html#inner"`)
	if strings.Contains(string(site["one.html"]), "<script>") {
		t.Error("one.html: got the HTML of the page, want none")
	}
	if got := string(site["more/other.txt"]); got != "# no page" {
		t.Errorf("a file that is no page: got %q, want it unchanged", got)
	}
	want := []string{"one.html: more/inner.html#x", "one.html: other.html"}
	if got := deadLinks(t, site); !slices.Equal(got, want) {
		t.Errorf("dead links: got %q, want %q", got, want)
	}
}

func TestAnIndexWithoutSectionsIsAnError(t *testing.T) {
	t.Parallel()
	for _, docs := range []fstest.MapFS{{}, {index: {Data: []byte("# All\n[one](one.md)\n")}}} {
		if _, err := Build(docs); err == nil {
			t.Errorf("%v: got no error", docs)
		}
	}
}

func TestTheSiteIsServed(t *testing.T) {
	t.Parallel()
	handler := Handler()
	for _, tt := range []struct {
		path, contentType string
		status            int
	}{
		{Root, "text/html; charset=utf-8", http.StatusOK},
		{Root + "index.html", "text/html; charset=utf-8", http.StatusOK},
		{Root + "limits.html", "text/html; charset=utf-8", http.StatusOK},
		{Root + "docs.css", "text/css; charset=utf-8", http.StatusOK},
		{Root + "live.png", "image/png", http.StatusOK},
		{Root + "prometheus/alerts.yml", "text/plain; charset=utf-8", http.StatusOK},
		{Root + "limits.md", "text/plain; charset=utf-8", http.StatusNotFound},
		{Root + "../go.mod", "text/plain; charset=utf-8", http.StatusNotFound},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.path, nil))
		if got := w.Header().Get("Content-Security-Policy"); tt.status == http.StatusOK && !strings.HasPrefix(got, "default-src 'none'; style-src 'self'; img-src 'self'; ") {
			t.Errorf("%s: got the policy %q, want no scripts and nothing of other sites", tt.path, got)
		}
		if w.Code != tt.status || w.Header().Get("Content-Type") != tt.contentType {
			t.Errorf("%s: got %d %s, want %d %s", tt.path, w.Code, w.Header().Get("Content-Type"), tt.status, tt.contentType)
		}
	}
}

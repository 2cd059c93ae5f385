package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

func TestFilesAreServedAsTheyAre(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("text of a file\n", 100)
	handler := Handler("default-src 'none'", map[string]File{"/a.css": NewFile([]byte(text), "text/css")})
	get := func(method, path, encoding, known string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Accept-Encoding", encoding)
		r.Header.Set("If-None-Match", known)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Security-Policy"); got != "default-src 'none'" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: got the headers %v", method, path, w.Header())
		}
		return w
	}
	plain := get("GET", "/a.css", "br", "")
	if plain.Code != 200 || plain.Body.String() != text || plain.Header().Get("Content-Type") != "text/css" {
		t.Errorf("got %d %v", plain.Code, plain.Header())
	}
	small := get("GET", "/a.css", "br, gzip", "")
	in, err := gzip.NewReader(small.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(in); err != nil || string(got) != text {
		t.Errorf("compressed: got %d bytes and %v", len(got), err)
	}
	if tag := plain.Header().Get("ETag"); tag == small.Header().Get("ETag") || get("GET", "/a.css", "br", tag).Code != http.StatusNotModified {
		t.Errorf("got the tag %s for both encodings, or no 304", tag)
	}
	for path, want := range map[string]int{"/b.css": 404, "/%61.css": 404, "/": 404} {
		if got := get("GET", path, "", "").Code; got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
	if got := get("POST", "/a.css", "", ""); got.Code != 405 || got.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d", got.Code)
	}
	if got := get("HEAD", "/a.css", "", ""); got.Code != 200 || got.Body.Len() != 0 {
		t.Errorf("HEAD: got %d and %d bytes", got.Code, got.Body.Len())
	}
}

// A server whose page nobody visits has no compressor and no compressed files. Each file is compressed once.
func TestTheFirstClientCompressesAFile(t *testing.T) { // serial: it measures the memory of the process
	text := make([]byte, 256<<10)
	for i := range text {
		text[i] = byte(i * i >> 3)
	}
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	var f File
	if got := allocated(func() { f = NewFile(text, "text/css") }); got > 64<<10 {
		t.Errorf("a file that nobody requested: got %d bytes, want none for its compressed content", got)
	}
	f.gzipped()
	if got := allocated(func() { f.gzipped() }); got > 64<<10 {
		t.Errorf("the second client: got %d bytes, want none", got)
	}
}

func TestACompactFileHasTheLinesThatCount(t *testing.T) {
	t.Parallel()
	if got, want := string(Compact([]byte("  a {\n\n/* note */\n<!-- note -->\n\tb: c;\n}"))), "a {\nb: c;\n}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

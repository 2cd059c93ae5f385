// Package web is the chat page: a few files in the binary, and a handler that serves exactly these files.
//
// The script is written in TypeScript, in src. To change it, edit src, run make page-script and commit src and dist together.
// TestTheScriptIsBuiltFromItsSources compares them.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The script of the page is one classic script. It is not a module, because browsers load modules only from a server, and the page can also
// be opened from a file. The output is committed, so that the build of throng needs only Go.
//go:generate go run github.com/evanw/esbuild/cmd/esbuild src/app.ts --bundle --minify --charset=utf8 --target=es2024 --log-level=warning --outfile=dist/app.js

//go:embed index.html style.css favicon.svg dist/app.js
var files embed.FS

// securityPolicy allows the page to run its own script and to reach its own server, and nothing else. With trusted types, the browser rejects
// every string that the script would turn into markup or code.
const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

type asset struct {
	contentType string
	etag        string // a hash of the content
	content     []byte
	gzipped     []byte
}

// Handler serves the page at / and its files beside it. The response to other paths is 404, also for another spelling of a known path.
func Handler() http.Handler {
	// The server has the script beside the page. In the repository, it is in the directory dist.
	page := bytes.Replace(compact("index.html"), []byte(`src="dist/app.js"`), []byte(`src="app.js"`), 1)
	assets := map[string]asset{
		"/":            newAsset(page, "text/html; charset=utf-8"),
		"/app.js":      newAsset(read("dist/app.js"), "text/javascript; charset=utf-8"),
		"/style.css":   newAsset(compact("style.css"), "text/css; charset=utf-8"),
		"/favicon.svg": newAsset(compact("favicon.svg"), "image/svg+xml"),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", securityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")

		// The path as the client sent it: an escaped spelling of a known path is unknown.
		a, ok := assets[r.URL.EscapedPath()]
		if !ok {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		h.Set("Content-Type", a.contentType)
		h.Set("Cache-Control", "no-cache") // browsers store the file, but check it each time, so that a new binary takes effect at once
		h.Set("Vary", "Accept-Encoding")
		content, etag := a.content, a.etag
		if acceptsGzip(r) {
			content, etag = a.gzipped, a.etag+"-gzip"
			h.Set("Content-Encoding", "gzip")
			h.Set("Content-Length", strconv.Itoa(len(content)))
		}
		h.Set("ETag", strconv.Quote(etag))
		http.ServeContent(direct{w}, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// direct writes a file from memory without a copy: io.Copy would hold a copy for each client that is reading.
type direct struct{ http.ResponseWriter }

func (w direct) ReadFrom(r io.Reader) (int64, error) {
	if part, ok := r.(*io.LimitedReader); ok {
		if whole, ok := part.R.(*bytes.Reader); ok && part.N >= int64(whole.Len()) {
			return whole.WriteTo(w.ResponseWriter)
		}
	}
	return io.Copy(onlyWriter{w.ResponseWriter}, r)
}

type onlyWriter struct{ io.Writer }

func read(name string) []byte {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("embedded file %s: %v", name, err))
	}
	return content
}

// compact returns a file without indentation, empty lines and comment lines. In these files, no quoted text spans lines.
func compact(name string) []byte {
	var out []byte
	for line := range bytes.Lines(read(name)) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0,
			bytes.HasPrefix(line, []byte("/*")) && bytes.HasSuffix(line, []byte("*/")),
			bytes.HasPrefix(line, []byte("<!--")) && bytes.HasSuffix(line, []byte("-->")):
		default:
			out = append(append(out, line...), '\n')
		}
	}
	return out
}

func newAsset(content []byte, contentType string) asset {
	a := asset{contentType: contentType, content: content, gzipped: compress(content)}
	a.etag = fmt.Sprintf("%x", sha256.Sum256(content))[:24]
	return a
}

// compress returns content compressed by gzip. It runs once per file, when the server starts.
func compress(content []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		panic(fmt.Sprintf("compress a file: %v", err)) // writes to memory do not fail
	}
	return out.Bytes()
}

// acceptsGzip reports whether Accept-Encoding lists gzip without a weight, as all browsers do.
func acceptsGzip(r *http.Request) bool {
	for _, coding := range strings.Split(strings.Join(r.Header["Accept-Encoding"], ","), ",") {
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return true
		}
	}
	return false
}

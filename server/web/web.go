// Package web is the chat page: a few files in the binary, and the handler that serves exactly those.
//
// The script is written in TypeScript, in src. To change it, edit src, run make page-script and commit dist with it.
// TestTheScriptIsBuiltFromItsSources compares the two.
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

// The script of the page: one classic script, not a module, because browsers load modules only from a server, and the page can
// also be opened from a file. The output is committed, so that building throng needs no other tool than Go.
//go:generate go run github.com/evanw/esbuild/cmd/esbuild src/app.ts --bundle --minify --charset=utf8 --target=es2024 --log-level=warning --outfile=dist/app.js

//go:embed index.html style.css favicon.svg dist/app.js
var files embed.FS

// securityPolicy lets the page run its own script and reach its own server, and nothing else. Trusted types make the
// browser refuse any string that would become markup or code, should the script ever try.
const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

type asset struct {
	contentType string
	etag        string // of the content: it changes when the file does
	content     []byte
	gzipped     []byte
}

// Handler serves the page at / and its files beside it. Every other path is not found, however it is spelled.
func Handler() http.Handler {
	// The server has the script beside the page; in the repository it is in a directory of its own.
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

		// The path as it was sent: an escaped spelling of a known one is not known.
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
		h.Set("Cache-Control", "no-cache") // kept, but asked about each time: a new binary shows at once
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

// direct writes a file from where it is: io.Copy would have a copy of it for each reader, as long as that reads.
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

// compact returns a file without indentation, empty lines and lines that are a comment. No quoted text in these files spans lines.
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

// compress is done once for each file, when the server starts.
func compress(content []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		panic(fmt.Sprintf("compress a file: %v", err)) // into memory: it cannot fail
	}
	return out.Bytes()
}

// acceptsGzip is for clients that name it plainly, as all browsers do.
func acceptsGzip(r *http.Request) bool {
	for _, coding := range strings.Split(strings.Join(r.Header["Accept-Encoding"], ","), ",") {
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return true
		}
	}
	return false
}

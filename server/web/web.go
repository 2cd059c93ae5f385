// Package web is the chat page: a few files in the binary, and the handler that serves exactly those.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"time"
)

//go:embed index.html app.js style.css favicon.svg
var files embed.FS

// securityPolicy lets the page run its own script and reach its own server, and nothing else. Trusted types make the
// browser refuse any string that would become markup or code, should the script ever try.
const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

type asset struct {
	contentType string
	etag        string // of the content: it changes when the file does
	content     []byte
}

// Handler serves the page at / and its files beside it. Every other path is not found, however it is spelled.
func Handler() http.Handler {
	assets := map[string]asset{
		"/":            load("index.html", "text/html; charset=utf-8"),
		"/app.js":      load("app.js", "text/javascript; charset=utf-8"),
		"/style.css":   load("style.css", "text/css; charset=utf-8"),
		"/favicon.svg": load("favicon.svg", "image/svg+xml"),
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
		h.Set("ETag", a.etag)
		h.Set("Cache-Control", "no-cache") // kept, but asked about each time: a new binary shows at once
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	})
}

func load(name, contentType string) asset {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("embedded file %s: %v", name, err))
	}
	sum := sha256.Sum256(content)
	return asset{contentType: contentType, etag: fmt.Sprintf(`"%x"`, sum[:12]), content: content}
}

// Package static serves the files of a page from memory, compressed, with the headers that keep a page safe.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// File is one file of a page.
type File struct {
	ContentType string
	etag        string // a hash of the content
	content     []byte
	gzipped     func() []byte
}

// NewFile returns a file. The first client compresses the content, so make each file once.
func NewFile(content []byte, contentType string) File {
	f := File{ContentType: contentType, content: content, gzipped: sync.OnceValue(func() []byte { return compress(content) })}
	f.etag = fmt.Sprintf("%x", sha256.Sum256(content))[:24]
	return f
}

// Handler serves files by their paths, with a Content-Security-Policy. The response to other paths is 404, also for another spelling of a known path.
func Handler(policy string, files map[string]File) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")

		// The path as the client sent it: an escaped spelling of a known path is unknown.
		f, ok := files[r.URL.EscapedPath()]
		if !ok {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		h.Set("Content-Type", f.ContentType)
		h.Set("Cache-Control", "no-cache") // browsers store the file, but check it each time, so that a new binary takes effect at once
		h.Set("Vary", "Accept-Encoding")
		content, etag := f.content, f.etag
		if acceptsGzip(r) {
			content, etag = f.gzipped(), f.etag+"-gzip"
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

// Compact returns a text file without indentation, empty lines and comment lines. No quoted text of the file may span lines.
func Compact(text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
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

// compressors are gzip writers. The files of a page share one if they are compressed one after another: each writer takes over 1 MiB.
var compressors = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestCompression)
	if err != nil {
		panic(fmt.Sprintf("gzip: %v", err)) // the level is valid
	}
	return w
}}

// compress returns content compressed by gzip. It runs once per file.
func compress(content []byte) []byte {
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, err := w.Write(content)
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

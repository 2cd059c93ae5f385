package live

import (
	"embed"
	"fmt"
	"net/http"

	"github.com/throng-chat/throng/server/static"
	"github.com/throng-chat/throng/server/uplot"
)

// The script of the page is one classic script. It is committed, so that the build of throng needs only Go.
//go:generate go run github.com/evanw/esbuild/cmd/esbuild src/app.ts --bundle --minify --charset=utf8 --target=es2024 --log-level=warning --outfile=dist/live.js
//go:generate go run github.com/evanw/esbuild/cmd/esbuild style/live.css --bundle --minify --charset=utf8 --target=es2024 --log-level=warning --outfile=dist/live.css

//go:embed index.html dist/live.js dist/live.css
var files embed.FS

// securityPolicy allows the page to run its own scripts and to reach its own port, and nothing else.
const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Routes returns the handlers of the page by their patterns of net/http. They do not check who asks.
func (l *Live) Routes() map[string]http.Handler {
	script, style := "text/javascript; charset=utf-8", "text/css; charset=utf-8"
	assets := map[string]static.File{
		"/":          static.NewFile(static.Compact(read(files, "index.html")), "text/html; charset=utf-8"),
		"/live.js":   static.NewFile(read(files, "dist/live.js"), script),
		"/live.css":  static.NewFile(read(files, "dist/live.css"), style),
		"/uplot.js":  static.NewFile(read(uplot.Files, "uPlot.iife.min.js"), script),
		"/uplot.css": static.NewFile(read(uplot.Files, "uPlot.min.css"), style),
	}
	page := static.Handler(securityPolicy, assets)
	routes := map[string]http.Handler{
		"GET /live":         http.HandlerFunc(l.serveStream),
		"GET /live/history": http.HandlerFunc(l.serveHistory),
		"GET /live/doctor":  http.HandlerFunc(l.serveDoctor),
	}
	for path := range assets {
		if path == "/" {
			path = "/{$}"
		}
		routes["GET "+path] = page
	}
	return routes
}

func read(from embed.FS, name string) []byte {
	content, err := from.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("embedded file %s: %v", name, err))
	}
	return content
}

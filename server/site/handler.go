package site

import (
	"fmt"
	"net/http"
	"path"
	"sync"

	"github.com/throng-chat/throng/docs"
	"github.com/throng-chat/throng/server/static"
)

// Root is the path of the site on the admin port.
const Root = "/docs/"

// securityPolicy allows the style and the pictures of the site, and nothing else.
const securityPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the site below Root. It builds the site at the first request, because most servers get none.
func Handler() http.Handler {
	built := sync.OnceValue(func() http.Handler { return static.Handler(securityPolicy, files()) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { built().ServeHTTP(w, r) })
}

func files() map[string]static.File {
	site, err := Build(docs.Files)
	if err != nil {
		panic(fmt.Sprintf("documentation: %v", err)) // the pages are part of the binary, and the tests build them
	}
	served := map[string]static.File{}
	for name, content := range site {
		served[Root+name] = static.NewFile(content, contentType(name))
	}
	served[Root] = served[Root+htmlName(index)]
	return served
}

// contentType does not depend on the tables of the machine.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".png":
		return "image/png"
	default:
		return "text/plain; charset=utf-8"
	}
}

// Package web is the chat page: a few files in the binary, and a handler that serves exactly these files.
//
// The script is written in TypeScript, in src, and the style in the files of style. To change them, edit these, run make page-script and commit
// them and dist together. TestDistIsBuiltFromItsSources compares them.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"net/http"
	"path"
	"regexp"
	"sync"

	"github.com/throng-chat/throng/server/static"
)

// The server has the script in three parts: early.js begins the connection, the first module shows the first messages, and a further module,
// which it imports then, has all else. Each module that is loaded later imports src/app.ts, although it needs only a part. Then esbuild puts all
// of the first module into one file, which page.js names: a reader waits for one request instead of six. Browsers load modules only from a
// server. A page opened from a file has all of it in one classic script, app.js, which is not in the binary. The output is committed, so that
// the build of throng needs only Go.
//go:generate rm -rf dist/served
//go:generate go run github.com/evanw/esbuild/cmd/esbuild page=src/app.ts --bundle --splitting --format=esm --minify --charset=utf8 --target=es2024 --log-level=warning --outdir=dist/served
//go:generate go run github.com/evanw/esbuild/cmd/esbuild app=src/app.ts early=src/early.ts embed=src/embed.ts worker=src/worker.ts style=style/index.css --bundle --minify --charset=utf8 --target=es2024 --log-level=warning --outdir=dist

//go:embed index.html favicon.svg dist/served dist/early.js dist/embed.js dist/worker.js dist/style.css dist/*.json src/words/*.json
var files embed.FS

// contentTypes are those of the files beside the page, by the ending of their names.
var contentTypes = map[string]string{
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
}

// beside returns the files beside the page, by path: the icon, all of the directory dist, and the dictionaries. All handlers share them.
var beside = sync.OnceValue(func() map[string]static.File {
	assets := map[string]static.File{"/favicon.svg": static.NewFile(compact("favicon.svg"), contentTypes[".svg"])}
	for _, dir := range []string{"dist", "dist/served", "src/words"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			panic(fmt.Sprintf("embedded directory %s: %v", dir, err))
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			kind, ok := contentTypes[path.Ext(e.Name())]
			if !ok {
				panic(fmt.Sprintf("embedded file %s/%s: no content type", dir, e.Name()))
			}
			assets["/"+e.Name()] = static.NewFile(read(path.Join(dir, e.Name())), kind)
		}
	}
	return assets
})

// Handler serves the page at / and its files beside it. The response to other paths is 404, also for another spelling of a known path.
func Handler(o Options) http.Handler {
	page := served(compact("index.html"))
	policy, assets := o.policy(), maps.Clone(beside())
	assets["/"] = static.NewFile(o.into(page), "text/html; charset=utf-8")
	return static.Handler(policy, assets)
}

// served returns the page as the server has it: its scripts and its style are beside it. The small early.js stands before the style, for which a
// script would wait. The module runs as soon as it is there, so it stands behind the elements.
func served(page []byte) []byte {
	const style = `<link rel="stylesheet"`
	script := fmt.Appendf(nil, `<script type="module" src="%s" async></script>`, firstModule())
	page = bytes.Replace(page, []byte(style), []byte("<script src=\"early.js\"></script>\n"+style), 1)
	page = bytes.Replace(page, []byte(`<script src="dist/app.js"></script>`), script, 1)
	return bytes.ReplaceAll(page, []byte(`="dist/`), []byte(`="`))
}

// firstModule returns the name of the file that page.js imports. It has all that page.js would have.
func firstModule() string {
	imported := regexp.MustCompile(`^import"\./([\w-]+\.js)";\n$`).FindSubmatch(read("dist/served/page.js"))
	if imported == nil {
		panic("dist/served/page.js: must be one import")
	}
	return string(imported[1])
}

func read(name string) []byte {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("embedded file %s: %v", name, err))
	}
	return content
}

// compact returns a file without what browsers do not need.
func compact(name string) []byte { return static.Compact(read(name)) }

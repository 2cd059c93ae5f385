// Build writes the documentation site into a directory, for any web server: go run ./server/site/build dist/docs
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/throng-chat/throng/docs"
	"github.com/throng-chat/throng/server/site"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: build DIRECTORY")
	}
	files, err := site.Build(docs.Files)
	if err != nil {
		log.Fatalf("documentation: %v", err)
	}
	for name, content := range files {
		path := filepath.Join(os.Args[1], filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
	log.Printf("%d files in %s", len(files), os.Args[1])
}

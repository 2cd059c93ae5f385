// Package docs has the pages of the documentation, so that the server can show those of its own version.
package docs

import "embed"

// Files are the pages in Markdown, their pictures and the files that they name.
//
//go:embed *.md *.png benchmarks pictures grafana prometheus/alerts.yml
var Files embed.FS

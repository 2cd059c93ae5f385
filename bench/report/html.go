// Package report converts a result into files: an HTML page, a table of its seconds (CSV), and its percentiles.
package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/uplot"
)

//go:embed page.html style.css plots.js
var ours embed.FS

var form = template.Must(template.ParseFS(ours, "page.html"))

// HTML writes r as a page: one file that needs no network and runs only its own scripts. All text from r is escaped. It returns an error if
// a histogram of r cannot be read.
func HTML(w io.Writer, r *result.Result) error {
	return writeHTML(w, r, uplot.Files)
}

func writeHTML(w io.Writer, r *result.Result, drawer fs.FS) error {
	code, style, licence, err := readDrawer(drawer)
	if err != nil {
		return err
	}
	p, err := newPage(r)
	if err != nil {
		return err
	}
	data, err := json.Marshal(p.Plots())
	if err != nil {
		return fmt.Errorf("report: the plots: %w", err)
	}
	ourStyle, err := ours.ReadFile("style.css")
	if err != nil {
		return err
	}
	ourCode, err := ours.ReadFile("plots.js")
	if err != nil {
		return err
	}
	styles := string(style) + "\n" + string(ourStyle)
	var out bytes.Buffer
	err = form.Execute(&out, struct {
		*page
		Policy  string
		Style   template.CSS
		UPlot   template.JS
		Script  template.JS
		Data    template.JS // numbers and constant texts; json.Marshal escapes <, > and &
		License string
	}{
		page: p, Policy: policy(styles, string(code), string(ourCode)), Style: template.CSS(styles), UPlot: template.JS(code),
		Script: template.JS(ourCode), Data: template.JS(data), License: string(licence),
	})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

// readDrawer returns uPlot's code, its style, and its licence, which must go with every copy.
func readDrawer(from fs.FS) (code, style, licence []byte, err error) {
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{name: "uPlot.iife.min.js", to: &code}, {name: "uPlot.min.css", to: &style}, {name: "LICENSE", to: &licence}} {
		if *f.to, err = fs.ReadFile(from, f.name); err != nil {
			return nil, nil, nil, fmt.Errorf("uPlot: %w", err)
		}
	}
	return code, style, licence, nil
}

// policy returns the content security policy of the page: it allows only the page's own style and scripts, by their hashes.
func policy(style string, scripts ...string) string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	text := "default-src 'none'; style-src" + hash(style) + "; script-src"
	for _, s := range scripts {
		text += hash(s)
	}
	return text + "; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

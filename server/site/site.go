package site

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
)

const (
	index      = "index.md" // lists all pages; its sections are the navigation of each page
	styleSheet = "docs.css"
)

//go:embed page.html docs.css
var own embed.FS

var layout = template.Must(template.ParseFS(own, "page.html"))

// section is a heading of the index, with the links below it.
type section struct {
	Title string
	Links []link
}

type link struct{ Title, To string }

// page is what the layout shows.
type page struct {
	Title    string
	Path     string // of the page in the site
	Body     template.HTML
	Sections []section
}

// Build returns the files of the site by their paths. A path is relative to the root of the site.
func Build(docs fs.FS) (map[string][]byte, error) {
	style, err := own.ReadFile(styleSheet)
	if err != nil {
		return nil, err
	}
	site := map[string][]byte{styleSheet: style}
	sections, err := navigation(docs)
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(docs, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(docs, name)
		if err != nil {
			return err
		}
		if path.Ext(name) != ".md" {
			site[name] = content
			return nil
		}
		site[htmlName(name)], err = render(name, content, sections)
		return err
	})
	return site, err
}

// navigation reads the sections of the index.
func navigation(docs fs.FS) ([]section, error) {
	text, err := fs.ReadFile(docs, index)
	if err != nil {
		return nil, err
	}
	sections := sectionsOf(text)
	if len(sections) == 0 {
		return nil, errors.New(index + ": want headings of the second level, with links to the pages")
	}
	return sections, nil
}

// render returns the HTML of the page with this name.
func render(name string, text []byte, sections []section) ([]byte, error) {
	title, body, err := convert(name, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// A page in a folder reaches the root through its parents.
	root := strings.Repeat("../", strings.Count(name, "/"))
	shown := page{Title: title, Path: htmlName(name), Body: template.HTML(body)}
	for _, s := range sections {
		moved := section{Title: s.Title}
		for _, l := range s.Links {
			moved.Links = append(moved.Links, link{Title: l.Title, To: root + l.To})
		}
		shown.Sections = append(shown.Sections, moved)
	}
	var out bytes.Buffer
	err = layout.Execute(&out, struct {
		page
		Root, Current string
	}{shown, root, root + shown.Path})
	return out.Bytes(), err
}

// htmlName returns the path of a page in the site.
func htmlName(name string) string { return strings.TrimSuffix(name, ".md") + ".html" }

package site

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// repository has the files that are not pages, such as sources.
const repository = "https://github.com/throng-chat/throng/blob/main/"

// markdown reads the Markdown of GitHub. It leaves HTML out.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

func parse(source []byte) ast.Node {
	return markdown.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{seen: map[string]int{}}))))
}

// convert returns the first heading of a page, and its HTML. Links to pages become links to their HTML.
func convert(name string, source []byte) (title string, html []byte, err error) {
	doc := parse(source)
	err = ast.Walk(doc, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.Heading:
			if title == "" {
				title = plainText(node, source)
			}
		case *ast.Link:
			node.Destination = []byte(target(name, string(node.Destination)))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	err = markdown.Renderer().Render(&out, source, doc)
	return title, out.Bytes(), err
}

// target returns the destination of a link of the page name in the site.
func target(name, destination string) string {
	u, err := url.Parse(destination)
	if err != nil || u.Scheme != "" || u.Path == "" {
		return destination
	}
	// The pages are in docs/ of the repository: a file outside is not in the site.
	inRepository := path.Join("docs", path.Dir(name), u.Path)
	inSite, is := strings.CutPrefix(inRepository, "docs/")
	if !is {
		return repository + inRepository
	}
	if path.Ext(inSite) == ".md" {
		inSite = htmlName(inSite)
	}
	relative, err := filepath.Rel(path.Dir(name), inSite)
	if err != nil {
		return destination // the test of dead links finds it
	}
	u.Path = filepath.ToSlash(relative)
	return u.String()
}

// sectionsOf returns the headings of the second level of the index, with the links below each.
func sectionsOf(source []byte) (sections []section) {
	for node := parse(source).FirstChild(); node != nil; node = node.NextSibling() {
		if heading, is := node.(*ast.Heading); is && heading.Level == 2 {
			sections = append(sections, section{Title: plainText(heading, source)})
			continue
		}
		if len(sections) == 0 {
			continue
		}
		last := &sections[len(sections)-1]
		last.Links = append(last.Links, linksIn(node, source)...)
	}
	return sections
}

// linksIn returns the links to pages in a node, in order.
func linksIn(node ast.Node, source []byte) (links []link) {
	if to, is := node.(*ast.Link); is {
		if destination := string(to.Destination); path.Ext(destination) == ".md" && !strings.HasPrefix(destination, "..") {
			return []link{{Title: plainText(to, source), To: target(index, destination)}}
		}
	}
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		links = append(links, linksIn(child, source)...)
	}
	return links
}

// plainText returns the text of a node without its markup.
func plainText(node ast.Node, source []byte) string {
	var out strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if t, is := child.(*ast.Text); is {
			out.Write(t.Segment.Value(source))
			continue
		}
		out.WriteString(plainText(child, source))
	}
	return out.String()
}

var linkedText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// anchors are the IDs of the headings of one page, as GitHub derives them: lower case, without punctuation, hyphens for spaces, and a number
// after repeated names.
type anchors struct{ seen map[string]int }

// Generate implements parser.IDs. value is a heading in Markdown.
func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	var out strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(linkedText.ReplaceAllString(string(value), "$1"))) {
		switch {
		case r == ' ':
			out.WriteByte('-')
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			out.WriteRune(r)
		}
	}
	id := out.String()
	n := a.seen[id]
	a.seen[id]++
	if n > 0 {
		id = fmt.Sprintf("%s-%d", id, n)
	}
	return []byte(id)
}

// Put implements parser.IDs. The pages do not set IDs themselves.
func (a *anchors) Put([]byte) {}

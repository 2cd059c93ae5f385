package server

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/plain"
)

func TestDocsErrorsAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	messages, temporary := map[string]string{}, map[string]map[string]bool{}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || typeName(lit.Type) != "protocol.Error" {
			return
		}
		code, message, is := "", "", "no"
		for _, e := range lit.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			text, isLiteral := literalOf(kv.Value)
			switch key := kv.Key.(*ast.Ident).Name; {
			case key == "Code" && isLiteral:
				code = text
			case key == "Message" && isLiteral:
				message, _, _ = strings.Cut(text, ":")
			case key == "Temporary":
				is = "yes"
			}
		}
		if code == "" {
			return // of another error
		}
		messages[code] = message
		if temporary[code] == nil {
			temporary[code] = map[string]bool{}
		}
		temporary[code][is] = true
	})
	var sources, page []string
	for code, message := range messages {
		is := "for a subscription"
		if len(temporary[code]) == 1 {
			is = slices.Collect(maps.Keys(temporary[code]))[0]
		}
		n, err := strconv.Atoi(code)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, fmt.Sprintf("%s, %s, temporary: %s, HTTP %d", code, message, is, api.HTTPStatus(&protocol.Error{Code: uint32(n)})))
	}
	table := doctable.Below(t, "codes.md", "Errors", "code", "message", "temporary", "transport mode")
	for _, row := range table.Rows {
		if row[0] != "yours" {
			page = append(page, fmt.Sprintf("%s, %s, temporary: %s, HTTP %s", row[0], doctable.Plain(row[1]), row[3], row[4]))
		}
	}
	doctable.Same(t, "errors", page, sources)
}

func TestDocsUnsubscribeCodesAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	var sources, page []string
	eachNode(t, func(_ parsedSource, n ast.Node) {
		if lit, ok := n.(*ast.CompositeLit); ok && typeName(lit.Type) == "unsubscribeReason" {
			code, _ := literalOf(lit.Elts[0])
			reason, _ := literalOf(lit.Elts[1])
			sources = append(sources, code+" "+reason)
		}
	})
	for _, row := range doctable.Below(t, "codes.md", "Unsubscribe codes", "code", "reason").Rows {
		page = append(page, row[0]+" "+doctable.Plain(row[1]))
	}
	doctable.Same(t, "unsubscribe codes", page, sources)
}

func TestDocsCloseCodesAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	table := doctable.Below(t, "codes.md", "Close codes", "code", "text", "client", "reason")
	client, reason := table.Column("client"), table.Column("reason")

	// The close codes of sessions.
	labels := map[string]string{} // of reasons, by constant
	var disconnects []*ast.CompositeLit
	values := map[string]string{} // of constants named Close...
	used := map[string]bool{}
	texts := map[string]bool{}
	eachNode(t, func(s parsedSource, n ast.Node) {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if bareName(name.Name) == "reasonNames" {
					for _, e := range n.Values[0].(*ast.CompositeLit).Elts {
						kv := e.(*ast.KeyValueExpr)
						labels[bareName(typeName(kv.Key))], _ = literalOf(kv.Value)
					}
				}
				if strings.HasPrefix(name.Name, "Close") && typeName(n.Type) == "CloseCode" {
					values[name.Name], _ = literalOf(n.Values[i])
				}
			}
		case *ast.CompositeLit:
			if typeName(n.Type) == "disconnect" {
				disconnects = append(disconnects, n)
			}
			for _, e := range n.Elts { // ws.CloseError{Code: CloseTooBig}
				if kv, ok := e.(*ast.KeyValueExpr); ok && typeName(n.Type) == "CloseError" {
					used[typeName(kv.Value)] = true
				}
			}
		case *ast.SelectorExpr:
			used[n.Sel.Name] = true
		case *ast.BasicLit:
			if text, ok := literalOf(n); ok {
				texts[text] = true
			}
		}
	})
	var sources, page []string
	for _, d := range disconnects {
		code, ok := literalOf(d.Elts[1])
		if !ok {
			continue // codes of the application
		}
		text, _ := literalOf(d.Elts[2])
		sources = append(sources, fmt.Sprintf("%s %q, reason %s", code, text, labels[bareName(typeName(d.Elts[0]))]))
	}
	var codes, documentedLabels []string
	for _, row := range table.Rows {
		documentedLabels = append(documentedLabels, row[reason])
		if text := doctable.Plain(row[1]); text != "" && text != "yours" && !texts[text] {
			t.Errorf("close code %s: no source has the text %q", row[0], text)
		}
		n, err := strconv.Atoi(row[0])
		switch {
		case row[0] == "none (1006)":
			codes = append(codes, "1006")
		case err != nil: // not a code
		case n < 3000:
			codes = append(codes, row[0])
		default:
			page = append(page, fmt.Sprintf("%d %q, reason %s", n, doctable.Plain(row[1]), row[reason]))
			if row[client] != "SDK" {
				t.Errorf("close code %d: client %q, want SDK", n, row[client])
			}
		}
	}
	doctable.Same(t, "close codes of SDK clients", page, sources)

	// The close codes of RFC 6455.
	used["CloseNoStatus"] = false // the absence of a code; throng only echoes it
	used["CloseInternal"] = false // conn.fail has it for an error that the decoder does not return
	var standard []string
	for name, value := range values {
		if used[name] || name == "CloseProtocolError" {
			standard = append(standard, value)
		}
	}
	doctable.Same(t, "close codes of RFC 6455", once(codes), standard)

	var all []string
	for _, r := range fanout.ReasonNames {
		if r != fanout.StillOpen.String() {
			all = append(all, r)
		}
	}
	doctable.Same(t, "reasons of a close", once(documentedLabels), all)
}

// The page has each code of RFC 6455 with each reason for it. 1006 is the end of TCP without a close frame.
func TestDocsCloseReasonsAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	values, labels := map[string]string{}, map[string]string{}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return
		}
		for i, name := range spec.Names {
			if i >= len(spec.Values) {
				break
			}
			switch lit, is := spec.Values[i].(*ast.CompositeLit); {
			case typeName(spec.Type) == "CloseCode":
				values[name.Name], _ = literalOf(spec.Values[i])
			case is && bareName(name.Name) == "reasonNames":
				for _, e := range lit.Elts {
					kv := e.(*ast.KeyValueExpr)
					labels[bareName(typeName(kv.Key))], _ = literalOf(kv.Value)
				}
			}
		}
	})
	// conn.fail derives the reason from the code of a decoder error.
	sources := map[string]bool{"1002 protocol_error": true, "1007 not_utf8": true, "1008 protocol_error": true, "1009 too_big": true}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return
		}
		first, second := typeName(call.Args[0]), ""
		if len(call.Args) > 1 {
			second = values[strings.TrimPrefix(typeName(call.Args[1]), "ws.")]
		}
		switch label, last := labels[bareName(first)], labels[bareName(typeName(call.Args[len(call.Args)-1]))]; {
		case bareName(sel.Sel.Name) == "close" && label != "" && second != "":
			sources[second+" "+label] = true
		case bareName(sel.Sel.Name) == "end" && label != "" && len(call.Args) == 2:
			// A close without a text is for clients whose protocol has its own code.
			if text, _ := literalOf(call.Args[1]); text != "" || typeName(call.Args[1]) != "" {
				code, _ := (&plain.Client{}).CloseFor(reasonOf(t, label), "")
				sources[strconv.Itoa(int(code))+" "+label] = true
			}
		case (bareName(sel.Sel.Name) == "abort") && last != "":
			sources["1006 "+last] = true
		}
	})
	page := map[string]bool{}
	table := doctable.Below(t, "codes.md", "Close codes", "code", "text", "client", "reason")
	for _, row := range table.Rows {
		code := strings.TrimSuffix(strings.TrimPrefix(row[0], "none ("), ")")
		if n, err := strconv.Atoi(code); err == nil && n < 3000 {
			page[code+" "+row[table.Column("reason")]] = true
		}
	}
	doctable.Same(t, "reasons of the codes of RFC 6455", slices.Collect(maps.Keys(page)), slices.Collect(maps.Keys(sources)))
}

func reasonOf(t *testing.T, label string) fanout.Reason {
	t.Helper()
	for r, l := range fanout.ReasonNames {
		if l == label {
			return fanout.Reason(r)
		}
	}
	t.Fatalf("no reason %q", label)
	return fanout.StillOpen
}

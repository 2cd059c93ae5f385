package server

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/plain"
)

// These tests compare the tables of docs/codes.md and docs/limits.md with the sources. A missing row and an extra row are errors.

// once removes repeated names.
func once(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// parsedSource is a source file other than a test.
type parsedSource struct {
	*ast.File
	dir string
}

// parsedSources are the sources of the server and of the command.
var parsedSources = sync.OnceValues(func() ([]parsedSource, error) {
	var all []parsedSource
	for _, root := range []string{".", filepath.Join("..", "cmd", "throng")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && slices.Contains([]string{"sdk", "torture", "testdata", "browser", "autobahn"}, d.Name()):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			all = append(all, parsedSource{f, filepath.Dir(path)})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
})

// eachNode calls f with every node of the sources.
func eachNode(t *testing.T, f func(s parsedSource, n ast.Node)) {
	t.Helper()
	sources, err := parsedSources()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		ast.Inspect(s.File, func(n ast.Node) bool {
			f(s, n)
			return true
		})
	}
}

// literalOf returns the value of a literal as text, without quotes.
func literalOf(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return "", false
	}
	if text, err := strconv.Unquote(lit.Value); err == nil {
		return text, true
	}
	return lit.Value, true
}

// typeName returns the type of a composite literal as the source has it.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// bareName returns a name without its package and with a lower-case first letter.
func bareName(name string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}

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
		is := "refresh only"
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

// The page has the statuses that the functions of the guest endpoint and the server API use. httpStatus is for the transport mode.
func TestDocsStatusesOfEndpointsAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	names := statusNames()
	for section, isOurs := range map[string]func(function, receiver string) bool{
		"Guest tokens: `POST /connection/guest`": func(function, _ string) bool {
			return slices.Contains([]string{"serveGuest", "serveGuestToken", "readGuestRequest", "issueGuestToken"}, bareName(function))
		},
		"Server API: `POST /api` and `POST /api/METHOD`": func(_, receiver string) bool { return receiver == "API" },
	} {
		sources, page := map[string]bool{}, map[string]bool{}
		eachNode(t, func(_ parsedSource, n ast.Node) {
			function, ok := n.(*ast.FuncDecl)
			if !ok {
				return
			}
			receiver := ""
			if function.Recv != nil {
				of := function.Recv.List[0].Type
				if star, is := of.(*ast.StarExpr); is {
					of = star.X
				}
				receiver = typeName(of)
			}
			if !isOurs(function.Name.Name, receiver) {
				return
			}
			ast.Inspect(function, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && typeName(sel.X) == "http" && names[sel.Sel.Name] > 0 {
					sources[strconv.Itoa(names[sel.Sel.Name])] = true
				}
				return true
			})
		})
		for _, row := range doctable.Below(t, "codes.md", section, "status", "cause").Rows {
			page[row[0]] = true
		}
		page["200"], sources["200"] = true, true // often implicit
		doctable.Same(t, section, slices.Collect(maps.Keys(page)), slices.Collect(maps.Keys(sources)))
	}
}

// statusNames returns the status constants of net/http.
func statusNames() map[string]int {
	names := map[string]int{}
	for code := 100; code < 600; code++ {
		if text := http.StatusText(code); text != "" {
			names["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(text)] = code
		}
	}
	return names
}

// documentedStatuses returns the HTTP statuses of docs/codes.md.
func documentedStatuses(t *testing.T) []string {
	var page []string
	for _, d := range doctable.All(t, "codes.md") {
		for _, name := range []string{"status", "transport mode"} {
			at := d.Column(name)
			for _, row := range d.Rows {
				if at < 0 || row[at] == "" || row[at] == "none" || slices.Contains(page, row[at]) {
					continue
				}
				page = append(page, row[at])
			}
		}
	}
	return page
}

func TestDocsStatusesAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	names := statusNames()
	var sources []string
	eachNode(t, func(s parsedSource, n ast.Node) {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || typeName(sel.X) != "http" || s.dir == "webhook" || s.dir == "token" { // which read the statuses of others
			return
		}
		if code, is := names[sel.Sel.Name]; is && !slices.Contains(sources, strconv.Itoa(code)) {
			sources = append(sources, strconv.Itoa(code))
		}
	})
	doctable.Same(t, "HTTP statuses", documentedStatuses(t), sources)
}

// metricLabels returns the values of a label that a metric has from the start.
func metricLabels(t *testing.T, metric string) (values []string) {
	t.Helper()
	families, err := metrics.New(fanout.CloseLabels()).Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == metric {
			for _, m := range f.GetMetric() {
				values = append(values, m.GetLabel()[0].GetValue())
			}
		}
	}
	return values
}

func TestDocsLabelsAreThoseOfTheMetrics(t *testing.T) {
	t.Parallel()
	upgrades, requests := []string{metrics.HandshakeAccepted}, []string{}
	for _, d := range doctable.All(t, "codes.md") {
		at := d.Column("label")
		for _, row := range d.Rows {
			switch {
			case at < 0 || row[at] == "":
			case d.Section == "WebSocket upgrade":
				upgrades = append(upgrades, row[at])
			default:
				requests = append(requests, row[at])
			}
		}
	}
	doctable.Same(t, "results of handshakes", once(upgrades), metricLabels(t, "throng_handshakes_total"))
	doctable.Same(t, "reasons of refused requests", once(requests), metricLabels(t, "throng_http_refused_total"))
}

// The codes, statuses and metrics in docs/limits.md exist.
func TestDocsLimitsExist(t *testing.T) {
	t.Parallel()
	metrics, errors, closes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		if lit, ok := n.(*ast.BasicLit); ok {
			if text, _ := literalOf(lit); strings.HasPrefix(text, "throng_") {
				metrics[text] = true
			}
		}
	})
	for _, row := range doctable.Below(t, "codes.md", "Errors", "code", "message").Rows {
		errors[row[0]] = true
	}
	for _, section := range []string{"Close codes", "Unsubscribe codes"} {
		for _, row := range doctable.Below(t, "codes.md", section, "code", "cause").Rows {
			closes[row[0]] = true
		}
	}
	known := map[string]func(string) bool{
		"metric":    func(s string) bool { return metrics[s] },
		"error":     func(s string) bool { return errors[s] },
		"close":     func(s string) bool { return closes[s] },
		"status":    func(s string) bool { return slices.Contains(documentedStatuses(t), s) },
		"reason":    func(s string) bool { return slices.Contains(fanout.ReasonNames[:], s) },
		"handshake": func(s string) bool { return slices.Contains(metricLabels(t, "throng_handshakes_total"), s) },
	}
	patterns := map[string]*regexp.Regexp{
		"metric":    regexp.MustCompile("`(throng_[a-z_]+)`"),
		"error":     regexp.MustCompile(`\berrors? (\d+)`),
		"close":     regexp.MustCompile(`\b(?:close|unsubscribe) (\d+)`),
		"status":    regexp.MustCompile(`\bHTTP (\d+)`),
		"reason":    regexp.MustCompile(`\bcloses ([a-z_]+)`),
		"handshake": regexp.MustCompile(`\bhandshakes ([a-z_]+)`),
	}
	counts := map[string]int{}
	for _, d := range doctable.All(t, "limits.md") {
		for _, row := range d.Rows {
			for i, cell := range row {
				for what, pattern := range patterns {
					inMetric := d.Header[i] == "metric"
					if (what == "metric" || what == "reason" || what == "handshake") && !inMetric {
						continue
					}
					for _, found := range pattern.FindAllStringSubmatch(cell, -1) {
						counts[what]++
						if !known[what](found[1]) {
							t.Errorf("limits.md, %q: there is no %s %s", row[0], what, found[1])
						}
					}
				}
			}
		}
	}
	for what := range patterns {
		if counts[what] == 0 {
			t.Errorf("limits.md: found no %s", what)
		}
	}
}

// sourceConstants returns the constants of the sources by name, except names with several values.
func sourceConstants(t *testing.T) map[string]int64 {
	t.Helper()
	exprs := map[string][]ast.Expr{}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return
		}
		for _, spec := range decl.Specs {
			s := spec.(*ast.ValueSpec)
			for i, name := range s.Names {
				if i < len(s.Values) {
					exprs[name.Name] = append(exprs[name.Name], s.Values[i])
				}
			}
		}
	})
	all := map[string]int64{}
	for name, list := range exprs {
		different := map[int64]bool{}
		for _, e := range list {
			if v, ok := int64Of(valueOfExpr(e, exprs)); ok {
				different[v] = true
				all[name] = v
			}
		}
		if len(different) != 1 {
			delete(all, name)
		}
	}
	return all
}

// valueOfExpr evaluates the expressions of constants. The value of other expressions is unknown.
func valueOfExpr(e ast.Expr, known map[string][]ast.Expr) constant.Value {
	units := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.INT {
			return constant.MakeFromLiteral(e.Value, e.Kind, 0)
		}
	case *ast.ParenExpr:
		return valueOfExpr(e.X, known)
	case *ast.SelectorExpr:
		if unit, ok := units[e.Sel.Name]; ok && typeName(e.X) == "time" {
			return constant.MakeInt64(int64(unit))
		}
	case *ast.Ident:
		if list := known[e.Name]; len(list) == 1 {
			return valueOfExpr(list[0], known)
		}
	case *ast.BinaryExpr:
		x, y := valueOfExpr(e.X, known), valueOfExpr(e.Y, known)
		if x.Kind() != constant.Int || y.Kind() != constant.Int {
			break
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n))
		}
		return constant.BinaryOp(x, e.Op, y)
	}
	return constant.MakeUnknown()
}

// Every fixed limit of docs/limits.md equals its constant in the sources.
func TestDocsFixedLimitsAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	constants := sourceConstants(t)
	get := func(name string) int64 {
		v, ok := constants[name]
		if !ok { // exported in another package
			v, ok = constants[strings.ToUpper(name[:1])+name[1:]]
		}
		if !ok {
			t.Errorf("no constant %s in the sources, or several", name)
		}
		return v
	}
	// The notations of a number, a size and a duration.
	num := func(n int64) []string {
		text := strconv.FormatInt(n, 10)
		for at := len(text) - 3; at > 0; at -= 3 {
			text = text[:at] + "," + text[at:]
		}
		return []string{text}
	}
	n := func(name string) []string { return num(get(name)) }
	size := func(v int64) (texts []string) {
		for unit, factor := range map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20} {
			if v%factor == 0 {
				texts = append(texts, num(v / factor)[0]+" "+unit)
			}
		}
		return texts
	}
	b := func(name string) []string { return size(get(name)) }
	d := func(name string) (texts []string) {
		for unit, factor := range map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "days": 24 * time.Hour} {
			in := float64(get(name)) / float64(factor)
			texts = append(texts, strconv.FormatFloat(in, 'f', -1, 64)+" "+unit)
			texts = append(texts, num(int64(in))[0]+" "+unit)
		}
		return texts
	}
	config := DefaultConfig()
	want := map[string][][]string{
		"fragments of one message":                                      {n("maxFragments")},
		"time from the first byte of a message to its last":             {d("messageTimeout")},
		"unfinished messages, all connections together":                 {b("maxUnfinished"), n("budgetMessages")},
		"frames per connection, control frames included":                {n("framesPerMessage")},
		"slow mode of one room, per user (without a user: per address)": {d("maxSlowMode")},
		"slow mode of one room: guests of one address together":         {n("guestPublications")},
		"publishers remembered in slow rooms":                           {n("maxSlowModePublishers")},
		"JSON nesting of a publication":                                 {n("maxDepth")},
		"room backlog (bytes posted and not yet written)":               {b("roomBacklog"), n("maxShards")},
		"data of a delta": {b("maxDelta"), b("maxSearch")},
		"time for deltas in one write round of a core":                                 {d("deltaBudget")},
		"time for compression in one write round of a core":                            {d("CompressionBudget")},
		"compression contexts (one for a room with at least 4 such members on a core)": {n("maxContexts"), b("contextSize"), n("contextMembers")},
		"connections in total":                    {n("reservedFiles"), num(get("reservedFiles") + get("MaxAdmissions") + get("MaxCalls") + get("senders"))},
		"sockets in total, HTTP included":         {n("minSockets")},
		"new connections per address":             {num(int64(config.RateConnectionsAddress) * get("connectBurst") / int64(time.Second))},
		"request head":                            {b("maxHead"), n("maxHeadLines")},
		"time for the request head":               {d("headTimeout")},
		"unfinished handshakes":                   {n("maxPending"), n("maxPendingAddress"), d("pendingGrace")},
		"bytes of a TLS handshake":                {b("maxHandshakeBytes"), b("maxHandshakeRecord")},
		"ACME: domains; orders at the same time":  {n("maxACMEDomains"), n("maxOrders")},
		"ACME: checks of the CA at the same time": {n("maxChallenges")},
		"TLS records in a row without data (KeyUpdates, empty records, alerts)": {n("maxUseless")},
		"TLS KeyUpdates of a client":                                                             {n("maxUpdates"), n("recordsPerUpdate")},
		"TLS records of one key":                                                                 {n("rekeyAfter"), n("maxRecords12")},
		"plain clients that wait for the webhook":                                                {n("maxPlainWaiting")},
		"body of a request for a stream":                                                         {b("maxConnectBody")},
		"commands in one request to `/emulation`":                                                {n("maxEscaped"), b("maxConnectBody")},
		"requests to `/emulation` per address":                                                   {n("emulationRate")},
		"requests in progress, of all addresses":                                                 {n("maxFallbacksWait")},
		"bytes of bodies in progress, all together":                                              {b("maxBodies")},
		"time for a body; the same again under backpressure":                                     {d("fallbackTimeout")},
		"commands of one connection that are not handled":                                        {b("maxQueued")},
		"time to send the connect command":                                                       {d("staleTimeout")},
		"close: time for the peer's side":                                                        {d("closeTimeout")},
		"slow consumer: unsent bytes of one connection alone (replies, and 40 B for each batch)": {size(int64(fanout.SliceCost))},
		"slow consumer: time without progress on a full socket":                                  {d("stallTimeout")},
		"slow consumers: bytes retained for the members of one room":                             {size(int64(config.MaxRetained) / get("audienceShareRetained"))},
		"room name":                             {b("maxRoomName")},
		"join and leave events of one room":     {n("joinLeaveRate"), num(get("joinLeaveRate") * get("burstSeconds")), b("joinLeaveUnit")},
		"join and leave events that wait":       {n("maxQueuedEvents"), b("maxQueuedEventBytes")},
		"token size":                            {b("maxToken")},
		"time to send a new token after expiry": {d("expiryGrace")},
		"ES384 and ES512 tokens that wait for verification (on half of the cores)": {n("maxVerifying"), d("bulkQueueTimeout")},
		"document of `jwks-url`":                                                                                   {b("maxSet"), d("fetchTimeout"), d("refreshInterval"), d("refreshPause")},
		"public keys of one algorithm; size of an RSA key":                                                         {n("maxOfAKind"), n("minRSA"), n("maxRSA")},
		"edits, deletions and reactions in one room, beside its messages":                                          {n("changesPerMessage")},
		"notices of redactions in one room, beside its messages":                                                   {n("noticesPerMessage")},
		"history page for a client":                                                                                {n("maxHistoryPage"), size(int64(config.MaxUnsent) / 2)},
		"recovery of one room":                                                                                     {n("maxRecovered"), size(int64(config.MaxUnsent) / 2)},
		"recovery of all rooms of a connection":                                                                    {size(int64(config.MaxUnsent) / 2 * get("burstSeconds")), size(int64(config.MaxUnsent) / 2)},
		"positions of rooms without members and publications":                                                      {n("maxPositions"), d("positionTTL")},
		"replies to presence, history and `rpc`, and subscribe data from a webhook: bytes per connection":          {size(get("bulkRateFactor") * int64(config.MaxUnsent)), n("bulkRateFactor")},
		"replies to presence and history over 16 KiB: unread ones of one connection (one longer reply is allowed)": {b("maxInline"), size(int64(config.MaxUnsent))},
		"replies to presence and history over 16 KiB: all connections":                                             {b("maxInline"), b("maxOutstanding")},
		"replies to presence and history over 16 KiB: all connections, before the slowest readers are closed":      {size(get("maxOutstanding") / 2), d("outstandingGrace")},
		"replies to presence and history over 16 KiB: different ones that wait to be made":                         {n("maxQueuedBulk"), d("bulkQueueTimeout")},
		"commands that wait for the webhook, a token check or a long reply, all connections":                       {b("maxPaused"), n("budgetMessages")},
		"requests for connect and subscribe: in progress; waiting":                                                 {n("MaxAdmissions"), n("maxQueuedRequests")},
		"requests for publish and rpc: in progress; waiting":                                                       {n("MaxCalls"), n("maxQueuedRequests")},
		"reply of your application":                                                                                {b("MaxReply")},
		"notifications: queue":                                                                                     {n("maxQueue"), b("maxQueueBytes")},
		"notifications: in progress; attempts":                                                                     {n("senders"), n("maxAttempts")},
		"API calls about users that throng keeps while a connect request has no reply":                             {n("maxPendingUserCommands"), b("maxPendingUserCommandBytes")},
		"request body":              {size(api.New(nil, api.Config{Key: "k", MaxMessage: config.MaxMessage}).MaxBody)},
		"time for the request body": {d("apiBodyTimeout")},
		"time for one call":         {d("callTimeout")},
		"commands of one request; channels of a broadcast": {n("maxBatchCommands"), n("maxBroadcast")},
		"replies to the commands of one request":           {b("maxBatchAnswer")},
		"time for the caller to read 32 KiB of a response": {b("responsePiece"), d("pieceTimeout")},
		"history page": {n("maxHistoryPage")},
		"bans, mutes, slow rooms and revocations together": {n("maxSanctions")},
		"idempotency keys":                                                {n("maxIdempotencyKeys"), b("maxIdempotencyKey"), d("idempotencyTTL")},
		"`version_epoch`":                                                 {b("maxIdempotencyKey")},
		"user name in a call; close reason":                               {b("maxUserName"), b("maxReason")},
		"`slow_mode`; duration of a ban, mute or token":                   {d("maxSlowMode"), d("maxMoment")},
		"HTTP requests without the API key, all together":                 {n("requestRate"), n("requestBurst")},
		"HTTP requests in progress":                                       {n("maxResponding")},
		"HTTP response: time without progress; in total":                  {d("responseStall"), d("responseTimeout")},
		"idle HTTP connections: time; number, with unfinished handshakes": {d("keepAliveTimeout"), n("maxPending")},
		"guest tokens: requests per address":                              {n("guestRate")},
		"guest tokens: requests in progress":                              {n("maxGuestsWait")},
		"guest tokens: body size":                                         {b("maxGuestBody")},
		"guest tokens: time for the body":                                 {d("guestTimeout")},
		"guest tokens: name":                                              {b("maxGuestName")},
		"guest tokens: lifetime; time to renew one after its expiry":      {d("guestLifetime"), d("guestGrace")},
		"connections in one page of the admin port":                       {n("defaultPage"), n("maxPage")},
		"log lines that wait to be written":                               {n("maxRecords")},
		"config file":                                                     {b("maxConfigFile"), n("maxPatterns")},
		"file in `public-keys`":                                           {b("maxKeyFile")},
	}
	seen := map[string]bool{}
	for _, table := range doctable.All(t, "limits.md") {
		if table.Header[0] != "limit" {
			continue
		}
		for _, row := range table.Rows {
			wanted, held := want[row[0]]
			if seen[row[0]] {
				t.Errorf("limits.md: two rows %q", row[0])
			}
			seen[row[0]] = true
			if !held && strings.HasPrefix(row[2], "fixed") {
				t.Errorf("limits.md, %q: name its constant in this test", row[0])
			}
			text := strings.Join(row[:3], " | ")
			for _, texts := range wanted {
				if !slices.ContainsFunc(texts, func(s string) bool {
					return regexp.MustCompile(`(^|[^\d.,])` + regexp.QuoteMeta(s) + `($|[^\d,]|,($|\D))`).MatchString(text)
				}) {
					t.Errorf("limits.md, %q: want one of %q in %q", row[0], texts, text)
				}
			}
		}
	}
	for row := range want {
		if !seen[row] {
			t.Errorf("limits.md has no row %q", row)
		}
	}
}

// int64Of returns v as an integer. The product of a float and a duration is one, too.
func int64Of(v constant.Value) (int64, bool) {
	v = constant.ToInt(v)
	if v.Kind() != constant.Int {
		return 0, false
	}
	return constant.Int64Val(v)
}

package server

import (
	"go/ast"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
)

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
		if !ok || typeName(sel.X) != "http" || s.dir == "webhook" || s.dir == "webpush" || s.dir == "token" { // which read the statuses of others
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

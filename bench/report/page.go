package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// page is a result as page.html shows it: words, tables and plots. It is all text, which the template escapes.
type page struct {
	Title    string // of the window
	Label    string
	Started  string
	Tool     string
	Word     string // the verdict
	Kind     kind
	Why      []string
	Plan     string
	Figures  []figure
	Sections []section
}

// kind is how something is to look, by its class in style.css.
type kind string

const (
	good     kind = "good"
	doubtful kind = "doubtful"
	bad      kind = "bad"
)

// figure is one that the reader came for.
type figure struct{ Name, Value, Note string }

// section is a part of the page under its own title. What is empty is left out.
type section struct {
	ID, Title string
	Text      []string
	Code      string // to be typed
	Tables    []table
	Plots     []*plot
	Folded    *table // shown when asked for
}

// table has a row of names, and rows that begin with a name.
type table struct {
	Caption string
	Head    []string
	Rows    []row
	Words   bool // the cells are words, not figures
}

type row struct {
	Cells []string
	Kind  kind
}

func (t *table) add(cells ...string) { t.Rows = append(t.Rows, row{Cells: cells}) }

// mark gives the last row its kind.
func (t *table) mark(k kind) { t.Rows[len(t.Rows)-1].Kind = k }

// newPage fails where a histogram of r cannot be read.
func newPage(r *result.Result) (*page, error) {
	p := &page{
		Label: r.Label, Started: started(r), Tool: or(r.Tool, none), Word: or(r.Verdict.Code, result.None), Why: slices.Clone(r.Why()),
		Plan: r.PlanText(),
	}
	p.Title = strings.Join(notEmpty(p.Word, r.Plan.Scenario, p.Label), " · ")
	switch {
	case p.Word == result.Broken || p.Word == result.None:
		p.Kind = bad
	case r.Verdict.OK:
		p.Kind = good
	default:
		p.Kind = doubtful
	}
	for _, t := range r.Thresholds {
		if !t.OK {
			p.Why = append(p.Why, fmt.Sprintf("the threshold %s is broken: %s", t.Expr, t.Text()))
		}
	}
	p.Figures = figures(r)
	for _, part := range []func(*result.Result) (section, error){
		steps, storm, resume, slow, latency, delivery, thresholds, overTime, connecting, costs, observed, whatRan,
	} {
		s, err := part(r)
		if err != nil {
			return nil, err
		}
		if s.ID != "" {
			p.Sections = append(p.Sections, s)
		}
	}
	return p, nil
}

// Plots are what plots.js draws.
func (p *page) Plots() []*plot {
	all := []*plot{}
	for _, s := range p.Sections {
		all = append(all, s.Plots...)
	}
	return all
}

// figures are those at the top: of the scenario, then of the load, or of the connections where there was none.
func figures(r *result.Result) (all []figure) {
	if f := r.Found; f != nil {
		all = append(all, figure{"Holds", rate(f.Holds), "messages; fails " + rate(f.Fails)})
	}
	if s := r.Storm; s != nil {
		came := fmt.Sprintf("%s of %s killed", result.Thousands(s.Back), result.Thousands(s.Killed))
		all = append(all, figure{"All were back after", result.Took(s.Back100), came})
	}
	if s := r.Slow; s != nil {
		all = append(all, figure{"p99 of the healthy", ratio(s.Healthy, s.Before), "as it was before " + result.Thousands(s.Stopped) + " stopped"})
	}
	d := &r.Delivery
	if r.Plan.Size > 0 || d.Expected > 0 {
		came := fmt.Sprintf("all %s came", result.Thousands(d.Got))
		if d.Got != d.Expected {
			came = fmt.Sprintf("%s expected, %s came", result.Thousands(d.Expected), result.Thousands(d.Got))
		}
		all = append(all,
			figure{"Deliveries", metric(r, "deliveries/s"), came},
			figure{"Latency p50", metric(r, "p50"), "from the intended moment"},
			figure{"Latency p99", metric(r, "p99"), "from the intended moment"},
			figure{"Latency p99.9", metric(r, "p99.9"), "from the intended moment"},
			figure{"Latency max", metric(r, "max"), "from the intended moment"},
			figure{"Server’s CPU a delivery", metric(r, "cpu/delivery"), multiple(r, (*result.Floor).Delivery)})
	} else {
		all = append(all,
			figure{"Connecting p50", metric(r, "connect-p50"), "from TCP to the 101"},
			figure{"Connecting p99", metric(r, "connect-p99"), "from TCP to the 101"},
			figure{"Server’s CPU an upgrade", metric(r, "cpu/upgrade"), multiple(r, (*result.Floor).Upgrade)})
		if r.Latency.Ping != nil {
			all = append(all, figure{"Ping p99", metric(r, "ping-p99"), "to its pong"})
		}
	}
	return append(all,
		figure{"Server’s CPU", serverCores(r), "while it was measured"},
		figure{"Memory a connection", memoryPerConn(r), "TCP buffers: " + result.Grown(r.Server.KernelPer)},
		figure{"Connections", fmt.Sprintf("%s of %s", result.Thousands(r.Connect.Opened), result.Thousands(r.Plan.Connections)),
			"opened, " + metric(r, "connects/s")})
}

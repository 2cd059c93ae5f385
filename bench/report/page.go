package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// page is a result in the form that page.html shows: texts, tables and plots. The template escapes all of it.
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

// figure is one of the most important values.
type figure struct{ Name, Value, Note string }

// newPage returns the page of r. It returns an error if a histogram of r cannot be read.
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
			p.Why = append(p.Why, fmt.Sprintf("bound %s does not hold: %s", t.Expr, t.Text()))
		}
	}
	p.Figures = figures(r)
	for _, part := range []func(*result.Result) (section, error){
		steps, targets, storm, resume, slow, latency, delivery, thresholds, overTime, connecting, costs, observed, whatRan,
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

// Plots returns the plots for plots.js.
func (p *page) Plots() []*plot {
	all := []*plot{}
	for _, s := range p.Sections {
		all = append(all, s.Plots...)
	}
	return all
}

// figures returns the values at the top of the page: of the scenario, and of the load or of the connections.
func figures(r *result.Result) (all []figure) {
	if f := r.Found; f != nil {
		all = append(all, figure{Name: "Holds", Value: rate(f.Holds), Note: "messages; fails " + rate(f.Fails)})
	}
	if s := r.Storm; s != nil {
		came := fmt.Sprintf("%s of %s killed", result.Thousands(s.Back), result.Thousands(s.Killed))
		all = append(all, figure{Name: "All returned after", Value: result.Took(s.Back100), Note: came})
	}
	if s := r.Slow; s != nil {
		all = append(all, figure{Name: "p99 of the other clients", Value: ratio(s.Healthy, s.Before), Note: "compared with before " + result.Thousands(s.Stopped) + " stopped"})
	}
	d := &r.Delivery
	if r.Plan.Size > 0 || d.Expected > 0 {
		came := fmt.Sprintf("all %s received", result.Thousands(d.Got))
		if d.Got != d.Expected {
			came = fmt.Sprintf("%s expected, %s received", result.Thousands(d.Expected), result.Thousands(d.Got))
		}
		all = append(all,
			figure{Name: "Deliveries", Value: metric(r, "deliveries/s"), Note: came},
			figure{Name: "Latency p50", Value: metric(r, "p50"), Note: "from the scheduled time"},
			figure{Name: "Latency p99", Value: metric(r, "p99"), Note: "from the scheduled time"},
			figure{Name: "Latency p99.9", Value: metric(r, "p99.9"), Note: "from the scheduled time"},
			figure{Name: "Latency max", Value: metric(r, "max"), Note: "from the scheduled time"},
			figure{Name: "Server CPU per delivery", Value: metric(r, "cpu/delivery"), Note: multiple(r, (*result.Floor).Delivery)})
	} else {
		from := "from TCP to the 101"
		if r.Plan.Ramp > 0 {
			from = "from the scheduled time to the 101"
		}
		all = append(all,
			figure{Name: "Connecting p50", Value: metric(r, "connect-p50"), Note: from},
			figure{Name: "Connecting p99", Value: metric(r, "connect-p99"), Note: from},
			figure{Name: "Server CPU per upgrade", Value: metric(r, "cpu/upgrade"), Note: multiple(r, (*result.Floor).Upgrade)})
		if r.Latency.Ping != nil {
			all = append(all, figure{Name: "Ping p99", Value: metric(r, "ping-p99"), Note: "ping to pong"})
		}
	}
	return append(all,
		figure{Name: "Server CPU", Value: serverCores(r), Note: "in the measured time"},
		figure{Name: "Memory per connection", Value: memoryPerConn(r), Note: "TCP buffers: " + result.Grown(r.Server.KernelPer)},
		figure{Name: "Connections", Value: fmt.Sprintf("%s of %s", result.Thousands(r.Connect.Opened), result.Thousands(r.Plan.Connections)),
			Note: "opened, " + metric(r, "connects/s")})
}

package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// plot is the input of plots.js: curves over a common axis. It has numbers and constant texts, and none of the result's text.
type plot struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Summary string  `json:"-"`    // the same in a sentence
	Unit    string  `json:"unit"` // of all curves
	Log     bool    `json:"log"`  // logarithmic values
	Axis    axis    `json:"axis"` // horizontal axis
	X       values  `json:"x"`    // ascending
	Curves  []curve `json:"curves"`
	Shades  []shade `json:"shades"`
}

// axis is the quantity of the horizontal axis.
type axis string

const (
	ofTime       axis = "seconds"
	ofPercentile axis = "percentile" // as 1/(1-q), on a logarithmic scale
	ofRate       axis = "messages/s"
	ofCount      axis = "connections"
)

// curve is one line of a plot. Ink selects one of inks.
type curve struct {
	Name   string `json:"name"`
	Ink    string `json:"ink"`
	Points bool   `json:"points"` // draw points, because the values are few
	Y      values `json:"y"`
}

// inks are the colours and dashes of style.css and plots.js.
var inks = []string{"first", "second", "third", "fourth"}

// shade marks a range of the axis.
type shade struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// values are numbers; NaN if not measured.
type values []float64

// MarshalJSON writes each number with four digits, which is enough for a plot.
func (v values) MarshalJSON() ([]byte, error) {
	all := make([]any, len(v))
	for i, n := range v {
		if !math.IsNaN(n) {
			all[i] = json.Number(fmt.Sprintf("%.4g", n))
		}
	}
	return json.Marshal(all)
}

// span returns the smallest and the largest number. It returns false if there is none.
func (v values) span() (least, most float64, ok bool) {
	known := slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	if len(known) == 0 {
		return 0, 0, false
	}
	return slices.Min(known), slices.Max(known), true
}

// measure is the quantity of the curves of a plot: unit is that of result.Metric, and scale converts it into shown.
type measure struct {
	unit  string
	shown string
	scale float64
}

var (
	times  = measure{unit: "s", shown: "ms", scale: 1e3}
	memory = measure{unit: "B", shown: "MiB", scale: 1.0 / (1 << 20)}
	cores  = measure{unit: "cores", shown: "cores", scale: 1}
	rates  = measure{unit: "/s", shown: "/s", scale: 1}
	counts = measure{scale: 1}
)

// draw returns the plot with those curves that have values, or nil if there are none.
func (pl plot) draw(m measure, curves ...curve) *plot {
	pl.ID, pl.Unit, pl.Curves, pl.Shades = "plot-"+pl.ID, m.shown, []curve{}, []shade{}
	text := result.Metric{Unit: m.unit}.Text
	var parts []string
	for i, c := range curves {
		least, most, ok := c.Y.span()
		if !ok {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s to %s", c.Name, text(least), text(most)))
		c.Ink = inks[i]
		c.Y = slices.Clone(c.Y)
		for j := range c.Y {
			c.Y[j] *= m.scale
		}
		pl.Curves = append(pl.Curves, c)
	}
	if len(pl.Curves) == 0 {
		return nil
	}
	pl.Summary = strings.Join(parts, "; ")
	return &pl
}

// byPercentile returns a plot of distributions over 1/(1-q): each decade is one more nine. It returns none if nothing was measured.
func byPercentile(id, title string, all []result.Timed) ([]*plot, error) {
	const steps = 20 // per decade
	most := 1.0
	for _, d := range all {
		if d.Distribution != nil {
			most = max(most, float64(d.Count))
		}
	}
	var x values
	for i := 2; len(x) == 0 || x[len(x)-1] < most; i++ { // from the fifth on, because the smallest values would flatten the rest
		x = append(x, math.Pow(10, float64(i)/steps))
	}
	var curves []curve
	for _, d := range all {
		y, err := quantiles(d.Distribution, x)
		if err != nil {
			return nil, err
		}
		curves = append(curves, curve{Name: d.What, Y: y})
	}
	p := plot{ID: id, Title: title, Axis: ofPercentile, X: x}.draw(times, curves...)
	if p == nil {
		return nil, nil
	}
	p.Log = true
	p.Shades = append(p.Shades, shade{From: most / 10, To: x[len(x)-1]})
	return []*plot{p}, nil
}

// quantiles returns the quantiles of d in seconds, at each 1/(1-q), up to the maximum.
func quantiles(d *result.Distribution, x values) (values, error) {
	y := make(values, len(x))
	for i := range y {
		y[i] = math.NaN()
	}
	h, err := decode(d)
	if err != nil || h == nil {
		return y, err
	}
	for i := range x {
		if x[i] >= float64(d.Count) {
			y[i] = d.Max.Seconds()
			break
		}
		y[i] = min(float64(h.ValueAtPercentile(100-100/x[i]))/1e9, d.Max.Seconds())
	}
	return y, nil
}

// bySteps returns the plots of a ladder or a search: over the rate, or over the connections if all rates are the same.
func bySteps(all []result.Step) []*plot {
	over, at := ofCount, func(s result.Step) float64 { return float64(s.Connections) }
	if slices.ContainsFunc(all, func(s result.Step) bool { return s.Rate != all[0].Rate }) {
		over, at = ofRate, func(s result.Step) float64 { return s.Rate }
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b result.Step) int { return cmp.Compare(at(a), at(b)) })
	var x, p50, p99, most, deliveries, used values
	for _, s := range all {
		x = append(x, at(s))
		deliveries, used = append(deliveries, s.PerS), append(used, s.ServerCores)
		d := s.Latency
		if d == nil {
			d = &result.Distribution{}
		}
		p50, p99, most = append(p50, seconds(d.P50)), append(p99, seconds(d.P99)), append(most, above(d.Max.Seconds()))
	}
	latency := plot{ID: "step-latency", Title: "Latency by step", Axis: over, X: x}.draw(times,
		curve{Name: "p50", Y: p50}, curve{Name: "p99", Y: p99}, curve{Name: "max", Y: most})
	if latency != nil {
		latency.Log = true
	}
	return plots(latency,
		plot{ID: "step-deliveries", Title: "Deliveries by step", Axis: over, X: x}.draw(rates, curve{Name: "deliveries", Y: deliveries}),
		plot{ID: "step-cores", Title: "The server’s cores by step", Axis: over, X: x}.draw(cores, curve{Name: "server", Y: used}))
}

// plots returns the plots that are not nil.
func plots(all ...*plot) []*plot {
	return slices.DeleteFunc(all, func(p *plot) bool { return p == nil })
}

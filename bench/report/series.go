package report

import (
	"fmt"
	"math"
	"time"

	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// mostMoments is the largest number of points of a plot: more than the number of pixels is of no use.
const mostMoments = 1000

// overTime is the section of the time series: plots, and a table of the same values.
func overTime(r *result.Result) (section, error) {
	s := section{ID: "time", Title: "Over time"}
	if len(r.Series) == 0 {
		return section{}, nil
	}
	all := moments(r)
	if folded := fold(all, mostMoments); len(folded) < len(all) {
		s.Text = append(s.Text, fmt.Sprintf("Each point covers %d s: rates are means, latency and memory are maxima.",
			(len(all)+mostMoments-1)/mostMoments))
		all = folded
	}
	s.Plots = timePlots(r, all)
	if len(shades(r, all[len(all)-1].T)) > 0 {
		s.Text = append(s.Text, "Shaded times were not measured, such as the warm-up, or had no delivery for 1 s or more.")
	}
	if last := all[len(all)-1].Observed; last != nil && last.Sockets > 0 && len(r.KernelErrors()) == 0 {
		s.Text = append(s.Text, "The kernel retransmitted no TCP segment and rejected no connection.")
	}
	s.Folded = secondsTable(r, all)
	return s, nil
}

// fold merges neighbouring moments until there are at most most of them. It takes the mean of rates, the maximum of latency and memory, and
// the last value of counters.
func fold(all []moment, most int) []moment {
	n := (len(all) + most - 1) / most
	if n <= 1 {
		return all
	}
	var out []moment
	for len(all) > 0 {
		group := all[:min(n, len(all))]
		all = all[len(group):]
		m := moment{T: group[len(group)-1].T}
		runs := 0.0
		for _, g := range group {
			if g.Run != nil {
				runs++
			}
		}
		for _, g := range group {
			m.Run, m.Observed = addRun(m.Run, g.Run, 1/runs), addObserved(m.Observed, g.Observed)
		}
		out = append(out, m)
	}
	return out
}

func addRun(to, s *result.Second, share float64) *result.Second {
	if s == nil {
		return to
	}
	if to == nil {
		to = &result.Second{Measured: true}
	}
	to.T, to.Measured, to.Connections = s.T, to.Measured && s.Measured, s.Connections
	to.Sent, to.Deliveries = to.Sent+share*s.Sent, to.Deliveries+share*s.Deliveries
	to.ServerCores, to.ClientCores = to.ServerCores+share*s.ServerCores, to.ClientCores+share*s.ClientCores
	to.P50, to.P99, to.Max, to.LagP99 = max(to.P50, s.P50), max(to.P99, s.P99), max(to.Max, s.Max), max(to.LagP99, s.LagP99)
	return to
}

func addObserved(to, o *observe.Row) *observe.Row {
	if o == nil || to == nil {
		return o
	}
	sum := *o
	sum.RSS, sum.PSS, sum.TCPMemory = max(to.RSS, o.RSS), max(to.PSS, o.PSS), max(to.TCPMemory, o.TCPMemory)
	return &sum
}

// timePlots returns the plots over time of the measured values.
func timePlots(r *result.Result, all []moment) []*plot {
	var x values
	for _, m := range all {
		x = append(x, m.T)
	}
	run := func(name string, of func(*result.Second) float64) curve {
		return curve{Name: name, Y: column(all, runOf, of)}
	}
	seen := func(name string, of func(*observe.Row) float64) curve {
		return curve{Name: name, Y: column(all, observedOf, of)}
	}
	draw := func(id, title string, m measure, curves ...curve) *plot {
		p := plot{ID: id, Title: title, Axis: ofTime, X: x}.draw(m, curves...)
		if p != nil {
			p.Shades = append(p.Shades, shades(r, x[len(x)-1])...)
		}
		return p
	}
	latency := draw("latency", "Latency, by time of delivery", times,
		run("p50", func(s *result.Second) float64 { return above(float64(s.P50) / 1e9) }),
		run("p99", func(s *result.Second) float64 { return above(float64(s.P99) / 1e9) }),
		run("max", func(s *result.Second) float64 { return above(float64(s.Max) / 1e9) }))
	if latency != nil {
		latency.Log = true
	}
	pss := seen("PSS", func(o *observe.Row) float64 { return above(float64(o.PSS)) })
	pss.Points = true // one reading per ten seconds
	server := run("server", func(s *result.Second) float64 { return s.ServerCores })
	if r.Target.PID == 0 {
		server.Y = nil
	}
	var kernelErrors *plot
	if len(r.KernelErrors()) > 0 {
		kernelErrors = draw("kernel", "Kernel errors since the start", counts,
			seen("TCP segments retransmitted", ofKernel(func(o *observe.Row) float64 { return float64(o.Retransmits) })),
			seen("accept queue overflows", ofKernel(func(o *observe.Row) float64 { return float64(o.Overflows) })),
			seen("connections dropped before accept", ofKernel(func(o *observe.Row) float64 { return float64(o.Drops) })))
	}
	return plots(
		draw("deliveries", "Deliveries", rates, run("deliveries", func(s *result.Second) float64 { return s.Deliveries })),
		draw("sent", "Messages sent", rates, run("sent", func(s *result.Second) float64 { return s.Sent }),
			run("offered", func(s *result.Second) float64 { return offered(r, s) })),
		latency,
		draw("lag", "Send delay of the client", times, run("p99", func(s *result.Second) float64 { return above(float64(s.LagP99) / 1e9) })),
		draw("connections", "Connections", counts, run("connections", func(s *result.Second) float64 { return float64(s.Connections) })),
		draw("cores", "Processors", cores, server, run("client", func(s *result.Second) float64 { return s.ClientCores }),
			seen("busiest thread of the server", busiest)),
		draw("memory", "Server memory", memory, seen("RSS", func(o *observe.Row) float64 { return above(float64(o.RSS)) }), pss),
		draw("tcp-memory", "Kernel TCP buffers", memory, seen("of the machine", ofKernel(func(o *observe.Row) float64 { return float64(o.TCPMemory) }))),
		kernelErrors)
}

// offered returns the rate of the schedule during the schedule.
func offered(r *result.Result, s *result.Second) float64 {
	if !s.Measured {
		return math.NaN()
	}
	return above(r.Sent.Offered)
}

func busiest(o *observe.Row) float64 {
	if len(o.Threads) == 0 || o.T == 0 { // nothing is known about the time before the first row
		return math.NaN()
	}
	return o.Threads[0].Cores
}

// ofKernel returns a figure of the kernel, or NaN if it could not be read: the number of sockets is never 0.
func ofKernel(of func(*observe.Row) float64) func(*observe.Row) float64 {
	return func(o *observe.Row) float64 {
		if o.Sockets == 0 {
			return math.NaN()
		}
		return of(o)
	}
}

// shades returns the ranges that were not measured, and those without deliveries.
func shades(r *result.Result, end float64) (all []shade) {
	a := &r.Plan
	if a.Warmup > 0 {
		all = append(all, shade{Name: "warm-up", To: a.Warmup.Seconds()})
	}
	if last := (a.Warmup + a.Duration).Seconds(); a.Duration > 0 && last < end {
		all = append(all, shade{Name: "end", From: last, To: end})
	}
	for _, s := range r.Delivery.Stalls {
		all = append(all, shade{Name: "no delivery", From: s.At, To: s.At + s.Took.Seconds()})
	}
	return all
}

func runOf(m moment) *result.Second    { return m.Run }
func observedOf(m moment) *observe.Row { return m.Observed }

// column returns one figure of all moments; NaN for a moment without it.
func column[T any](all []moment, from func(moment) *T, of func(*T) float64) values {
	y := make(values, len(all))
	for i, m := range all {
		y[i] = math.NaN()
		if part := from(m); part != nil {
			y[i] = of(part)
		}
	}
	return y
}

// above returns v, or NaN for 0, which means no measurement.
func above(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

func seconds(d *time.Duration) float64 {
	if d == nil {
		return math.NaN()
	}
	return d.Seconds()
}

// secondsTable returns the values of the plots as a table.
func secondsTable(r *result.Result, all []moment) *table {
	t := &table{Caption: "Values of the plots", Head: []string{
		"until", "", "connections", "sent", "deliveries", "p50", "p99", "max", "send delay p99", "server cores", "client cores", "RSS",
		"PSS", "TCP buffers", "retransmitted",
	}}
	for _, m := range all {
		s, o := m.Run, m.Observed
		if s == nil {
			continue
		}
		server, again := none, none
		if r.Target.PID != 0 {
			server = fmt.Sprintf("%.2f", s.ServerCores)
		}
		if o == nil {
			o = &observe.Row{}
		} else if o.Sockets > 0 {
			again = result.Thousands(o.Retransmits)
		}
		phase := "measured"
		if !s.Measured {
			phase = "not measured"
		}
		t.add(fmt.Sprintf("%.0f s", m.T), phase, result.Thousands(s.Connections), result.Thousands(int(s.Sent))+"/s",
			result.Thousands(int(s.Deliveries))+"/s", result.Took(time.Duration(s.P50)), result.Took(time.Duration(s.P99)), result.Took(time.Duration(s.Max)),
			result.Took(time.Duration(s.LagP99)), server, fmt.Sprintf("%.2f", s.ClientCores), result.Size(o.RSS), result.Size(o.PSS),
			result.Size(o.TCPMemory), again)
	}
	return t
}

package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// Sections that every run may have. A section without data has no ID. newPage decides the order.

// latency is the section about the latency of deliveries.
func latency(r *result.Result) (section, error) {
	all := r.Timings()
	if d := r.Latency.Ping; d != nil {
		all = append(all, result.Timed{What: "WebSocket ping to pong", Distribution: d})
	}
	if len(all) == 0 {
		return section{}, nil
	}
	curve, err := byPercentile("percentiles", "Latency by percentile", all[:min(len(all), len(inks))])
	return section{ID: "latency", Title: "Latency", Tables: []table{percentiles("", all)}, Plots: curve,
		Text: []string{"Latency counts from the scheduled time of a message, so a server that stops responding does not hide its own " +
			"latency. A " + none + " means that fewer than 10 values lie beyond a percentile; the plot is shaded there."}}, err
}

// steps is the section of a ladder, or of the trials of a search.
func steps(r *result.Result) (section, error) {
	if len(r.Steps) == 0 {
		return section{}, nil
	}
	s := section{ID: "steps", Title: "Steps", Plots: bySteps(r.Steps)}
	if r.Found != nil {
		s.Title = "Search"
		s.Text = append(s.Text, r.Found.Text())
	}
	s.Text = append(s.Text, fmt.Sprintf("All other figures of this page come from one of these runs: %s.", r.PlanText()))
	t := table{Head: []string{
		"", "connections", "messages/s", "deliveries/s", "p50", "p99", "max", "lost", "server cores", "CPU per delivery", "verdict",
	}}
	for i, step := range r.Steps {
		all := step.Latency.Figures()
		word := strings.Join(notEmpty(step.Verdict.Code, step.Why), ": ")
		t.add(strconv.Itoa(i+1), result.Thousands(step.Connections), result.Thousands(int(step.Rate)), result.Thousands(int(step.PerS)), all[0],
			all[2], all[4], result.Thousands(step.Lost), fmt.Sprintf("%.2f", step.ServerCores), result.Took(time.Duration(step.PerDelivery)), word)
		if !step.Pass {
			t.mark(doubtful)
		}
	}
	for _, step := range r.Steps {
		if step.Floor != nil {
			s.Text = append(s.Text, step.FloorText()+".")
		}
	}
	s.Tables = []table{t}
	return s, nil
}

// delivery is the section of the delivery check.
func delivery(r *result.Result) (section, error) {
	d := &r.Delivery
	if r.Sent.Messages == 0 && d.Expected == 0 && !d.Any() {
		return section{}, nil
	}
	proof := table{Caption: "Deliveries", Head: []string{"", ""}}
	proof.add("expected", result.Thousands(d.Expected))
	proof.add("got", result.Thousands(d.Got))
	for _, f := range []struct {
		what string
		n    int
	}{
		{what: "lost", n: d.Lost}, {what: "duplicated", n: d.Duplicated}, {what: "out of order", n: d.Reordered},
		{what: "altered", n: d.Corrupt}, {what: "in a wrong room", n: d.Misrouted},
	} {
		proof.add(f.what, result.Thousands(f.n))
		if f.n > 0 {
			proof.mark(bad)
		}
	}
	proof.add("messages from other clients", result.Thousands(d.Foreign))

	sent := table{Caption: "Messages", Head: []string{"", ""}}
	sent.add("sent", result.Thousands(r.Sent.Messages))
	sent.add("offered", rate(r.Sent.Offered))
	sent.add("achieved", rate(r.Sent.Achieved))
	sent.add("not sent: the publisher’s connection had closed", result.Thousands(r.Sent.Unsendable))
	sent.add("sent, but no receiver before the publisher’s connection closed", result.Thousands(r.Sent.Died))
	if co := r.Compression; co != nil {
		sent.add("compression", co.Summary())
	}
	s := section{ID: "delivery", Title: "Delivery check", Tables: []table{proof, sent}}
	if len(d.Samples) > 0 {
		t := table{Caption: "First faults", Head: []string{"", "what"}, Words: true}
		for i, f := range d.Samples {
			t.add(strconv.Itoa(i+1), f.Text())
		}
		s.Tables = append(s.Tables, t)
	}
	if len(d.Stalls) > 0 {
		t := table{Caption: "Intervals of 1 s or more without a delivery", Head: []string{"began after", "took"}}
		for _, stall := range d.Stalls {
			t.add(fmt.Sprintf("%.2f s", stall.At), result.Duration(stall.Took))
		}
		s.Tables = append(s.Tables, t)
	}
	return s, nil
}

// thresholds is the section of the bounds of --fail.
func thresholds(r *result.Result) (section, error) {
	if len(r.Thresholds) == 0 {
		return section{}, nil
	}
	t := table{Head: []string{"bound", "measured", ""}}
	for _, b := range r.Thresholds {
		if b.OK {
			t.add(b.Expr, b.Text(), "holds")
			t.mark(good)
		} else {
			t.add(b.Expr, b.Text(), "BROKEN")
			t.mark(bad)
		}
	}
	return section{ID: "thresholds", Title: "Thresholds", Tables: []table{t}}, nil
}

// connecting is the section about opening the connections.
func connecting(r *result.Result) (section, error) {
	c := &r.Connect
	t := table{Caption: "How many", Head: []string{"", ""}}
	t.add("opened", fmt.Sprintf("%s of %s", result.Thousands(c.Opened), result.Thousands(r.Plan.Connections)))
	t.add("took", result.Took(c.Took))
	t.add("connections opened", metric(r, "connects/s"))
	t.add("failed", or(result.Counts(c.Failed), "0"))
	if len(c.Failed) > 0 {
		t.mark(bad)
	}
	t.add("left as planned", result.Thousands(c.Left))
	t.add("returned", result.Thousands(c.Joined))
	t.add("closed during the run", strings.Join(notEmpty(result.Thousands(r.Delivery.Closed), result.Counts(r.Delivery.Closes)), ": "))
	if r.Delivery.Closed > 0 {
		t.mark(bad)
	}
	all := []result.Timed{
		{What: "one connection", Distribution: c.Time},
		{What: "TCP", Distribution: c.TCP},
		{What: "upgrade", Distribution: c.Upgrade},
	}
	if c.TLS != nil {
		all = slices.Insert(all, 2, result.Timed{What: "TLS", Distribution: c.TLS})
	}
	if c.Lag != nil {
		all = append(all, result.Timed{What: "dial delay of the ramp", Distribution: c.Lag})
	}
	curve, err := byPercentile("connecting-percentiles", "Connecting by percentile", all)
	return section{ID: "connecting", Title: "Connecting", Tables: []table{t, percentiles("Duration", all)}, Plots: curve}, err
}

// costs is the section about the resources of server and client.
func costs(r *result.Result) (section, error) {
	s, c, f := &r.Server, &r.Client, r.Floor
	if f == nil {
		f = &result.Floor{}
	}
	cpu := table{Caption: "CPU time", Head: []string{"", "cores", "per delivery", "per upgrade"}}
	cpu.add("server", serverCores(r), metric(r, "cpu/delivery"), metric(r, "cpu/upgrade"))
	floor := "the kernel’s floor: the same bytes by system calls only"
	if text := r.PlainFloor(); text != "" {
		floor = "the kernel’s floor: " + text + ", by system calls only"
	}
	cpu.add(floor, none, result.Took(time.Duration(f.PerDelivery)), result.Took(time.Duration(f.PerUpgrade)))
	cpu.add("server, as a multiple of the floor", none, metric(r, "floor/delivery"), metric(r, "floor/upgrade"))
	cpu.add("client", metric(r, "client-cores"), result.Took(time.Duration(c.PerDelivery)), none)

	memory := table{Caption: "Memory", Head: []string{"", "before", "connected", "at the end", "per connection"}}
	memory.add("server (PSS)", result.Size(s.PSSBefore), result.Size(s.PSSConnected), result.Size(s.PSSAfter), memoryPerConn(r))
	memory.add("server (RSS)", result.Size(s.RSSBefore), result.Size(s.RSSConnected), result.Size(s.RSSAfter), none)
	memory.add("kernel TCP buffers of the machine", none, none, none, result.Grown(s.KernelPer))
	memory.add("client (PSS)", none, none, none, result.Grown(c.PerConn))

	late := percentiles("Delay of the client", []result.Timed{
		{What: "send delay of a message", Distribution: r.Sent.Lag},
		{What: "delay of its event loop", Distribution: c.LoopLag},
	})
	out := section{ID: "costs", Title: "Cost", Tables: []table{cpu, memory, late}}
	if bad := r.KernelErrors(); len(bad) > 0 {
		out.Text = append(out.Text, "Kernel of the server: "+strings.Join(bad, ", ")+".")
		if text := r.Retransmissions(); text != "" {
			out.Text = append(out.Text, "Retransmitted segments: "+strings.ReplaceAll(text, "'", "’")+".")
		}
	}
	if s.PSSBefore > 0 {
		out.Text = append(out.Text, "The server’s "+r.MemoryPerConn().Text()+".")
	}
	if r.Target.PID == 0 {
		out.Text = append(out.Text, "The server’s process was not visible, so its CPU and memory are not known.")
	} else if r.Env.Machine > 0 {
		out.Text = append(out.Text, fmt.Sprintf("Client and server shared this machine’s %d cores.", r.Env.Machine))
	}
	if len(r.Agents) > 0 {
		t := table{Caption: "Client processes (agents)", Head: []string{"", "pid", "connections", "cores", "of", "PSS", "clock error at most"}}
		for _, a := range r.Agents {
			off := none
			if a.ClockError > 0 {
				off = "±" + result.Duration(time.Duration(a.ClockError))
			}
			t.add(a.Name, strconv.Itoa(a.PID), result.Thousands(a.Connections), fmt.Sprintf("%.2f", a.Cores), fmt.Sprintf("%g", a.Of),
				result.Size(a.PSS), off)
		}
		out.Tables = append(out.Tables, t)
	}
	return out, nil
}

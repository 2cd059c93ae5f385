package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// The sections, in the order of the page. One that a result has nothing for has no ID.

// latency is how long deliveries took.
func latency(r *result.Result) (section, error) {
	all := r.Timings()
	if d := r.Latency.Ping; d != nil {
		all = append(all, result.Timed{What: "a WebSocket ping, to its pong", Distribution: d})
	}
	if len(all) == 0 {
		return section{}, nil
	}
	curve, err := byPercentile("percentiles", "Latency by percentile", all[:min(len(all), len(inks))])
	return section{ID: "latency", Title: "Latency", Tables: []table{percentiles("", all)}, Plots: curve,
		Text: []string{"The intended moment of a message is when the schedule wanted it to leave: a server that stops does not shorten its own " +
			"latencies. A " + none + " stands where fewer than 10 values lie beyond a percentile, and a shade in the plot."}}, err
}

// percentiles is a table of distributions.
func percentiles(caption string, all []result.Timed) table {
	t := table{Caption: caption, Head: []string{"", "p50", "p90", "p99", "p99.9", "max"}}
	for _, d := range all {
		t.add(append([]string{d.What}, d.Figures()...)...)
	}
	return t
}

// steps is a ladder, or the trials of a search.
func steps(r *result.Result) (section, error) {
	if len(r.Steps) == 0 {
		return section{}, nil
	}
	s := section{ID: "steps", Title: "Steps", Plots: bySteps(r.Steps)}
	if r.Found != nil {
		s.Title = "Search"
		s.Text = append(s.Text, r.Found.Text())
	}
	s.Text = append(s.Text, fmt.Sprintf("All other figures of this page are of one of these runs: %s.", r.PlanText()))
	t := table{Head: []string{
		"", "connections", "messages/s", "deliveries/s", "p50", "p99", "max", "lost", "server’s cores", "CPU a delivery", "verdict",
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

// storm is a reconnect storm.
func storm(r *result.Result) (section, error) {
	s := r.Storm
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "What happened", Head: []string{"", ""}}
	t.add("killed", fmt.Sprintf("%s, by %s", result.Thousands(s.Killed), s.By))
	t.add("came back", result.Thousands(s.Back))
	if s.Back < s.Killed {
		t.mark(bad)
	}
	t.add("half were back after", result.Took(s.Back50))
	t.add("99 % were back after", result.Took(s.Back99))
	t.add("all were back after", result.Took(s.Back100))
	t.add("handshakes", result.Thousands(int(s.PerS))+"/s")
	t.add("refused, and tried again", result.Thousands(s.Refused))
	others := []result.Timed{{What: "before", Distribution: s.Before}, {What: "from the kill until all were back", Distribution: s.Untouched}}
	curve, err := byPercentile("untouched", "Latency of the untouched by percentile", others)
	return section{ID: "storm", Title: "Reconnect storm", Plots: curve,
		Tables: []table{t, percentiles("Latency of those who were not killed", others)}}, err
}

// resume is what those who came back were given.
func resume(r *result.Result) (section, error) {
	s := r.Resume
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "What they were given", Head: []string{"", ""}}
	t.add("clients that came back", result.Thousands(s.Clients))
	t.add("messages that they had missed, and were given", result.Thousands(s.Recovered))
	t.add("clients told that not all of it was left", result.Thousands(s.Missed))
	if s.Missed > 0 {
		t.mark(bad)
	}
	return section{ID: "resume", Title: "Coming back", Tables: []table{t}}, nil
}

// slow is readers that stopped.
func slow(r *result.Result) (section, error) {
	s := r.Slow
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "What happened", Head: []string{"", ""}}
	t.add("stopped reading", result.Thousands(s.Stopped))
	t.add("were cut by the server", result.Thousands(s.Cut))
	t.add("by", or(result.Counts(s.Closes), none))
	after := s.CutAfter.Figures()
	t.add("after", fmt.Sprintf("p50 %s, max %s", after[0], after[4]))
	t.add("the server’s memory grew by", result.Grown(float64(s.Grown)))
	t.add("p99 of the healthy, as before", ratio(s.Healthy, s.Before))
	others := []result.Timed{{What: "before", Distribution: s.Before}, {What: "from the stop on", Distribution: s.Healthy}}
	curve, err := byPercentile("healthy", "Latency of the healthy by percentile", others)
	return section{ID: "slow", Title: "Readers that stopped", Plots: curve,
		Tables: []table{t, percentiles("Latency of those who went on reading", others)}}, err
}

// ratio is how many times the p99 of one is that of the other.
func ratio(of, to *result.Distribution) string {
	if of == nil || to == nil || of.P99 == nil || to.P99 == nil || *to.P99 == 0 {
		return none
	}
	return fmt.Sprintf("%.2f ×", float64(*of.P99)/float64(*to.P99))
}

// delivery is the proof.
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
		{"lost", d.Lost}, {"doubled", d.Duplicated}, {"out of order", d.Reordered}, {"altered", d.Corrupt}, {"in a wrong room", d.Misrouted},
	} {
		proof.add(f.what, result.Thousands(f.n))
		if f.n > 0 {
			proof.mark(bad)
		}
	}
	proof.add("messages of others", result.Thousands(d.Foreign))

	sent := table{Caption: "Messages", Head: []string{"", ""}}
	sent.add("sent", result.Thousands(r.Sent.Messages))
	sent.add("offered", rate(r.Sent.Offered))
	sent.add("achieved", rate(r.Sent.Achieved))
	sent.add("not sent: their publisher’s connection was gone", result.Thousands(r.Sent.Unsendable))
	sent.add("sent, but reached nobody before their publisher’s connection ended", result.Thousands(r.Sent.Died))
	s := section{ID: "delivery", Title: "Proof of delivery", Tables: []table{proof, sent}}
	if len(d.Samples) > 0 {
		t := table{Caption: "The first that were not as they should be", Head: []string{"", "what"}, Words: true}
		for i, f := range d.Samples {
			t.add(strconv.Itoa(i+1), f.Text())
		}
		s.Tables = append(s.Tables, t)
	}
	if len(d.Stalls) > 0 {
		t := table{Caption: "A second or more without any delivery", Head: []string{"began after", "took"}}
		for _, stall := range d.Stalls {
			t.add(fmt.Sprintf("%.2f s", stall.At), result.Duration(stall.Took))
		}
		s.Tables = append(s.Tables, t)
	}
	return s, nil
}

// thresholds are the bounds that were asked for.
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

// connecting is how the connections opened.
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
	t.add("came back", result.Thousands(c.Joined))
	t.add("did not hold", strings.Join(notEmpty(result.Thousands(r.Delivery.Closed), result.Counts(r.Delivery.Closes)), ": "))
	if r.Delivery.Closed > 0 {
		t.mark(bad)
	}
	all := []result.Timed{
		{What: "one connection", Distribution: c.Time},
		{What: "of that, TCP", Distribution: c.TCP},
		{What: "of that, the upgrade", Distribution: c.Upgrade},
	}
	curve, err := byPercentile("connecting-percentiles", "Connecting by percentile", all)
	return section{ID: "connecting", Title: "Connecting", Tables: []table{t, percentiles("How long it took", all)}, Plots: curve}, err
}

// costs is what server and client used.
func costs(r *result.Result) (section, error) {
	s, c, f := &r.Server, &r.Client, r.Floor
	if f == nil {
		f = &result.Floor{}
	}
	cpu := table{Caption: "Processor time", Head: []string{"", "cores", "a delivery", "an upgrade"}}
	cpu.add("server", serverCores(r), metric(r, "cpu/delivery"), metric(r, "cpu/upgrade"))
	cpu.add("the kernel’s floor: the same bytes by bare system calls", none, result.Took(time.Duration(f.PerDelivery)), result.Took(time.Duration(f.PerUpgrade)))
	cpu.add("server, as a multiple of the floor", none, metric(r, "floor/delivery"), metric(r, "floor/upgrade"))
	cpu.add("client", metric(r, "client-cores"), result.Took(time.Duration(c.PerDelivery)), none)

	memory := table{Caption: "Memory", Head: []string{"", "before", "connected", "at the end", "a connection"}}
	grown := none
	if s.PSSBefore > 0 {
		grown = result.Grown(s.PerConn)
	}
	memory.add("server, shared pages divided (PSS)", result.Seen(s.PSSBefore), result.Seen(s.PSSConnected), result.Seen(s.PSSAfter), grown)
	memory.add("server, resident (RSS)", result.Seen(s.RSSBefore), result.Seen(s.RSSConnected), result.Seen(s.RSSAfter), none)
	memory.add("the kernel’s TCP buffers, of the machine", none, none, none, result.Grown(s.KernelPer))
	memory.add("client (PSS)", none, none, none, result.Grown(c.PerConn))

	late := percentiles("How late the client was", []result.Timed{
		{What: "a message left, after its intended moment", Distribution: r.Sent.Lag},
		{What: "its loop came to what was due", Distribution: c.LoopLag},
	})
	out := section{ID: "costs", Title: "What it cost", Tables: []table{cpu, memory, late}}
	if bad := r.KernelTroubles(); len(bad) > 0 {
		out.Text = append(out.Text, "The server’s kernel: "+strings.Join(bad, ", ")+".")
	}
	if r.Target.PID == 0 {
		out.Text = append(out.Text, "The server’s process could not be seen from here: what it used is not known.")
	} else if r.Env.Machine > 0 {
		out.Text = append(out.Text, fmt.Sprintf("Client and server shared this machine’s %d cores.", r.Env.Machine))
	}
	if len(r.Agents) > 0 {
		t := table{Caption: "Client’s processes (agents)", Head: []string{"", "pid", "connections", "cores", "of", "PSS", "its clock may be off by"}}
		for _, a := range r.Agents {
			off := none
			if a.ClockError > 0 {
				off = "±" + result.Duration(time.Duration(a.ClockError))
			}
			t.add(a.Name, strconv.Itoa(a.PID), result.Thousands(a.Connections), fmt.Sprintf("%.2f", a.Cores), fmt.Sprintf("%g", a.Of),
				result.Seen(a.PSS), off)
		}
		out.Tables = append(out.Tables, t)
	}
	return out, nil
}

// whatRan is what a reader needs to run it again.
func whatRan(r *result.Result) (section, error) {
	a, e := &r.Plan, &r.Env
	s := section{ID: "run", Title: "What was run", Code: none, Text: r.Notes}
	if len(r.Args) > 0 {
		s.Code = command(r.Args)
	}
	plan := table{Caption: "Plan", Head: []string{"", ""}, Words: true}
	plan.add("scenario", or(a.Scenario, none))
	plan.add("connections", result.Thousands(a.Connections))
	plan.add("rooms", fmt.Sprintf("%s, the largest of %s", result.Thousands(a.Rooms), result.Thousands(a.Largest)))
	switch {
	case a.Closed > 0:
		plan.add("messages", fmt.Sprintf("closed loop, %s under way at a time: latency is their number divided by the rate",
			result.Thousands(a.Closed)))
	case a.Poisson:
		plan.add("messages", rate(a.Rate)+", by chance (Poisson)")
	default:
		plan.add("messages", rate(a.Rate)+", at a steady pace")
	}
	plan.add("size of a message", result.Seen(int64(a.Size)))
	plan.add("publishers", result.Thousands(a.Publishers))
	plan.add("leave and come back in a minute", fmt.Sprintf("%.3g %%", 100*a.Churn))
	how := "as told"
	if a.WarmupAuto {
		how = "found in the figures"
	}
	plan.add("warm-up", fmt.Sprintf("%v, %s", a.Warmup.Round(time.Millisecond), how))
	plan.add("measured", a.Duration.Round(time.Millisecond).String())
	plan.add("seed of chance", strconv.FormatUint(a.Seed, 10))
	plan.add("addresses dialled from, of one agent", strconv.Itoa(a.Sources))

	target := table{Caption: "Server", Head: []string{"", ""}, Words: true}
	target.add("URL", or(r.Target.URL, none))
	target.add("protocol", or(r.Target.Protocol, none))
	target.add("process", count(r.Target.PID))
	target.add("its command", or(r.Target.Command, none))

	where := table{Caption: "Client", Head: []string{"", ""}, Words: true}
	where.add("began", started(r))
	where.add("tool", or(r.Tool, none))
	where.add("processor", or(e.CPU, none))
	where.add("cores it might use", strconv.Itoa(e.Cores))
	where.add("cores of the machine", count(e.Machine))
	where.add("kernel", or(e.Kernel, none))
	where.add("Go", or(e.Go, none))
	where.add("open files it might have", result.Thousands(e.OpenFiles))
	s.Tables = []table{plan, target, where}
	return s, nil
}

// command is the command line as a shell takes it.
func command(args []string) string {
	text := "throng"
	for _, a := range args {
		if a == "" || strings.ContainsFunc(a, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=,@%+", c))
		}) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		text += " " + a
	}
	return text
}

// What was not measured is 0 in a result, and none here.

func count(n int) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n)
}

func rate(v float64) string {
	if v == 0 {
		return none
	}
	if v == math.Trunc(v) {
		return result.Thousands(int(v)) + "/s"
	}
	return fmt.Sprintf("%.1f/s", v)
}

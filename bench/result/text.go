package result

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes r as text, the verdict first. Set colour for a terminal.
func (r *Result) WriteText(w io.Writer, colour bool) error {
	p := &page{colour: colour}
	p.verdict(r)
	p.plan(r)
	p.connect(r)
	if r.Plan.Size > 0 {
		p.load(r)
	}
	p.pings(r)
	p.compression(r.Compression)
	p.spread(r.Targets)
	p.storm(r.Storm)
	p.resume(r.Resume)
	p.slow(r.Slow)
	p.costs(r)
	p.steps(r)
	for _, n := range r.Notes {
		p.line("note", "%s", n)
	}
	_, err := io.WriteString(w, p.text.String())
	return err
}

// page is text with a column of keys.
type page struct {
	text   strings.Builder
	colour bool
}

func (p *page) line(key, format string, args ...any) {
	p.painted(key, Printable(fmt.Sprintf(format, args...)))
}

// painted adds a line whose text may contain our own colours.
func (p *page) painted(key, text string) {
	fmt.Fprintf(&p.text, "%-11s%s\n", key, strings.ReplaceAll(text, "\n", " "))
}

func (p *page) verdict(r *Result) {
	word, colour := Printable(r.Verdict.Code), Yellow
	switch {
	case word == Broken || word == None:
		colour = Red
	case r.Verdict.OK:
		colour = Green
	}
	if p.colour {
		word = Paint(colour, word)
	}
	why := r.Why()
	if len(why) == 0 {
		why = []string{""}
	} else {
		word += ": "
	}
	p.text.WriteString(word + strings.ReplaceAll(Printable(why[0]), "\n", " ") + "\n")
	for _, w := range why[1:] {
		p.line("", "%s", w)
	}
	for _, t := range r.Thresholds {
		word, colour := "holds", Green
		if !t.OK {
			word, colour = "BROKEN", Red
		}
		word += ": " + Printable(t.Text())
		if p.colour {
			word = Paint(colour, word)
		}
		p.painted("threshold", Printable(t.Expr)+" "+word)
	}
}

func (p *page) plan(r *Result) {
	p.line("bench", "%s", r.PlanText())
	t := &r.Target
	text := t.URL
	if t.Protocol != "plain" {
		text += " · " + t.Protocol
	}
	if t.TLS != "" {
		text += " · " + t.TLS
	}
	if t.PID == 0 {
		p.line("target", "%s · its process is not visible", text)
		return
	}
	p.line("target", "%s · pid %d: %s", text, t.PID, t.Command)
}

func (p *page) connect(r *Result) {
	c := &r.Connect
	text := fmt.Sprintf("%s of %s in %s, %s/s · per connection: %s", Thousands(c.Opened), Thousands(r.Plan.Connections), Duration(c.Took),
		Thousands(int(c.PerS)), c.Time.brief())
	if c.TCP != nil && c.Upgrade != nil && c.TLS == nil {
		text += fmt.Sprintf(" · TCP p50 %s, upgrade p50 %s", c.TCP.p50(), c.Upgrade.p50())
	}
	if r.Plan.Ramp > 0 {
		text += fmt.Sprintf(" · ramp %s/s, dial delay %s", Thousands(int(r.Plan.Ramp)), c.Lag.brief())
	}
	if r.Plan.Sources > 1 {
		text += fmt.Sprintf(" · %d source addresses", r.Plan.Sources)
	}
	p.line("connect", "%s", text)
	if c.TLS != nil {
		p.line("", "TCP: %s", c.TCP.brief())
		p.line("", "TLS: %s", c.TLS.brief())
		p.line("", "upgrade: %s", c.Upgrade.brief())
	}
	if len(c.Failed) > 0 {
		p.line("", "failed: %s", Counts(c.Failed))
	}
	if d := &r.Delivery; d.Closed > 0 {
		p.line("closed", "%s closed: %s", Number(d.Closed, "connection"), Counts(d.Closes))
	}
}

func (p *page) load(r *Result) {
	d, s := &r.Delivery, &r.Sent
	text := Number(s.Messages, "message") + " · "
	if s.Offered > 0 {
		text += fmt.Sprintf("offered %s/s · ", Thousands(int(s.Offered)))
	}
	text += fmt.Sprintf("achieved %.1f/s", s.Achieved)
	if r.Plan.Closed == 0 {
		text += " · send delay " + s.Lag.brief()
	}
	p.line("sent", "%s", text)
	if s.Unsendable > 0 {
		p.line("", "%s not sent: the publisher's connection had closed", Thousands(s.Unsendable))
	}
	if s.Died > 0 {
		p.line("", "%s had no receiver before the publisher's connection closed", Thousands(s.Died))
	}
	p.line("delivery", "%s/s · %s expected, %s received · %s lost · %s duplicated · %s reordered · %s corrupt", Thousands(int(d.PerS)),
		Thousands(d.Expected), Thousands(d.Got), Thousands(d.Lost), Thousands(d.Duplicated), Thousands(d.Reordered), Thousands(d.Corrupt))
	if d.Misrouted > 0 {
		p.line("", "%s in a wrong room", Thousands(d.Misrouted))
	}
	const shown = 5
	for _, f := range d.Samples[:min(len(d.Samples), shown)] {
		p.line("", "%s", f.Text())
	}
	if d.Foreign > 0 {
		p.line("", "%s from other clients", Number(d.Foreign, "message"))
	}
	p.line("latency", "%10s %10s %10s %10s %10s   –: fewer than 10 deliveries beyond it", "p50", "p90", "p99", "p99.9", "max")
	for _, t := range r.Timings() {
		p.line("", "%s   %s", t.columns(), t.What)
	}
}

func (p *page) compression(co *Compression) {
	if co != nil {
		p.line("deflate", "%s", co.Summary())
	}
}

func (p *page) pings(r *Result) {
	if d := r.Latency.Ping; d != nil {
		p.line("ping", "%s   p50 p90 p99 p99.9 max, ping to pong", d.columns())
	}
}

func (p *page) storm(s *Storm) {
	if s == nil {
		return
	}
	p.line("storm", "%s killed by %s · %s back: half in %s, 99 %% in %s, all in %s · %s handshakes/s · %s rejected and retried",
		Thousands(s.Killed), s.By, Thousands(s.Back), Took(s.Back50), Took(s.Back99), Took(s.Back100), Thousands(int(s.PerS)), Thousands(s.Refused))
	if s.Node != "" {
		p.line("", "node %s · away: %s · its connections ended within %s, at most %.1f %% of them in 100 ms", s.Node, s.Away.brief(), Took(s.LastEnd), 100*s.MostEnds)
	}
	p.line("", "the others during the storm: %s · before: %s", s.Untouched.brief(), s.Before.brief())
}

func (p *page) resume(s *Resume) {
	if s == nil {
		return
	}
	p.line("resume", "%s returned and recovered %s · recovery was not complete for %s%s",
		Thousands(s.Clients), Number(s.Recovered, "message"), Number(s.Missed, "client"), s.ReportedText())
}

func (p *page) slow(s *Slow) {
	if s == nil {
		return
	}
	if s.Cut == 0 {
		p.line("slow", "%s stopped reading · the server closed none of them: the data is in the kernel's buffers or in the server · its memory grew by %s",
			Number(s.Stopped, "client"), Grown(float64(s.Grown)))
	} else {
		p.line("slow", "%s stopped reading · the server closed %s of them · time from the stop to the close: p50 %s  max %s · its memory grew by %s",
			Number(s.Stopped, "client"), Thousands(s.Cut), s.CutAfter.p50(), s.CutAfter.maximum(), Grown(float64(s.Grown)))
	}
	if len(s.Closes) > 0 {
		p.line("", "closed by: %s", Counts(s.Closes))
	}
	p.line("", "the others meanwhile: %s · before: %s", s.Healthy.brief(), s.Before.brief())
}

// costs prints the resources of server and client.
func (p *page) costs(r *Result) {
	if r.Target.PID != 0 {
		p.server(r)
	}
	p.client(r)
	if r.Target.PID != 0 {
		p.line("", "client and server shared this machine's %d cores", r.Env.Machine)
	}
}

func (p *page) server(r *Result) {
	s, floor := &r.Server, r.Floor
	if floor == nil {
		floor = &Floor{}
	}
	ratio := func(text string) string {
		if text == "" {
			return ""
		}
		return ", " + text
	}
	connecting := fmt.Sprintf("%.1f µs per upgrade%s", s.PerUpgrade/1e3, ratio(floor.Upgrade()))
	if s.CPU > 0 {
		text := fmt.Sprintf("%.2f cores", s.Cores)
		if r.Delivery.PerS > 0 {
			text += fmt.Sprintf(" · %.3f µs per delivery%s · %s deliveries per second and core", s.PerDelivery/1e3, ratio(floor.Delivery()),
				Thousands(int(1e9/max(s.PerDelivery, 1))))
		}
		p.line("server", "%s", text)
		p.line("", "%s", connecting)
	} else {
		p.line("server", "%s", connecting)
	}
	if text := r.PlainFloor(); r.Floor != nil && text != "" {
		p.line("", "the kernel's floor is %s", text)
	}
	if s.PSSBefore > 0 {
		p.line("", "PSS %s before the first connection, %s with all, %s at the end · kernel TCP buffers %s per connection",
			Bytes(float64(s.PSSBefore)), Bytes(float64(s.PSSConnected)), Size(s.PSSAfter), Grown(s.KernelPer))
		p.line("", "%s", r.MemoryPerConn().Text())
	} else {
		p.line("", "RSS %s before the first connection, %s with all, %s at the end", Bytes(float64(s.RSSBefore)), Bytes(float64(s.RSSConnected)), Size(s.RSSAfter))
	}
	if bad := r.KernelErrors(); len(bad) > 0 {
		p.line("", "kernel: %s", strings.Join(bad, ", "))
		if text := r.Retransmissions(); text != "" {
			p.line("", "%s", text)
		}
	}
}

func (p *page) client(r *Result) {
	c := &r.Client
	text := fmt.Sprintf("%.2f cores, the busiest agent at %.0f %%", c.Cores, 100*c.Busiest)
	if n := len(r.Agents); n != 1 {
		text = fmt.Sprintf("%d agents · %s", n, text)
	}
	if r.Delivery.PerS > 0 {
		text += fmt.Sprintf(" · %.3f µs per delivery", c.PerDelivery/1e3)
		if c.Reads > 0 {
			text += fmt.Sprintf(" · %.1f deliveries per read", float64(c.CPU)/c.PerDelivery/float64(c.Reads))
		}
	}
	p.line("client", "%s · %s per connection", text, Grown(c.PerConn))
	if c.LoopLag != nil {
		text := fmt.Sprintf("loop delay %s · GC pauses %s", c.LoopLag.brief(), Duration(c.GCPause))
		if c.Throttled > 0 {
			text += fmt.Sprintf(" · stopped by the CPU quota of its control group for %s", Duration(c.Throttled))
		}
		p.line("", "%s", text)
	}
	for _, a := range r.Agents {
		if a.ClockError > 0 {
			p.line("", "clock error of %s: at most ±%s", a.Name, Duration(time.Duration(a.ClockError)))
		}
	}
}

func (p *page) steps(r *Result) {
	if len(r.Steps) == 0 {
		return
	}
	p.line("steps", "%12s %10s %14s %10s %10s %8s  %s", "connections", "rate/s", "deliveries/s", "p50", "p99", "cores", "")
	for _, s := range r.Steps {
		word := s.Verdict.Code
		switch {
		case s.Why != "" && word == Valid: // but with a latency above the limit
			word = s.Why
		case s.Why != "":
			word += ": " + s.Why
		}
		p.line("", "%12s %10s %14s %10s %10s %8.2f  %s", Thousands(s.Connections), Thousands(int(s.Rate)), Thousands(int(s.PerS)),
			s.Latency.p50(), s.Latency.p99(), s.ServerCores, word)
	}
	for _, s := range r.Steps {
		if s.Floor != nil {
			p.line("floor", "%s", s.FloorText())
		}
	}
	if r.Found != nil {
		p.line("found", "%s", r.Found.Text())
	}
}

package result

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WriteText writes r for a person: the verdict first. Colour is for a terminal.
func (r *Result) WriteText(w io.Writer, colour bool) error {
	p := &page{colour: colour}
	p.verdict(r)
	p.plan(r)
	p.connect(r)
	if r.Plan.Size > 0 {
		p.load(r)
	}
	p.pings(r)
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
	fmt.Fprintf(&p.text, "%-11s%s\n", key, fmt.Sprintf(format, args...))
}

// Colour is one of a terminal's (ECMA-48, SGR).
type Colour string

// The colours of a verdict.
const (
	Green  Colour = "\x1b[1;32m"
	Yellow Colour = "\x1b[1;33m"
	Red    Colour = "\x1b[1;31m"
)

// Paint is text in a colour.
func Paint(c Colour, text string) string { return string(c) + text + "\x1b[0m" }

func (p *page) verdict(r *Result) {
	word, colour := r.Verdict.Code, Yellow
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
	p.text.WriteString(word + why[0] + "\n")
	for _, w := range why[1:] {
		p.line("", "%s", w)
	}
	for _, t := range r.Thresholds {
		word, colour := "holds", Green
		if !t.OK {
			word, colour = "BROKEN", Red
		}
		word += ": " + t.Text()
		if p.colour {
			word = Paint(colour, word)
		}
		p.line("threshold", "%s %s", t.Expr, word)
	}
}

// Why is the verdict in words: what was proved, or each reason that it was not.
func (r *Result) Why() []string {
	switch {
	case r.Verdict.Code != Valid:
		return r.Verdict.Why
	case r.Plan.Size > 0:
		return []string{"every message reached everybody once, whole and in order, and the client was not the limit"}
	default:
		return []string{"every connection held"}
	}
}

// Text is the value, in the unit of the metric that the expression begins with.
func (t Threshold) Text() string {
	if t.Value == nil {
		return "the run did not measure it"
	}
	if part := boundForm.FindStringSubmatch(t.Expr); part != nil {
		if m, err := MetricNamed(part[1]); err == nil {
			return m.Text(*t.Value)
		}
	}
	return fmt.Sprint(*t.Value)
}

func (p *page) plan(r *Result) {
	p.line("bench", "%s", r.PlanText())
	t := &r.Target
	text := t.URL
	if t.Protocol != "plain" {
		text += " · " + t.Protocol
	}
	if t.PID == 0 {
		p.line("target", "%s · its process is not seen from here", text)
		return
	}
	p.line("target", "%s · pid %d: %s", text, t.PID, t.Command)
}

// PlanText is what was done, in a line.
func (r *Result) PlanText() string {
	a := &r.Plan
	text := fmt.Sprintf("%s · %s connections", a.Scenario, Thousands(a.Connections))
	switch {
	case a.Rooms == a.Connections && a.Rooms > 1:
		text += ", each in a room of its own"
	case a.Rooms > 1:
		text += fmt.Sprintf(" in %s rooms, the largest of %s", Thousands(a.Rooms), Thousands(a.Largest))
	}
	if a.Size > 0 {
		how := ""
		if a.Poisson {
			how = " by chance"
		}
		rate := fmt.Sprintf("%s messages/s%s", Thousands(int(a.Rate)), how)
		if a.Closed > 0 {
			rate = fmt.Sprintf("closed loop, %s messages under way,", Thousands(a.Closed))
		}
		text += fmt.Sprintf(" · %s of %s from %s publishers", rate, Bytes(float64(a.Size)), Thousands(a.Publishers))
	}
	if a.Churn > 0 {
		text += fmt.Sprintf(" · %s left and %s came back", Thousands(r.Connect.Left), Thousands(r.Connect.Joined))
	}
	if a.Duration > 0 {
		text += fmt.Sprintf(" · %v after %v of warm-up", a.Duration.Round(time.Millisecond), a.Warmup.Round(time.Millisecond))
	}
	return text
}

func (p *page) connect(r *Result) {
	c := &r.Connect
	text := fmt.Sprintf("%s of %s in %s, %s/s · one: p50 %s  p99 %s  max %s", Thousands(c.Opened), Thousands(r.Plan.Connections),
		Duration(c.Took), Thousands(int(c.PerS)), c.Time.p50(), c.Time.p99(), c.Time.maximum())
	if c.TCP != nil && c.Upgrade != nil {
		text += fmt.Sprintf(" · of that TCP p50 %s, upgrade p50 %s", c.TCP.p50(), c.Upgrade.p50())
	}
	if r.Plan.Sources > 1 {
		text += fmt.Sprintf(" · from %d addresses", r.Plan.Sources)
	}
	p.line("connect", "%s", text)
	if len(c.Failed) > 0 {
		p.line("", "failed: %s", Counts(c.Failed))
	}
	if d := &r.Delivery; d.Closed > 0 {
		p.line("closed", "%s connections did not hold: %s", Thousands(d.Closed), Counts(d.Closes))
	}
}

func (p *page) load(r *Result) {
	d, s := &r.Delivery, &r.Sent
	text := fmt.Sprintf("%s messages · ", Thousands(s.Messages))
	if s.Offered > 0 {
		text += fmt.Sprintf("offered %s/s · ", Thousands(int(s.Offered)))
	}
	text += fmt.Sprintf("achieved %.1f/s", s.Achieved)
	if r.Plan.Closed == 0 {
		text += fmt.Sprintf(" · send lag p50 %s  p99 %s  max %s", s.Lag.p50(), s.Lag.p99(), s.Lag.maximum())
	}
	p.line("sent", "%s", text)
	if s.Unsendable > 0 {
		p.line("", "%s not sent: their publisher's connection was gone", Thousands(s.Unsendable))
	}
	if s.Died > 0 {
		p.line("", "%s reached nobody before their publisher's connection ended", Thousands(s.Died))
	}
	p.line("delivery", "%s/s · %s expected, %s got · %s lost · %s duplicated · %s reordered · %s corrupt", Thousands(int(d.PerS)),
		Thousands(d.Expected), Thousands(d.Got), Thousands(d.Lost), Thousands(d.Duplicated), Thousands(d.Reordered), Thousands(d.Corrupt))
	if d.Misrouted > 0 {
		p.line("", "%s came to a room they were not said in", Thousands(d.Misrouted))
	}
	const shown = 5
	for _, f := range d.Samples[:min(len(d.Samples), shown)] {
		p.line("", "%s", f.Text())
	}
	if d.Foreign > 0 {
		p.line("", "%s messages of others", Thousands(d.Foreign))
	}
	p.line("latency", "%10s %10s %10s %10s %10s   – where fewer than 10 deliveries lie beyond", "p50", "p90", "p99", "p99.9", "max")
	for _, t := range r.Timings() {
		p.line("", "%s   %s", t.columns(), t.What)
	}
}

// Timed is a distribution, and what it is of.
type Timed struct {
	What string
	*Distribution
}

// Timings are the latencies of deliveries that were measured.
func (r *Result) Timings() []Timed {
	l := &r.Latency
	all := []Timed{{"each delivery, from the intended moment of sending", l.Each}, {"each delivery, from the send", l.Sent}}
	if r.Plan.Largest > 1 {
		all = append(all, Timed{"the first of the room to have a message", l.First}, Timed{"the last of the room", l.Last},
			Timed{"between the first and the last", l.Span})
	}
	return slices.DeleteFunc(all, func(t Timed) bool { return t.Distribution == nil })
}

// Text is what was wrong, where, and with which message.
func (f *Fault) Text() string {
	switch {
	case f.Connection < 0:
		return fmt.Sprintf("%s: room %d, which two agents heard in different orders", f.Kind, f.Room)
	case f.Publisher < 0:
		return fmt.Sprintf("%s: connection %d in room %d, a message that cannot be told", f.Kind, f.Connection, f.Room)
	default:
		return fmt.Sprintf("%s: connection %d in room %d, message %d of publisher %d", f.Kind, f.Connection, f.Room, f.Sequence, f.Publisher)
	}
}

func (p *page) pings(r *Result) {
	if d := r.Latency.Ping; d != nil {
		p.line("ping", "%s   p50 p90 p99 p99.9 max, to its pong", d.columns())
	}
}

func (p *page) storm(s *Storm) {
	if s == nil {
		return
	}
	back := func(d time.Duration) string {
		if d == 0 {
			return "–"
		}
		return Duration(d)
	}
	p.line("storm", "%s killed by %s · %s back: half in %s, 99 %% in %s, all in %s · %s handshakes/s · %s refused and tried again",
		Thousands(s.Killed), s.By, Thousands(s.Back), back(s.Back50), back(s.Back99), back(s.Back100), Thousands(int(s.PerS)), Thousands(s.Refused))
	p.line("", "the untouched meanwhile: p50 %s  p99 %s  max %s · before: p50 %s  p99 %s  max %s", s.Untouched.p50(), s.Untouched.p99(),
		s.Untouched.maximum(), s.Before.p50(), s.Before.p99(), s.Before.maximum())
}

func (p *page) resume(s *Resume) {
	if s == nil {
		return
	}
	p.line("resume", "%s came back and were given %s messages that they had missed · %s were told that not all of it was left",
		Thousands(s.Clients), Thousands(s.Recovered), Thousands(s.Missed))
}

func (p *page) slow(s *Slow) {
	if s == nil {
		return
	}
	p.line("slow", "%s stopped reading · the server cut %s of them · after p50 %s  max %s · its memory grew by %s", Thousands(s.Stopped),
		Thousands(s.Cut), s.CutAfter.p50(), s.CutAfter.maximum(), Bytes(float64(s.Grown)))
	if len(s.Closes) > 0 {
		p.line("", "cut by: %s", Counts(s.Closes))
	}
	p.line("", "the healthy meanwhile: p50 %s  p99 %s  max %s · before: p50 %s  p99 %s  max %s", s.Healthy.p50(), s.Healthy.p99(),
		s.Healthy.maximum(), s.Before.p50(), s.Before.p99(), s.Before.maximum())
}

func (p *page) costs(r *Result) {
	s, c := &r.Server, &r.Client
	loaded := r.Delivery.PerS > 0
	ratio := func(v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf(", %.2f × the kernel's floor", v)
	}
	if r.Target.PID != 0 {
		var upgrade, delivery float64
		if r.Floor != nil {
			upgrade, delivery = r.Floor.UpgradeRatio, r.Floor.DeliveryRatio
		}
		text := fmt.Sprintf("%.2f cores", s.Cores)
		if loaded {
			text += fmt.Sprintf(" · %.3f µs a delivery%s · %s deliveries a core and second", s.PerDelivery/1e3, ratio(delivery),
				Thousands(int(1e9/max(s.PerDelivery, 1))))
		}
		connecting := fmt.Sprintf("%.1f µs an upgrade%s", s.PerUpgrade/1e3, ratio(upgrade))
		if s.CPU > 0 {
			p.line("server", "%s", text)
			p.line("", "%s", connecting)
		} else {
			p.line("server", "%s", connecting)
		}
		if s.PSSBefore > 0 {
			p.line("", "PSS %s, connected %s, at the end %s · %s a connection, and the kernel's TCP buffers %s", Bytes(float64(s.PSSBefore)),
				Bytes(float64(s.PSSConnected)), Seen(s.PSSAfter), Grown(s.PerConn), Grown(s.KernelPer))
		} else {
			p.line("", "RSS %s, connected %s, at the end %s", Bytes(float64(s.RSSBefore)), Bytes(float64(s.RSSConnected)), Seen(s.RSSAfter))
		}
		p.kernel(r)
	}
	text := fmt.Sprintf("%.2f cores, the busiest agent %.0f %% of its own", c.Cores, 100*c.Busiest)
	if n := len(r.Agents); n != 1 {
		text = fmt.Sprintf("%d agents · %s", n, text)
	}
	if loaded {
		text += fmt.Sprintf(" · %.3f µs a delivery", c.PerDelivery/1e3)
		if c.Reads > 0 {
			text += fmt.Sprintf(" · %.1f deliveries a read", float64(c.CPU)/c.PerDelivery/float64(c.Reads))
		}
	}
	p.line("client", "%s · %s a connection", text, Grown(c.PerConn))
	if c.LoopLag != nil {
		text := fmt.Sprintf("loop lag p50 %s  p99 %s  max %s · GC pauses %s", c.LoopLag.p50(), c.LoopLag.p99(), c.LoopLag.maximum(), Duration(c.GCPause))
		if c.Throttled > 0 {
			text += fmt.Sprintf(" · its control group held it up for %s", Duration(c.Throttled))
		}
		p.line("", "%s", text)
	}
	for _, a := range r.Agents {
		if a.ClockError > 0 {
			p.line("", "the clock of %s may be off by ±%s", a.Name, Duration(time.Duration(a.ClockError)))
		}
	}
	if r.Target.PID != 0 {
		p.line("", "client and server shared this machine's %d cores", r.Env.Machine)
	}
}

func (p *page) kernel(r *Result) {
	if bad := r.KernelTroubles(); len(bad) > 0 {
		p.line("", "kernel: %s", strings.Join(bad, ", "))
	}
}

// KernelTroubles is what the server's kernel did not do as it should.
func (r *Result) KernelTroubles() (bad []string) {
	if len(r.Observed) == 0 {
		return nil
	}
	last := &r.Observed[len(r.Observed)-1]
	for _, c := range []struct {
		n    uint64
		what string
	}{{last.Retransmits, "TCP segments sent again"}, {last.Overflows, "accept queue overflows"}, {last.Drops, "connections dropped before accept"}} {
		if c.n > 0 {
			bad = append(bad, fmt.Sprintf("%s %s", Thousands(c.n), c.what))
		}
	}
	if last.Throttled > 0 {
		bad = append(bad, fmt.Sprintf("its control group held it up for %.1f s", last.Throttled))
	}
	return bad
}

func (p *page) steps(r *Result) {
	if len(r.Steps) == 0 {
		return
	}
	p.line("steps", "%12s %10s %14s %10s %10s %8s  %s", "connections", "rate/s", "deliveries/s", "p50", "p99", "cores", "")
	for _, s := range r.Steps {
		word := s.Verdict.Code
		switch {
		case s.Why != "" && word == Valid: // but too slow
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

// FloorText is what the step cost as a multiple of the kernel's floor.
func (s *Step) FloorText() string {
	text := fmt.Sprintf("%s messages/s to %s connections:", Thousands(int(s.Rate)), Thousands(s.Connections))
	if v := s.Floor.DeliveryRatio; v > 0 {
		text += fmt.Sprintf(" a delivery %.2f ×,", v)
	}
	if v := s.Floor.UpgradeRatio; v > 0 {
		text += fmt.Sprintf(" an upgrade %.2f ×,", v)
	}
	return text + " the kernel's floor"
}

// Text is the interval in words.
func (f *Found) Text() string {
	const limit = "the client was the limit, not the server"
	switch {
	case f.Holds == 0 && f.Limited:
		return fmt.Sprintf("no rate held: at %s messages/s %s", Thousands(int(f.Fails)), limit)
	case f.Limited:
		return fmt.Sprintf("holds %s messages/s; at %s %s · p99 under %s · confirmed %d of %d times", Thousands(int(f.Holds)), Thousands(int(f.Fails)),
			limit, Duration(f.Limit), f.Confirmed, f.Confirms)
	case f.Holds == 0:
		return fmt.Sprintf("no rate held: %s messages/s failed", Thousands(int(f.Fails)))
	case f.Fails == 0:
		return fmt.Sprintf("holds %s messages/s; none failed up to the bound", Thousands(int(f.Holds)))
	default:
		return fmt.Sprintf("holds %s messages/s, fails %s · p99 under %s · confirmed %d of %d times", Thousands(int(f.Holds)),
			Thousands(int(f.Fails)), Duration(f.Limit), f.Confirmed, f.Confirms)
	}
}

// The figures of a Distribution as text; – where there is no measurement. They take nil.

// Figures are p50, p90, p99, p99.9 and the maximum.
func (d *Distribution) Figures() []string {
	return []string{d.p50(), d.p90(), d.p99(), d.p999(), d.maximum()}
}

// columns are the figures, aligned.
func (d *Distribution) columns() string {
	text := ""
	for _, figure := range d.Figures() {
		text += fmt.Sprintf(" %10s", figure)
	}
	return text[1:]
}

func (d *Distribution) text(get func(*Distribution) *time.Duration) string {
	if d == nil {
		return "–"
	}
	if v := get(d); v != nil {
		return Duration(*v)
	}
	return "–"
}

func (d *Distribution) p50() string     { return d.text(p50) }
func (d *Distribution) p90() string     { return d.text(p90) }
func (d *Distribution) p99() string     { return d.text(p99) }
func (d *Distribution) p999() string    { return d.text(p999) }
func (d *Distribution) maximum() string { return d.text(maximum) }

// Text is a value of m, with its unit.
func (m Metric) Text(v float64) string {
	switch m.Unit {
	case "s":
		return Duration(time.Duration(v*1e9 + 0.5))
	case "B":
		return Bytes(v)
	case "/s":
		return Thousands(int(v+0.5)) + "/s"
	case "cores":
		return fmt.Sprintf("%.2f cores", v)
	}
	if v == float64(int(v)) {
		return Thousands(int(v))
	}
	return fmt.Sprintf("%.3g", v)
}

// Duration is d in three figures and the unit that suits.
func Duration(d time.Duration) string {
	v, unit := float64(d), "ns"
	switch {
	case d >= time.Second:
		v, unit = d.Seconds(), "s"
	case d >= time.Millisecond:
		v, unit = v/1e6, "ms"
	case d >= time.Microsecond:
		v, unit = v/1e3, "µs"
	}
	switch {
	case v >= 100 || unit == "ns":
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	default:
		return fmt.Sprintf("%.2f %s", v, unit)
	}
}

// Bytes is n in the unit that suits.
func Bytes(n float64) string {
	switch {
	case n >= 1<<20 || n <= -1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	case n >= 1<<14 || n <= -1<<14:
		return fmt.Sprintf("%.1f KiB", n/(1<<10))
	default:
		return fmt.Sprintf("%.0f B", n)
	}
}

// Seen is memory, or another size; – where none was seen, as that of a process that had ended.
func Seen(n int64) string {
	if n == 0 {
		return "–"
	}
	return Bytes(float64(n))
}

// Grown is by how much memory grew; – where it did not: then what was there before was used again, and nothing was measured.
func Grown(n float64) string {
	if n <= 0 {
		return "–"
	}
	return Bytes(n)
}

// Thousands groups digits.
func Thousands[T int | uint64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Counts lists the keys with their counts, the most frequent first.
func Counts(counts map[string]int) string {
	var keys []string
	for why := range counts {
		keys = append(keys, why)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, why := range keys {
		keys[i] = fmt.Sprintf("%s %s", Thousands(counts[why]), why)
	}
	return strings.Join(keys, "; ")
}

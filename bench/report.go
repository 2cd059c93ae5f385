package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteText writes r for a person.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	line := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s%s\n", key, fmt.Sprintf(format, args...))
	}
	p := &r.Plan
	if p.Rate > 0 {
		line("bench", "%s connections · %s messages/s of %s from %s publishers · %v after %v of warm-up",
			thousands(p.Connections), thousands(p.Rate), bytesText(float64(p.Size)), thousands(p.Publishers), p.Duration, p.Warmup)
	} else {
		line("bench", "%s connections, idle · %v", thousands(p.Connections), p.Duration)
	}
	line("target", "%s%s", r.Target, r.serverText())
	c := &r.Connect
	line("connect", "%s of %s in %s, %s/s · one: p50 %s  p99 %s  max %s%s", thousands(c.Opened), thousands(p.Connections),
		duration(c.Took), thousands(int(c.PerS)), c.Time.p50(), c.Time.p99(), c.Time.maximum(), sourcesText(p.Sources))
	if len(c.Failed) > 0 {
		line("", "failed: %s", c.reasons())
	}
	if p.Rate > 0 {
		r.loadText(line)
	}
	d := &r.Delivery
	if d.Closed > 0 {
		line("closed", "%s connections did not hold: %s", thousands(d.Closed), countsText(d.Closes))
	}
	r.costText(line)
	for _, n := range r.Notes {
		line("note", "%s", n)
	}
	line("verdict", "%s", r.verdict())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) serverText() string {
	if r.Server.PID == 0 {
		return " · its process is not seen from here"
	}
	return fmt.Sprintf(" · pid %d: %s · they share this machine", r.Server.PID, r.Server.Command)
}

func sourcesText(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" · from %d addresses", n)
}

func (r *Result) loadText(line func(string, string, ...any)) {
	d, s := &r.Delivery, &r.Sent
	line("sent", "%s messages · offered %s/s · achieved %.1f/s · send lag p50 %s  p99 %s  max %s", thousands(s.Messages),
		thousands(int(s.Offered)), s.Achieved, r.SendLag.p50(), r.SendLag.p99(), r.SendLag.maximum())
	if s.Unsendable > 0 {
		line("", "%s not sent: their publisher's connection was gone", thousands(s.Unsendable))
	}
	if s.Died > 0 {
		line("", "%s reached nobody before their publisher's connection ended", thousands(s.Died))
	}
	line("delivery", "%s expected, %s got · %s lost · %s duplicated · %s reordered · %s corrupt · %s/s", thousands(d.Expected),
		thousands(d.Got), thousands(d.Lost), thousands(d.Duplicated), thousands(d.Reordered), thousands(d.Corrupt), thousands(int(d.PerS)))
	const shown = 5
	for _, f := range d.Samples[:min(len(d.Samples), shown)] {
		if f.Publisher < 0 {
			line("", "%s: connection %d, a message that cannot be told", f.Kind, f.Connection)
			continue
		}
		line("", "%s: connection %d, message %d of publisher %d", f.Kind, f.Connection, f.Sequence, f.Publisher)
	}
	if d.Foreign > 0 {
		line("", "%s messages of others", thousands(d.Foreign))
	}
	l := r.Latency
	line("latency", "%10s %10s %10s %10s %10s   from the intended moment of sending", "p50", "p90", "p99", "p99.9", "max")
	line("", "%10s %10s %10s %10s %10s   – where fewer than 10 deliveries lie beyond", l.p50(), l.p90(), l.p99(), l.p999(), l.maximum())
}

func (r *Result) costText(line func(string, string, ...any)) {
	s, c := &r.Server, &r.Client
	loaded := r.Plan.Rate > 0 && r.Delivery.PerS > 0
	if s.PID != 0 {
		text := fmt.Sprintf("%.2f cores", s.Cores)
		if loaded {
			text += fmt.Sprintf(" · %.3f µs a delivery", s.PerDelivery/1e3)
		}
		line("server", "%s · RSS %s, connected %s, at the end %s", text, bytesText(float64(s.RSSBefore)), bytesText(float64(s.RSSConnected)), bytesText(float64(s.RSSAfter)))
		// The kernel counts in steps of 10 ms.
		if s.ConnectCPU >= 100*time.Millisecond {
			line("", "%.1f µs an upgrade", float64(s.ConnectCPU.Nanoseconds())/1e3/float64(max(r.Connect.Opened, 1)))
		}
		if s.PSSBefore > 0 {
			line("", "PSS %s, connected %s, at the end %s · %s a connection", bytesText(float64(s.PSSBefore)), bytesText(float64(s.PSSConnected)),
				bytesText(float64(s.PSSAfter)), bytesText(s.PerConn))
		}
	}
	text := fmt.Sprintf("%.2f of %d cores", c.Cores, c.Of)
	if loaded {
		text += fmt.Sprintf(" · %.3f µs a delivery", c.PerDelivery/1e3)
		if c.Reads > 0 {
			text += fmt.Sprintf(" · %.1f deliveries a read", float64(c.CPU)/c.PerDelivery/float64(c.Reads))
		}
	}
	line("client", "%s", text)
	for _, why := range r.ClientLimit {
		line("", "THE CLIENT WAS THE LIMIT: %s. The figures say little of the server", why)
	}
}

func (r *Result) verdict() string {
	var bad []string
	if r.Interrupted {
		bad = append(bad, "interrupted, what there is is partial")
	}
	if n := r.Plan.Connections - r.Connect.Opened; n > 0 && !r.Interrupted {
		bad = append(bad, fmt.Sprintf("%s connections failed", thousands(n)))
	}
	if r.Delivery.Any() {
		bad = append(bad, "not every message reached everybody once, whole and in order")
	}
	if r.Delivery.Closed > 0 {
		bad = append(bad, "connections were lost")
	}
	if r.Sent.Unsendable > 0 {
		bad = append(bad, "messages could not be sent")
	}
	if r.Interrupted && len(bad) == 1 {
		return bad[0]
	}
	if len(bad) > 0 {
		return "FAILED: " + strings.Join(bad, "; ")
	}
	if len(r.ClientLimit) > 0 {
		return "delivery is proved; the figures are the client's limit"
	}
	return "ok"
}

// The figures of a Distribution as text; – where there is no measurement. They take nil.

func (d *Distribution) text(get func(*Distribution) *time.Duration) string {
	if d == nil {
		return "–"
	}
	if v := get(d); v != nil {
		return duration(*v)
	}
	return "–"
}

func (d *Distribution) p50() string {
	return d.text(func(d *Distribution) *time.Duration { return d.P50 })
}
func (d *Distribution) p90() string {
	return d.text(func(d *Distribution) *time.Duration { return d.P90 })
}
func (d *Distribution) p99() string {
	return d.text(func(d *Distribution) *time.Duration { return d.P99 })
}
func (d *Distribution) p999() string {
	return d.text(func(d *Distribution) *time.Duration { return d.P999 })
}
func (d *Distribution) maximum() string {
	return d.text(func(d *Distribution) *time.Duration { return &d.Max })
}

// duration is d in three figures and the unit that suits.
func duration(d time.Duration) string {
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

func bytesText(n float64) string {
	switch {
	case n >= 1<<20 || n <= -1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	case n >= 1<<14 || n <= -1<<14:
		return fmt.Sprintf("%.1f KiB", n/(1<<10))
	default:
		return fmt.Sprintf("%.0f B", n)
	}
}

// thousands groups digits.
func thousands[T int | uint64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

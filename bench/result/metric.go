package result

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
)

// Metric is a figure of a result with a name, for bounds, comparisons and tables.
type Metric struct {
	Name   string
	Unit   string // "s", "B", "/s", "cores", or "" for a count or a ratio
	Better int    // +1: more is better; -1: less is better; 0: neither
	Help   string
	of     func(*Result) (float64, bool)
}

// Value returns the metric of r, and false if the run did not measure it.
func (m Metric) Value(r *Result) (float64, bool) { return m.of(r) }

// Text returns a value of the metric with its unit.
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

// Metrics are all metrics. Times are in seconds, memory in bytes.
var Metrics = []Metric{
	latency("p50", func(l *Latency) *Distribution { return l.Each }, p50),
	latency("p90", func(l *Latency) *Distribution { return l.Each }, p90),
	latency("p99", func(l *Latency) *Distribution { return l.Each }, p99),
	latency("p99.9", func(l *Latency) *Distribution { return l.Each }, p999),
	latency("max", func(l *Latency) *Distribution { return l.Each }, maximum),
	latency("sent-p50", func(l *Latency) *Distribution { return l.Sent }, p50),
	latency("sent-p99", func(l *Latency) *Distribution { return l.Sent }, p99),
	latency("first-p50", func(l *Latency) *Distribution { return l.First }, p50),
	latency("first-p99", func(l *Latency) *Distribution { return l.First }, p99),
	latency("last-p50", func(l *Latency) *Distribution { return l.Last }, p50),
	latency("last-p99", func(l *Latency) *Distribution { return l.Last }, p99),
	latency("span-p50", func(l *Latency) *Distribution { return l.Span }, p50),
	latency("span-p99", func(l *Latency) *Distribution { return l.Span }, p99),
	latency("ping-p99", func(l *Latency) *Distribution { return l.Ping }, p99),
	storm("back-99", "until 99 % of the killed connections were back", func(s *Storm) (float64, bool) { return s.Back99.Seconds(), s.Back99 > 0 }),
	storm("back-100", "until all killed connections were back", func(s *Storm) (float64, bool) { return s.Back100.Seconds(), s.Back100 > 0 }),
	{Name: "ends/100ms", Better: -1, Help: "largest share of the connections of an ended node that closed within 100 ms", of: func(r *Result) (float64, bool) {
		if r.Storm == nil || r.Storm.Node == "" {
			return 0, false
		}
		return r.Storm.MostEnds, r.Storm.Killed > 0
	}},
	{Name: "connect-p50", Unit: "s", Better: -1, Help: "one connection: TCP and handshake", of: func(r *Result) (float64, bool) { return seconds(r.Connect.Time, p50) }},
	{Name: "connect-p99", Unit: "s", Better: -1, Help: "one connection: TCP and handshake", of: func(r *Result) (float64, bool) { return seconds(r.Connect.Time, p99) }},
	{Name: "tls-p50", Unit: "s", Better: -1, Help: "one handshake of TLS", of: func(r *Result) (float64, bool) { return seconds(r.Connect.TLS, p50) }},
	{Name: "tls-p99", Unit: "s", Better: -1, Help: "one handshake of TLS", of: func(r *Result) (float64, bool) { return seconds(r.Connect.TLS, p99) }},
	{Name: "connects/s", Unit: "/s", Better: +1, Help: "connections opened per second", of: func(r *Result) (float64, bool) { return r.Connect.PerS, r.Connect.PerS > 0 }},
	{Name: "failed", Better: -1, Help: "connections that did not open", of: func(r *Result) (float64, bool) { return float64(r.Plan.Connections - r.Connect.Opened), true }},
	{Name: "closed", Better: -1, Help: "connections that closed during the run", of: func(r *Result) (float64, bool) { return float64(r.Delivery.Closed), true }},
	{Name: "lost", Better: -1, Help: "missing deliveries", of: func(r *Result) (float64, bool) { return float64(r.Delivery.Lost), true }},
	{Name: "duplicated", Better: -1, Help: "deliveries received more than once", of: func(r *Result) (float64, bool) { return float64(r.Delivery.Duplicated), true }},
	{Name: "reordered", Better: -1, Help: "deliveries out of order", of: func(r *Result) (float64, bool) { return float64(r.Delivery.Reordered), true }},
	{Name: "corrupt", Better: -1, Help: "altered deliveries", of: func(r *Result) (float64, bool) { return float64(r.Delivery.Corrupt), true }},
	{Name: "sent/s", Unit: "/s", Help: "messages sent per second", of: func(r *Result) (float64, bool) { return r.Sent.Achieved, r.Sent.Achieved > 0 }},
	{Name: "deliveries/s", Unit: "/s", Better: +1, Help: "deliveries per second", of: func(r *Result) (float64, bool) { return r.Delivery.PerS, r.Delivery.PerS > 0 }},
	{Name: "lag-p99", Unit: "s", Help: "send delay of the client", of: func(r *Result) (float64, bool) { return seconds(r.Sent.Lag, p99) }},
	{Name: "cores", Unit: "cores", Better: -1, Help: "CPU of the server, in cores", of: func(r *Result) (float64, bool) { return r.Server.Cores, r.Target.PID != 0 }},
	{Name: "cpu/delivery", Unit: "s", Better: -1, Help: "CPU of the server per delivery", of: func(r *Result) (float64, bool) { return r.Server.PerDelivery / 1e9, r.Server.PerDelivery > 0 }},
	{Name: "cpu/upgrade", Unit: "s", Better: -1, Help: "CPU of the server per upgrade", of: func(r *Result) (float64, bool) { return r.Server.PerUpgrade / 1e9, r.Server.PerUpgrade > 0 }},
	{Name: "deliveries/cpu-s", Unit: "/s", Better: +1, Help: "deliveries per second of server CPU", of: func(r *Result) (float64, bool) {
		if r.Server.PerDelivery <= 0 {
			return 0, false
		}
		return 1e9 / r.Server.PerDelivery, true
	}},
	{Name: "floor/delivery", Better: -1, Help: "cpu/delivery as a multiple of the kernel's floor", of: func(r *Result) (float64, bool) {
		return floor(r, func(f *Floor) float64 { return f.DeliveryRatio })
	}},
	{Name: "floor/upgrade", Better: -1, Help: "cpu/upgrade as a multiple of the kernel's floor", of: func(r *Result) (float64, bool) { return floor(r, func(f *Floor) float64 { return f.UpgradeRatio }) }},
	{Name: "payload/text", Better: -1, Help: "payload of the received messages as a share of their text (--compress)", of: func(r *Result) (float64, bool) {
		if r.Compression == nil {
			return 0, false
		}
		return r.Compression.Ratio(), r.Compression.Text > 0
	}},
	{Name: "rss", Unit: "B", Better: -1, Help: "resident memory of the server at the end", of: func(r *Result) (float64, bool) { return float64(r.Server.RSSAfter), r.Server.RSSAfter > 0 }},
	{Name: "pss/conn", Unit: "B", Better: -1, Help: "memory of the server per connection (PSS)", of: func(r *Result) (float64, bool) {
		m := r.MemoryPerConn()
		return m.Value, m.Known
	}},
	{Name: "client-cores", Unit: "cores", Help: "CPU of the client, in cores", of: func(r *Result) (float64, bool) { return r.Client.Cores, r.Client.Cores > 0 }},
}

// MetricNamed returns the metric with a name, or an error that suggests the nearest name.
func MetricNamed(name string) (Metric, error) {
	var names []string
	nearest, least := "", math.MaxInt
	for _, m := range Metrics {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
		if d := levenshtein.ComputeDistance(name, m.Name); d < least {
			nearest, least = m.Name, d
		}
	}
	return Metric{}, fmt.Errorf("unknown metric %s: did you mean %s? The metrics are %s", name, nearest, strings.Join(names, ", "))
}

func latency(name string, of func(*Latency) *Distribution, at func(*Distribution) *time.Duration) Metric {
	return Metric{Name: name, Unit: "s", Better: -1, Help: "latency", of: func(r *Result) (float64, bool) { return seconds(of(&r.Latency), at) }}
}

func storm(name, help string, of func(*Storm) (float64, bool)) Metric {
	return Metric{Name: name, Unit: "s", Better: -1, Help: help, of: func(r *Result) (float64, bool) {
		if r.Storm == nil {
			return 0, false
		}
		return of(r.Storm)
	}}
}

func seconds(d *Distribution, at func(*Distribution) *time.Duration) (float64, bool) {
	if d == nil {
		return 0, false
	}
	v := at(d)
	if v == nil {
		return 0, false
	}
	return v.Seconds(), true
}

func floor(r *Result, of func(*Floor) float64) (float64, bool) {
	if r.Floor == nil {
		return 0, false
	}
	return of(r.Floor), of(r.Floor) > 0
}

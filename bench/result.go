package bench

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Result is what a run found. Durations are in nanoseconds, memory in bytes, rates in units a second.
type Result struct {
	Schema      string   `json:"schema"` // "bench/1"
	OK          bool     `json:"ok"`     // every delivery proved, every connection opened and held
	Interrupted bool     `json:"interrupted"`
	ClientLimit []string `json:"client_limit"` // why the figures may be the client's, not the server's
	Notes       []string `json:"notes"`

	Target   string        `json:"target"`
	Plan     Plan          `json:"plan"`
	Connect  Connect       `json:"connect"`
	Sent     Sent          `json:"sent"`
	Latency  *Distribution `json:"latency"` // of each delivery, from the intended moment of its message; nil for none
	SendLag  *Distribution `json:"send_lag"`
	Delivery Delivery      `json:"delivery"`
	Server   Server        `json:"server"`
	Client   Client        `json:"client"`
}

// Plan is what was to be done.
type Plan struct {
	Connections int           `json:"connections"`
	Rate        int           `json:"rate"`
	Size        int           `json:"size"`
	Publishers  int           `json:"publishers"`
	Duration    time.Duration `json:"duration_ns"`
	Warmup      time.Duration `json:"warmup_ns"`
	Pollers     int           `json:"pollers"`
	Sources     int           `json:"sources"` // addresses dialled from
}

// Connect is how the connections opened.
type Connect struct {
	Opened int            `json:"opened"`
	Took   time.Duration  `json:"took_ns"`
	PerS   float64        `json:"per_s"`
	Time   *Distribution  `json:"time"`   // of one: TCP and handshake
	Failed map[string]int `json:"failed"` // by why
}

// Sent is what became of the schedule. Offered and achieved are of the measured part.
type Sent struct {
	Messages   uint64  `json:"messages"` // the warm-up's too
	Offered    float64 `json:"offered_per_s"`
	Achieved   float64 `json:"achieved_per_s"`
	Unsendable uint64  `json:"unsendable"` // their publisher's connection was gone
	Died       uint64  `json:"died"`       // sent, but reached nobody before their publisher's connection ended
}

// Delivery is the proof.
type Delivery struct {
	Expected uint64         `json:"expected"` // to the connections that held until the end
	Got      uint64         `json:"got"`      // by all, duplicates too
	PerS     float64        `json:"per_s"`    // while it was measured
	Foreign  uint64         `json:"foreign"`  // messages that were not ours
	Pings    uint64         `json:"pings"`
	Closed   int            `json:"closed"`    // connections that did not hold until the end
	Closes   map[string]int `json:"closes"`    // those, by why
	BadFrame uint64         `json:"bad_frame"` // of those, closed by us for breaking RFC 6455
	Faults
	Samples []Fault `json:"samples"` // the first of them
}

// Server is what the server's process used. All but PID is 0 where it could not be observed.
type Server struct {
	PID          int           `json:"pid"`
	Command      string        `json:"command"`
	ConnectCPU   time.Duration `json:"connect_cpu_ns"` // while the connections opened
	CPU          time.Duration `json:"cpu_ns"`         // while it was measured
	Cores        float64       `json:"cores"`
	PerDelivery  float64       `json:"cpu_ns_per_delivery"`
	RSSBefore    int64         `json:"rss_before"`
	RSSConnected int64         `json:"rss_connected"`
	RSSAfter     int64         `json:"rss_after"`
	PSSBefore    int64         `json:"pss_before"`
	PSSConnected int64         `json:"pss_connected"`
	PSSAfter     int64         `json:"pss_after"`
	PerConn      float64       `json:"pss_per_connection"` // grown by connecting
}

// Client is what the bench itself used.
type Client struct {
	CPU         time.Duration `json:"cpu_ns"` // while it was measured
	Cores       float64       `json:"cores"`
	Of          int           `json:"of_cores"`
	PerDelivery float64       `json:"cpu_ns_per_delivery"`
	Reads       uint64        `json:"reads"` // while it was measured
}

// Distribution is a histogram in figures. One that fewer than ten values lie beyond is no measurement, and nil.
type Distribution struct {
	Count uint64         `json:"count"`
	P50   *time.Duration `json:"p50_ns"`
	P90   *time.Duration `json:"p90_ns"`
	P99   *time.Duration `json:"p99_ns"`
	P999  *time.Duration `json:"p999_ns"`
	Max   time.Duration  `json:"max_ns"`
	HDR   string         `json:"hdr"` // HdrHistogram V2, compressed, base64; nanoseconds
}

func distribution(h *histogram) (*Distribution, error) {
	if h.total == 0 {
		return nil, nil
	}
	text, err := h.encode()
	if err != nil {
		return nil, err
	}
	at := func(q float64) *time.Duration {
		const beyond = 10
		if (1-q)*float64(h.total) < beyond {
			return nil
		}
		v := time.Duration(h.quantile(q))
		return &v
	}
	return &Distribution{
		Count: h.total, P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: time.Duration(h.max), HDR: text,
	}, nil
}

func newResult(cfg Config, t *target, pollers int) *Result {
	return &Result{
		Schema:      "bench/1",
		ClientLimit: []string{},
		Notes:       []string{},
		Target:      t.url.String(),
		Plan: Plan{
			Connections: cfg.Connections, Rate: cfg.Rate, Size: cfg.Size,
			Duration: cfg.Duration, Warmup: cfg.Warmup, Pollers: pollers, Sources: 1,
		},
		Delivery: Delivery{Samples: []Fault{}, Closes: map[string]int{}},
		Client:   Client{Of: runtime.NumCPU()},
	}
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Proved says whether every message reached every connection once, whole and in order, and no connection was lost.
func (r *Result) Proved() bool {
	return !r.Delivery.Any() && r.Delivery.Closed == 0 && r.Sent.Unsendable == 0
}

// connected takes the dialer's findings.
func (r *Result) connected(d *dialer, took int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &r.Connect
	c.Opened, c.Took, c.Failed = int(d.times.total), time.Duration(took), d.failed
	if took > 0 {
		c.PerS = float64(c.Opened) / c.Took.Seconds()
	}
	var err error
	if c.Time, err = distribution(&d.times); err != nil {
		r.note("connect times: %v", err)
	}
	r.Plan.Sources = max(1, len(d.sources))
}

// reasons lists why connections failed, the most frequent first.
func (c *Connect) reasons() string { return countsText(c.Failed) }

// countsText lists the keys with their counts, the most frequent first.
func countsText(counts map[string]int) string {
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
		keys[i] = fmt.Sprintf("%s %s", thousands(counts[why]), why)
	}
	return strings.Join(keys, "; ")
}

// used takes what the two processes used. The first three are with memory, from and to around the measured part.
func (r *Result) used(before, connected, after, from, to usage, start, end tally, own time.Duration, opened int) {
	s, c := &r.Server, &r.Client
	took := time.Duration(to.at - from.at)
	deliveries := float64(end.deliveries - start.deliveries)
	c.CPU, c.Reads = own, end.reads-start.reads
	if took > 0 {
		r.Delivery.PerS = deliveries / took.Seconds()
		c.Cores = own.Seconds() / took.Seconds()
	}
	if deliveries > 0 {
		c.PerDelivery = float64(own) / deliveries
	}
	if s.PID == 0 {
		return
	}
	s.ConnectCPU = connected.cpu - before.cpu
	s.CPU = to.cpu - from.cpu
	if took > 0 {
		s.Cores = s.CPU.Seconds() / took.Seconds()
	}
	if deliveries > 0 {
		s.PerDelivery = float64(s.CPU) / deliveries
	}
	s.RSSBefore, s.RSSConnected, s.RSSAfter = before.rss, connected.rss, after.rss
	s.PSSBefore, s.PSSConnected, s.PSSAfter = before.pss, connected.pss, after.pss
	grown := connected
	if r.Plan.Rate == 0 {
		grown = after // what a server settles at, when nothing but connections is left
	}
	if before.pss > 0 && opened > 0 {
		s.PerConn = float64(grown.pss-before.pss) / float64(opened)
	}
}

func (r *Result) counted(t tally, closes map[string]int) {
	d := &r.Delivery
	d.Got, d.Foreign, d.Pings, d.Closed, d.Closes, d.BadFrame = t.deliveries, t.foreign, t.pings, t.closed, closes, t.badFrames
}

func (r *Result) proved(f Faults, expected uint64, samples []Fault) {
	r.Delivery.Faults, r.Delivery.Expected = f, expected
	r.Delivery.Samples = append(r.Delivery.Samples, samples...)
}

func (r *Result) loaded(s sent, lag, latency *histogram) (err error) {
	r.Sent.Messages, r.Sent.Unsendable = s.messages, s.unsendable
	r.Sent.Offered = float64(r.Plan.Rate)
	r.Sent.Achieved = float64(s.inTime) / r.Plan.Duration.Seconds()
	if r.Interrupted {
		// The plan was cut short by the user: only what was due can have been sent.
		r.Sent.Achieved = 0
		if lag.total > 0 {
			r.Sent.Achieved = r.Sent.Offered * float64(s.inTime) / float64(lag.total)
		}
	}
	if r.SendLag, err = distribution(lag); err != nil {
		return err
	}
	r.Latency, err = distribution(latency)
	return err
}

// judge says whether the client was the limit, and whether all is well.
func (r *Result) judge() {
	limit := func(format string, args ...any) { r.ClientLimit = append(r.ClientLimit, fmt.Sprintf(format, args...)) }
	if r.Plan.Rate > 0 {
		if lag := r.SendLag; lag != nil && lag.P99 != nil {
			most := time.Millisecond
			if r.Latency != nil && r.Latency.P50 != nil {
				most = max(most, *r.Latency.P50/10)
			}
			if *lag.P99 > most {
				limit("send lag p99 is %s, over %s", duration(*lag.P99), duration(most))
			}
		}
		if r.Sent.Achieved < 0.99*r.Sent.Offered && r.Sent.Unsendable == 0 {
			limit("%.1f %% of the rate was reached", 100*r.Sent.Achieved/r.Sent.Offered)
		}
	}
	if r.Client.Cores >= 0.95*float64(r.Client.Of) {
		limit("it used %.2f of %d cores", r.Client.Cores, r.Client.Of)
	}
	r.OK = r.Proved() && r.Connect.Opened == r.Plan.Connections && !r.Interrupted
}

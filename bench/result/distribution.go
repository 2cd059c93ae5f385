package result

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
)

// Distribution is the summary of a histogram. A percentile with fewer than ten values beyond it is nil.
type Distribution struct {
	Count uint64         `json:"count"`
	P50   *time.Duration `json:"p50_ns"`
	P90   *time.Duration `json:"p90_ns"`
	P99   *time.Duration `json:"p99_ns"`
	P999  *time.Duration `json:"p999_ns"`
	Max   time.Duration  `json:"max_ns"`
	HDR   string         `json:"hdr"` // HdrHistogram V2, compressed, base64; nanoseconds
}

// Distribute returns the distribution of h, or nil if h is empty.
func Distribute(h *histogram.Histogram) (*Distribution, error) {
	if h.Total() == 0 {
		return nil, nil
	}
	text, err := h.Encode()
	if err != nil {
		return nil, err
	}
	at := func(q float64) *time.Duration {
		const beyond = 10
		if (1-q)*float64(h.Total()) < beyond {
			return nil
		}
		v := time.Duration(h.Quantile(q))
		return &v
	}
	return &Distribution{
		Count: h.Total(), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: time.Duration(h.Max()), HDR: text,
	}, nil
}

// Highest returns the highest measured percentile up to the 99th, and its name. For fewer than twenty values it returns the maximum. d may
// be nil.
func (d *Distribution) Highest() (time.Duration, string) {
	switch {
	case d == nil:
		return 0, ""
	case d.P99 != nil:
		return *d.P99, "p99"
	case d.P90 != nil:
		return *d.P90, "p90"
	case d.P50 != nil:
		return *d.P50, "p50"
	default:
		return d.Max, "max"
	}
}

// Figures returns p50, p90, p99, p99.9 and the maximum as texts; Unmeasured for a missing one. d may be nil, also in the methods below.
func (d *Distribution) Figures() []string {
	return []string{d.p50(), d.p90(), d.p99(), d.p999(), d.maximum()}
}

// columns returns the figures, aligned.
func (d *Distribution) columns() string {
	text := ""
	for _, figure := range d.Figures() {
		text += fmt.Sprintf(" %10s", figure)
	}
	return text[1:]
}

// brief returns the median, p99 and the maximum.
func (d *Distribution) brief() string {
	return fmt.Sprintf("p50 %s  p99 %s  max %s", d.p50(), d.p99(), d.maximum())
}

func (d *Distribution) text(get func(*Distribution) *time.Duration) string {
	if d != nil {
		if v := get(d); v != nil {
			return Duration(*v)
		}
	}
	return Unmeasured
}

func (d *Distribution) p50() string     { return d.text(p50) }
func (d *Distribution) p90() string     { return d.text(p90) }
func (d *Distribution) p99() string     { return d.text(p99) }
func (d *Distribution) p999() string    { return d.text(p999) }
func (d *Distribution) maximum() string { return d.text(maximum) }

func p50(d *Distribution) *time.Duration { return d.P50 }

func p90(d *Distribution) *time.Duration { return d.P90 }

func p99(d *Distribution) *time.Duration { return d.P99 }

func p999(d *Distribution) *time.Duration { return d.P999 }

func maximum(d *Distribution) *time.Duration { return &d.Max }

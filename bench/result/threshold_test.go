package result

import (
	"strings"
	"testing"
	"time"
)

func TestThresholds(t *testing.T) {
	p99 := 40 * time.Millisecond
	r := &Result{Latency: Latency{Each: &Distribution{P99: &p99, Max: time.Second}}, Delivery: Delivery{PerS: 2e6, Faults: Faults{Lost: 3}},
		Server: Server{PSSBefore: 1, PerConn: 800}}
	for expr, want := range map[string]bool{
		"p99<50ms": true, "p99 < 40ms": false, "p99<=40ms": true, "p99>=0.04s": true, "max>1s": false, "max==1s": true,
		"lost==0": false, "lost!=0": true, "lost<4": true, "deliveries/s>=2M": true, "deliveries/s>2000k": false,
		"pss/conn<1KiB": true, "pss/conn<0.7KB": false, "p50<1s": false, // not measured
	} {
		b, err := ParseBound(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := b.Check(r); got.OK != want {
			t.Errorf("%s: got %v, want %v", expr, got.OK, want)
		}
	}
}

func TestBadThresholdsAreExplained(t *testing.T) {
	for expr, want := range map[string]string{
		"":                "must be a metric",
		"p99":             "must be a metric",
		"p99<50":          "p99 needs a unit: ns, us, ms or s",
		"p99<50MB":        "p99 needs a unit:",
		"rss<5":           "rss needs a unit: B",
		"lost<5ms":        "lost has no unit",
		"p9<50ms":         "did you mean p90?",
		"delivereis/s>1":  "did you mean deliveries/s?",
		"p99<1.2.3ms":     "is not a number",
		"p99<1e999ms":     "is not a number",
		"p99<50ms and so": "must be a metric",
	} {
		if _, err := ParseBound(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", expr, err, want)
		}
	}
}

func FuzzParseBound(f *testing.F) {
	for _, expr := range []string{"p99<50ms", "lost==0", "deliveries/s>=1M", "p99<", "<1", "p99<1e308s"} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		b, err := ParseBound(expr)
		if err != nil {
			return
		}
		if got := b.Check(&Result{}); got.Value == nil && got.OK {
			t.Errorf("%q holds for an empty result", expr)
		}
		if _, err := ParseBound(b.expr); err != nil {
			t.Errorf("%q cannot be parsed again: %v", b.expr, err)
		}
	})
}

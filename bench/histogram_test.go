package bench

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestHistogramAgreesWithHDR(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ours := &histogram{}
	theirs := hdrhistogram.New(1, histogramTop, 4)
	for range 200_000 {
		v := int64(math.Exp(random.NormFloat64()*2 + 14))
		ours.record(v)
		if err := theirs.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999} {
		got, want := ours.quantile(q), theirs.ValueAtQuantile(q*100)
		if off := math.Abs(float64(got-want)) / float64(want); off > 0.008 {
			t.Errorf("quantile %v: got %d, want %d, off by %.2f %%", q, got, want, 100*off)
		}
	}
	if got, want := ours.quantile(1), theirs.Max(); math.Abs(float64(got-want)) > 0.008*float64(want) {
		t.Errorf("maximum: got %d, want %d", got, want)
	}
}

func TestHistogramStepsAreFine(t *testing.T) {
	for v := int64(0); v < histogramTop; v += 1 + v/1000 {
		var h histogram
		h.record(v)
		h.max = histogramTop // do not let the maximum correct it
		if got := h.quantile(0.5); math.Abs(float64(got-v)) > 0.004*float64(v)+0.5 {
			t.Fatalf("%d is counted as %d", v, got)
		}
	}
}

func TestHistogramTakesWhatIsOutOfRange(t *testing.T) {
	var h histogram
	h.record(-5)
	h.record(math.MaxInt64)
	if h.total != 2 || h.max != histogramTop || h.quantile(0.25) != 0 {
		t.Errorf("got total %d, max %d, lowest %d", h.total, h.max, h.quantile(0.25))
	}
}

func TestHistogramMinusIsWhatCameSince(t *testing.T) {
	var h histogram
	h.record(100)
	before := h
	h.record(5000)
	if since := h.minus(&before); since.total != 1 || since.counts != func() (c [histogramLen]uint64) {
		var only histogram
		only.record(5000)
		return only.counts
	}() {
		t.Errorf("got %d values", since.total)
	}
}

func TestEncodedHistogramIsReadByHDR(t *testing.T) {
	var h histogram
	for i := range 10_000 {
		h.record(int64(i) * 1000)
	}
	text, err := h.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		t.Fatalf("not base64: %v", err)
	}
	back, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if back.TotalCount() != 10_000 {
		t.Errorf("got %d values, want 10000", back.TotalCount())
	}
	if got := back.ValueAtQuantile(50); math.Abs(float64(got)-5e6) > 5e4 {
		t.Errorf("median: got %d, want about 5000000", got)
	}
}

func TestPercentileNeedsTenValuesBeyond(t *testing.T) {
	var h histogram
	for range 1000 {
		h.record(1)
	}
	d, err := distribution(&h)
	if err != nil {
		t.Fatal(err)
	}
	if d.P99 == nil || d.P999 != nil {
		t.Errorf("of 1000 values: got p99 %v, p99.9 %v, want the first only", d.P99, d.P999)
	}
}

func BenchmarkHistogramRecord(b *testing.B) {
	var h histogram
	values := make([]int64, 4096)
	for i := range values {
		values[i] = int64(math.Exp(rand.NormFloat64() + 14))
	}
	for i := range b.N {
		h.record(values[i&4095])
	}
}

package histogram

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestHistogramAgreesWithHDR(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ours := &Histogram{}
	theirs := hdrhistogram.New(1, top, 4)
	for range 200_000 {
		v := int64(math.Exp(random.NormFloat64()*2 + 14))
		ours.Record(v)
		if err := theirs.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999} {
		got, want := ours.Quantile(q), theirs.ValueAtQuantile(q*100)
		if off := math.Abs(float64(got-want)) / float64(want); off > 0.008 {
			t.Errorf("quantile %v: got %d, want %d, off by %.2f %%", q, got, want, 100*off)
		}
	}
	if got, want := ours.Quantile(1), theirs.Max(); math.Abs(float64(got-want)) > 0.008*float64(want) {
		t.Errorf("maximum: got %d, want %d", got, want)
	}
}

func TestHistogramStepsAreFine(t *testing.T) {
	for v := int64(0); v < top; v += 1 + v/1000 {
		var h Histogram
		h.Record(v)
		h.max = top // so that the maximum does not limit the quantile
		if got := h.Quantile(0.5); math.Abs(float64(got-v)) > 0.004*float64(v)+0.5 {
			t.Fatalf("%d is counted as %d", v, got)
		}
	}
}

func TestHistogramLimitsValuesOutOfRange(t *testing.T) {
	var h Histogram
	h.Record(-5)
	h.Record(math.MaxInt64)
	if h.total != 2 || h.max != top || h.Quantile(0.25) != 0 {
		t.Errorf("got total %d, max %d, lowest %d", h.total, h.max, h.Quantile(0.25))
	}
}

func TestHistogramMinusIsTheDifference(t *testing.T) {
	var h Histogram
	h.Record(100)
	before := h
	h.Record(5000)
	if since := h.Minus(&before); since.total != 1 || since.counts != func() (c [length]uint64) {
		var only Histogram
		only.Record(5000)
		return only.counts
	}() {
		t.Errorf("got %d values", since.total)
	}
}

func TestEncodedHistogramIsReadByHDR(t *testing.T) {
	var h Histogram
	for i := range 10_000 {
		h.Record(int64(i) * 1000)
	}
	text, err := h.Encode()
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

func TestAgentsMergedAreOneAgent(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	one, merged := &Histogram{}, &Histogram{}
	parts := make([]Histogram, 3)
	for i := range 100_000 {
		v := int64(math.Exp(random.NormFloat64()*2 + 14))
		one.Record(v)
		parts[i%3].Record(v)
	}
	for i := range parts {
		text, err := json.Marshal(&parts[i])
		if err != nil {
			t.Fatal(err)
		}
		var back Histogram
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		merged.Merge(&back)
	}
	if *merged != *one {
		t.Error("three histograms, sent and merged, differ from one that recorded all values")
	}
}

func TestBrokenHistogramIsRejected(t *testing.T) {
	for _, text := range []string{`{"n":[1]}`, `{"n":[99999999,1]}`, `{"max":-1}`, `[]`, `{"n":[-1,1]}`} {
		if err := json.Unmarshal([]byte(text), &Histogram{}); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

func BenchmarkHistogramRecord(b *testing.B) {
	var h Histogram
	values := make([]int64, 4096)
	for i := range values {
		values[i] = int64(math.Exp(rand.NormFloat64() + 14))
	}
	for i := range b.N {
		h.Record(values[i&4095])
	}
}

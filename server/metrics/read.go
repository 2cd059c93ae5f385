package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Value returns the value of a counter of whole numbers.
func Value(c prometheus.Counter) uint64 { return uint64(read(c).GetCounter().GetValue()) }

// Counts returns the bounds of the buckets of a histogram, and the number of values in each. The last count is that of the values above all
// bounds.
func Counts(h prometheus.Histogram) (bounds []float64, counts []uint64) {
	all := read(h).GetHistogram()
	below := uint64(0)
	for _, b := range all.GetBucket() {
		bounds = append(bounds, b.GetUpperBound())
		counts = append(counts, b.GetCumulativeCount()-below)
		below = b.GetCumulativeCount()
	}
	return bounds, append(counts, all.GetSampleCount()-below)
}

func read(m prometheus.Metric) *dto.Metric {
	var to dto.Metric
	if err := m.Write(&to); err != nil {
		panic(fmt.Sprintf("metrics: %v of %v", err, m.Desc())) // only labels that are not UTF-8 cause one
	}
	return &to
}

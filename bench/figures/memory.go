package main

import (
	"fmt"
	"slices"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// mostSpread is the largest distance of a round's memory per connection from the median of the rounds, as a share of the median, with which
// the median is shown.
const mostSpread = 0.25

// memoryOf returns the text of a column: the median of the memory per connection, in bytes, over the rounds. A slope with an error above the
// limit of result.MemoryPerConn counts as well: its error is random from process to process, so the text is a dash only if a round is too
// far from the median. A growth with such an error does not count: each process hides the same memory.
func memoryOf[R any](run func(R) *result.Result) func([]R) string {
	return func(rounds []R) string {
		var values []float64
		for _, r := range rounds {
			at := run(r)
			if at == nil {
				continue
			}
			if m := at.MemoryPerConn(); m.Known || m.Levels > 0 && m.Value > 0 {
				values = append(values, m.Value)
			}
		}
		if len(values) == 0 {
			return "–"
		}
		median := stats.Median(values)
		if slices.Min(values) < (1-mostSpread)*median || slices.Max(values) > (1+mostSpread)*median {
			return "–"
		}
		return fmt.Sprintf("%.0f", median)
	}
}

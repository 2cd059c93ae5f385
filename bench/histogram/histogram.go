// Package histogram counts durations. Recording is cheap enough for the hot path of a load test, and agents can send histograms and add
// them up.
package histogram

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts durations in nanoseconds, in 128 steps per octave, with an error of at most 0.8 %. Recording is an index and an
// increment, a third of the cost of hdrhistogram-go. It is not safe for concurrent use. The zero value is empty.
type Histogram struct {
	counts [length]uint64
	total  uint64
	max    int64
}

const (
	stepBits = 7
	top      = 1<<42 - 1 // 73 minutes; longer durations count as this
	length   = (42 - stepBits + 1) << stepBits
)

// Record counts one duration.
func (h *Histogram) Record(ns int64) {
	// Two cores that read the clock at the same moment may give a negative duration.
	v := uint64(min(max(ns, 0), top))
	shift := max(bits.Len64(v), stepBits+1) - stepBits - 1
	h.counts[uint64(shift)<<stepBits+v>>shift]++
	h.total++
	h.max = max(h.max, int64(v))
}

// middle returns the value that represents bucket i.
func middle(i int) int64 {
	shift := max(i>>stepBits-1, 0)
	low := int64(i-shift<<stepBits) << shift
	return low + int64(1)<<shift>>1
}

// Total returns the number of recorded durations.
func (h *Histogram) Total() uint64 { return h.total }

// Max returns the exact longest duration, or 0 if h is empty.
func (h *Histogram) Max() int64 { return h.max }

// Merge adds the durations of from.
func (h *Histogram) Merge(from *Histogram) {
	for i, n := range from.counts {
		h.counts[i] += n
	}
	h.total += from.total
	h.max = max(h.max, from.max)
}

// Minus returns the durations recorded since before, an earlier copy of h. Its maximum has the precision of a step.
func (h *Histogram) Minus(before *Histogram) *Histogram {
	since := &Histogram{total: h.total - before.total}
	for i, n := range h.counts {
		if since.counts[i] = n - before.counts[i]; since.counts[i] > 0 {
			since.max = min(middle(i), h.max)
		}
	}
	if h.max > before.max {
		since.max = h.max
	}
	return since
}

// Quantile returns the smallest recorded value that is not exceeded by a share q of all values, or 0 if h is empty.
func (h *Histogram) Quantile(q float64) int64 {
	if h.total == 0 {
		return 0
	}
	rank := min(max(uint64(q*float64(h.total)+0.5), 1), h.total)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(middle(i), h.max)
		}
	}
	return h.max
}

// HDR returns h as an HdrHistogram.
func (h *Histogram) HDR() (*hdrhistogram.Histogram, error) {
	out := hdrhistogram.New(1, top, 3)
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		if err := out.RecordValues(middle(i), int64(n)); err != nil {
			return nil, fmt.Errorf("histogram: %w", err)
		}
	}
	return out, nil
}

// Encode returns h as HdrHistogram V2, compressed, in base64.
func (h *Histogram) Encode() (string, error) {
	out, err := h.HDR()
	if err != nil {
		return "", err
	}
	text, err := out.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return "", fmt.Errorf("histogram: %w", err)
	}
	return string(text), nil
}

// sparse is the JSON form of a histogram: the steps that are not empty, and the longest value.
type sparse struct {
	Counts []uint64 `json:"n,omitempty"` // step, count, step, count, and so on
	Max    int64    `json:"max,omitempty"`
}

// MarshalJSON writes the steps that are not empty. It loses no precision.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	s := sparse{Max: h.max}
	for i, n := range h.counts {
		if n > 0 {
			s.Counts = append(s.Counts, uint64(i), n)
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads the form of MarshalJSON and rejects any other.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var s sparse
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if len(s.Counts)%2 != 0 || s.Max < 0 || s.Max > top {
		return errors.New("histogram: not in pairs, or out of range")
	}
	*h = Histogram{max: s.Max}
	for i := 0; i < len(s.Counts); i += 2 {
		if s.Counts[i] >= length {
			return fmt.Errorf("histogram: step %d of %d", s.Counts[i], length)
		}
		h.counts[s.Counts[i]] += s.Counts[i+1]
		h.total += s.Counts[i+1]
	}
	return nil
}

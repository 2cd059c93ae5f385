package bench

import (
	"fmt"
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// histogram counts durations in nanoseconds in 128 steps an octave: no value is off by more than 0.8 %. Recording is an
// index and an increment; hdrhistogram-go's own costs three times that. It is not safe for concurrent use.
type histogram struct {
	counts [histogramLen]uint64
	total  uint64
	max    int64
}

const (
	stepBits     = 7
	histogramTop = 1<<42 - 1 // 73 minutes; what is longer counts as this
	histogramLen = (42 - stepBits + 1) << stepBits
)

func (h *histogram) record(ns int64) {
	// A clock that two cores read at one moment may seem to run backwards.
	v := uint64(min(max(ns, 0), histogramTop))
	shift := max(bits.Len64(v), stepBits+1) - stepBits - 1
	h.counts[uint64(shift)<<stepBits+v>>shift]++
	h.total++
	h.max = max(h.max, int64(v))
}

// middle is the value that stands for all of a bucket.
func middle(i int) int64 {
	shift := max(i>>stepBits-1, 0)
	low := int64(i-shift<<stepBits) << shift
	return low + int64(1)<<shift>>1
}

func (h *histogram) merge(from *histogram) {
	for i, n := range from.counts {
		h.counts[i] += n
	}
	h.total += from.total
	h.max = max(h.max, from.max)
}

// minus is what was recorded since h was as it is in before.
func (h *histogram) minus(before *histogram) *histogram {
	since := &histogram{total: h.total - before.total, max: h.max}
	for i, n := range h.counts {
		since.counts[i] = n - before.counts[i]
	}
	return since
}

// quantile is the smallest recorded value that a share q of all values does not exceed, and 0 where there are none.
func (h *histogram) quantile(q float64) int64 {
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

// hdr is h in the form that other tools read.
func (h *histogram) hdr() (*hdrhistogram.Histogram, error) {
	out := hdrhistogram.New(1, histogramTop, 3)
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

// encode is h as HdrHistogram V2, compressed, in base64.
func (h *histogram) encode() (string, error) {
	out, err := h.hdr()
	if err != nil {
		return "", err
	}
	text, err := out.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return "", fmt.Errorf("histogram: %w", err)
	}
	return string(text), nil
}

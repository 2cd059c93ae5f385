// Package histogram counts durations: cheaply enough for a load test's hot path, and in a form that agents can send and
// add up.
package histogram

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts durations in nanoseconds in 128 steps an octave: no value is off by more than 0.8 %. Recording is an
// index and an increment; hdrhistogram-go's own costs three times that. It is not safe for concurrent use. The zero value
// is empty.
type Histogram struct {
	counts [length]uint64
	total  uint64
	max    int64
}

const (
	stepBits = 7
	top      = 1<<42 - 1 // 73 minutes; what is longer counts as this
	length   = (42 - stepBits + 1) << stepBits
)

// Record counts one duration.
func (h *Histogram) Record(ns int64) {
	// A clock that two cores read at one moment may seem to run backwards.
	v := uint64(min(max(ns, 0), top))
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

// Total is how many were recorded.
func (h *Histogram) Total() uint64 { return h.total }

// Max is the longest, exactly; 0 where there is none.
func (h *Histogram) Max() int64 { return h.max }

// Merge adds what from has recorded.
func (h *Histogram) Merge(from *Histogram) {
	for i, n := range from.counts {
		h.counts[i] += n
	}
	h.total += from.total
	h.max = max(h.max, from.max)
}

// Minus is what was recorded since h was as it is in before. Its maximum is as fine as the steps are.
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

// Quantile is the smallest recorded value that a share q of all values does not exceed, and 0 where there are none.
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

// HDR is h in the form that other tools read.
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

// Encode is h as HdrHistogram V2, compressed, in base64.
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

// sparse is how a histogram travels: the steps that hold something, and the longest value.
type sparse struct {
	Counts []uint64 `json:"n,omitempty"` // step, count, step, count ...
	Max    int64    `json:"max,omitempty"`
}

// MarshalJSON writes the steps that hold something. No step is lost: what is merged from it is what was recorded.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	s := sparse{Max: h.max}
	for i, n := range h.counts {
		if n > 0 {
			s.Counts = append(s.Counts, uint64(i), n)
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses what it could not have written.
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

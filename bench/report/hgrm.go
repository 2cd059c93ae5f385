package report

import (
	"errors"
	"fmt"
	"io"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/throng-chat/throng/bench/result"
)

// HGRM writes the percentiles of the latency from the scheduled time, in milliseconds, in the format of HdrHistogram's plotter. It returns
// an error if the result has no latency.
func HGRM(w io.Writer, r *result.Result) error {
	h, err := decode(r.Latency.Each)
	if err != nil {
		return err
	}
	if h == nil {
		return errors.New("the result has no latency: no message was delivered in the measured time")
	}
	const ticks = 5 // rows per half of the remaining distance to 100 %
	_, err = h.PercentilesPrint(w, ticks, 1e6)
	return err
}

// decode returns the histogram of d in nanoseconds, or nil if d is nil.
func decode(d *result.Distribution) (*hdrhistogram.Histogram, error) {
	if d == nil || d.HDR == "" {
		return nil, nil
	}
	h, err := hdrhistogram.Decode([]byte(d.HDR))
	if err != nil {
		return nil, fmt.Errorf("read the histogram of the result: %w", err)
	}
	return h, nil
}

package report

import (
	"errors"
	"fmt"
	"io"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/throng-chat/throng/bench/result"
)

// HGRM writes the percentiles of the latency, from the intended moment of sending, in the form that the plotter of HdrHistogram
// reads; in milliseconds. It refuses a result without latency.
func HGRM(w io.Writer, r *result.Result) error {
	h, err := decode(r.Latency.Each)
	if err != nil {
		return err
	}
	if h == nil {
		return errors.New("the result has no latency: no message was delivered in the measured time")
	}
	const ticks = 5 // rows until half of what is left lies behind
	_, err = h.PercentilesPrint(w, ticks, 1e6)
	return err
}

// decode is the histogram of d, in nanoseconds; nil where there is none.
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

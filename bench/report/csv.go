package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// CSV writes the time series, and what was seen of the server in the same second (RFC 4180). The names have their units. What was
// not measured is empty.
func CSV(w io.Writer, r *result.Result) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{
		"t_s", "measured", "connections", "sent_per_s", "deliveries_per_s", "p50_ns", "p99_ns", "max_ns", "send_lag_p99_ns",
		"server_cores", "client_cores", "server_rss_bytes", "server_pss_bytes", "server_files", "server_voluntary_switches",
		"server_involuntary_switches", "throttled_s", "tcp_memory_bytes", "retransmits", "listen_overflows", "listen_drops", "machine_cores",
	}); err != nil {
		return err
	}
	seen := map[float64]*observe.Row{}
	for i := range r.Observed {
		seen[r.Observed[i].T] = &r.Observed[i]
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	some := func(v int64) string {
		if v == 0 {
			return ""
		}
		return strconv.FormatInt(v, 10)
	}
	for _, s := range r.Series {
		row := []string{
			number(s.T), strconv.FormatBool(s.Measured), strconv.Itoa(s.Connections), number(s.Sent), number(s.Deliveries),
			some(s.P50), some(s.P99), some(s.Max), some(s.LagP99), number(s.ServerCores), number(s.ClientCores),
		}
		if o := seen[s.T]; o != nil {
			row = append(row, some(o.RSS), some(o.PSS), some(int64(o.Files)), fmt.Sprint(o.Voluntary), fmt.Sprint(o.Involuntary),
				number(o.Throttled), fmt.Sprint(o.TCPMemory), fmt.Sprint(o.Retransmits), fmt.Sprint(o.Overflows), fmt.Sprint(o.Drops), number(o.Machine))
		} else {
			row = append(row, make([]string, 11)...)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// HGRM writes the percentiles of the latency in the form that the plotter of HdrHistogram reads, in milliseconds.
func HGRM(w io.Writer, r *result.Result) error {
	h, err := histogramOf(r.Latency.Each)
	if err != nil {
		return err
	}
	if h == nil {
		return fmt.Errorf("the result has no latency: %s", r.Verdict.Code)
	}
	_, err = h.PercentilesPrint(w, 5, 1e6)
	return err
}

// histogramOf decodes a distribution; nil where there is none.
func histogramOf(d *result.Distribution) (*hdrhistogram.Histogram, error) {
	if d == nil || d.HDR == "" {
		return nil, nil
	}
	h, err := hdrhistogram.Decode([]byte(d.HDR))
	if err != nil {
		return nil, fmt.Errorf("the result's histogram: %w", err)
	}
	return h, nil
}

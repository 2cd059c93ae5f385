package observe

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	scrapeTimeout = 2 * time.Second
	maxScrape     = 8 << 20 // bytes
	maxSeries     = 512
)

// scrape reads the server's metrics: the first 512 series by metric name.
func (s *Sampler) scrape() (map[string]float64, error) {
	ask, err := http.NewRequest(http.MethodGet, s.metrics, nil)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	ask.Header.Set("Accept", "text/plain;version=0.0.4")
	answer, err := s.client.Do(ask)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	defer answer.Body.Close()
	series, err := readSeries(answer)
	if err != nil {
		return nil, fmt.Errorf("metrics: Get %q: %w", ask.URL.Redacted(), err)
	}
	return series, nil
}

// readSeries parses a response in Prometheus's text format.
func readSeries(answer *http.Response) (map[string]float64, error) {
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("response %s", answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxScrape+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxScrape {
		return nil, fmt.Errorf("the response exceeds %d MiB", maxScrape>>20)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the response is not in Prometheus text format: %w", err)
	}
	out := map[string]float64{}
	add := func(name string, v float64) {
		// JSON has no NaN and no infinity.
		if len(out) < maxSeries && !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		for _, m := range families[name].GetMetric() {
			labels := labelsOf(m)
			switch {
			case m.Counter != nil:
				add(name+labels, m.Counter.GetValue())
			case m.Gauge != nil:
				add(name+labels, m.Gauge.GetValue())
			case m.Untyped != nil:
				add(name+labels, m.Untyped.GetValue())
			case m.Histogram != nil:
				add(name+"_sum"+labels, m.Histogram.GetSampleSum())
				add(name+"_count"+labels, float64(m.Histogram.GetSampleCount()))
			case m.Summary != nil:
				add(name+"_sum"+labels, m.Summary.GetSampleSum())
				add(name+"_count"+labels, float64(m.Summary.GetSampleCount()))
			}
		}
	}
	return out, nil
}

// labelsOf returns the labels of a series as text, such as {a="1",b="2"}, or an empty string.
func labelsOf(m *dto.Metric) string {
	if len(m.GetLabel()) == 0 {
		return ""
	}
	pairs := make([]string, len(m.GetLabel()))
	for i, l := range m.GetLabel() {
		pairs[i] = l.GetName() + "=" + strconv.Quote(l.GetValue())
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

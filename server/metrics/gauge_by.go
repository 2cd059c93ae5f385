package metrics

import "github.com/prometheus/client_golang/prometheus"

// gaugesBy are gauges with one label, which are read from their owner.
type gaugesBy struct {
	desc *prometheus.Desc
	read func(set func(value string, to float64))
}

// GaugeBy registers gauges with one label. read calls set for each value of the label. Any goroutine may call it, when the metrics are collected.
func (m *Metrics) GaugeBy(name, help, label string, read func(set func(value string, to float64))) {
	m.Registry.MustRegister(gaugesBy{prometheus.NewDesc(name, help, []string{label}, nil), read})
}

// Describe implements prometheus.Collector.
func (g gaugesBy) Describe(to chan<- *prometheus.Desc) { to <- g.desc }

// Collect implements prometheus.Collector.
func (g gaugesBy) Collect(to chan<- prometheus.Metric) {
	g.read(func(value string, is float64) {
		to <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, is, value)
	})
}

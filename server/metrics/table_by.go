package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Column is one metric of a table: a counter if its name ends with _total, else a gauge.
type Column struct{ Name, Help string }

// tableBy is metrics with the same label, which are read together from their owner.
type tableBy struct {
	descs []*prometheus.Desc
	kinds []prometheus.ValueType
	read  func(row func(value string, columns ...float64))
}

// TableBy registers metrics with the same label. read calls row for each value of the label, with a number for each column. Any goroutine may call it, when
// the metrics are collected.
func (m *Metrics) TableBy(label string, columns []Column, read func(row func(value string, columns ...float64))) {
	t := tableBy{read: read}
	for _, c := range columns {
		kind := prometheus.GaugeValue
		if strings.HasSuffix(c.Name, "_total") {
			kind = prometheus.CounterValue
		}
		t.descs, t.kinds = append(t.descs, prometheus.NewDesc(c.Name, c.Help, []string{label}, nil)), append(t.kinds, kind)
	}
	m.Registry.MustRegister(t)
}

// Describe implements prometheus.Collector.
func (t tableBy) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range t.descs {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (t tableBy) Collect(to chan<- prometheus.Metric) {
	t.read(func(value string, columns ...float64) {
		for i, is := range columns {
			to <- prometheus.MustNewConstMetric(t.descs[i], t.kinds[i], is, value)
		}
	})
}

package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// SetBuild registers throng_build_info. commit is empty if it is not known.
func (m *Metrics) SetBuild(version, commit string) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "throng_build_info", Help: "1, with the version of throng, its commit and the version of Go as labels."},
		[]string{"version", "commit", "go_version"})
	m.Registry.MustRegister(info)
	info.WithLabelValues(version, commit, runtime.Version()).Set(1)
}

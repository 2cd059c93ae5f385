package metrics

// Results of a reload: the label of throng_reloads_total.
const (
	ReloadApplied  = "applied"
	ReloadPartial  = "partial"  // applied, except settings that need a restart
	ReloadInvalid  = "invalid"  // the settings have errors: nothing changed
	ReloadRejected = "rejected" // too many reloads at once, or the server stops: nothing changed
)

// ofReloads registers the count of reloads.
func (m *Metrics) ofReloads() {
	m.Reloads = m.counters("throng_reloads_total", "Reloads of the settings, by result: applied, partial (some need a restart), invalid or rejected.", "result")
	for _, result := range []string{ReloadApplied, ReloadPartial, ReloadInvalid, ReloadRejected} {
		m.Reloads.WithLabelValues(result)
	}
}

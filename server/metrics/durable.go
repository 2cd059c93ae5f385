package metrics

import "github.com/prometheus/client_golang/prometheus"

// Durable has the collectors of durable rooms.
type Durable struct {
	Records  prometheus.Counter
	Entries  prometheus.Counter
	Bytes    prometheus.Counter
	Append   prometheus.Histogram // seconds
	Rejected prometheus.Counter
	Failures prometheus.Counter
	Damaged  prometheus.Counter
	Trims    prometheus.Counter
	Missed   prometheus.Counter
}

func (m *Metrics) ofDurable() {
	d := &m.Durable
	d.Records = m.counter("throng_durable_records_total", "Records of durable rooms that were committed to disk.")
	d.Entries = m.counter("throng_durable_entries_total", "Publications and other changes in the records of throng_durable_records_total.")
	d.Bytes = m.counter("throng_durable_bytes_total", "Bytes of the records of throng_durable_records_total.")
	d.Append = m.lag("throng_durable_append_seconds", "Time to commit a record to disk.")
	d.Rejected = m.counter("throng_durable_rejected_total", "Publications in durable rooms that were rejected with a temporary error, because the disk did not store them.")
	d.Failures = m.counter("throng_durable_failures_total", "Times the log of durable rooms failed and was opened again.")
	d.Damaged = m.counter("throng_durable_damaged_records_total", "Records of durable rooms that could not be read, or were out of order.")
	d.Missed = m.counter("throng_durable_missed_records_total", "Records of another node that did not arrive, and were read from the log.")
	d.Trims = m.counter("throng_durable_trims_total", "Times the oldest records were removed from disk.")
}

package metrics

// Results of a request with commands of an HTTP stream: the label of throng_emulation_requests_total.
const (
	EmulationAccepted  = "accepted"
	EmulationUnknown   = "unknown_session"
	EmulationForeign   = "other_process" // the session is of another process, or of this one before a restart
	EmulationMalformed = "malformed"     // or too large, or too late
	EmulationRate      = "rate"
)

// registerStreams registers the metrics of HTTP streams.
func (m *Metrics) registerStreams() {
	m.Streams = m.counters("throng_streams_accepted_total", "Connections of the HTTP fallbacks, by transport.", "transport")
	for _, transport := range []string{"http_stream", "sse", "uni_http_stream", "uni_sse"} {
		m.Streams.WithLabelValues(transport)
	}
	m.EmulationRequests = m.counters("throng_emulation_requests_total", "Requests with commands of clients of the HTTP fallbacks, by result.", "result")
	for _, result := range []string{EmulationAccepted, EmulationUnknown, EmulationForeign, EmulationMalformed, EmulationRate} {
		m.EmulationRequests.WithLabelValues(result)
	}
}

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are what /metrics shows. All of it may be used from any goroutine.
type Metrics struct {
	Registry *prometheus.Registry

	Messages      prometheus.Counter
	Dropped       prometheus.Counter
	Outdated      prometheus.Counter
	Pings         prometheus.Counter
	Pauses        prometheus.Counter
	Relieved      prometheus.Counter
	Paced         prometheus.Counter
	DeltasSpent   prometheus.Counter
	Panics        prometheus.Counter
	Commands      *prometheus.CounterVec
	CommandErrors *prometheus.CounterVec
	Subscriptions prometheus.Gauge
	ApiRequests   *prometheus.CounterVec
	Recovered     prometheus.Counter
	Unrecovered   prometheus.Counter
	Closes        []prometheus.Counter // by fanout.Reason
	Handshakes    *prometheus.CounterVec
	Accepted      prometheus.Counter // of handshakes
	HttpRefused   *prometheus.CounterVec
	HttpRequests  prometheus.Counter // of whoever does not show the API key
	HttpDelayed   prometheus.Counter
	LoopLag       prometheus.Histogram
	ShardLag      prometheus.Histogram
	WheelDrift    prometheus.Histogram

	LongReplies    prometheus.Counter
	LongReplyBytes prometheus.Counter

	PersonalRoomsMissing prometheus.Counter

	JoinLeaveSent    prometheus.Counter
	JoinLeaveFolded  prometheus.Counter
	JoinLeaveDropped prometheus.Counter
}

// Results of a handshake, the label of throng_handshakes_total.
const (
	HandshakeAccepted  = "accepted"
	HandshakeMalformed = "malformed"
	HandshakeOrigin    = "origin"
	HandshakeRoom      = "room"
	HandshakeFull      = "full"
	HandshakeDraining  = "draining"
	HandshakeEvicted   = "evicted"
	HandshakeFailed    = "failed"
	HandshakeForbidden = "forbidden"
	HandshakeHost      = "host"
	HandshakeRate      = "rate"
)

// Reasons for which HTTP requests are refused or cut, the label of throng_http_refused_total.
const (
	RefusedHost      = "host"       // Host names another server
	RefusedCrossSite = "cross_site" // of the admin port
	RefusedSlow      = "slow"       // the peer did not take the answer
	RefusedFull      = "full"       // too many: one without progress, or kept for another request; or too many guests at a time
	RefusedRate      = "rate"       // too many guests of one address
)

// New registers all that is counted. closeReasons are the labels of throng_closes_total, in the order of their numbers; an
// empty one has no counter.
func New(closeReasons []string) *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry(), Closes: make([]prometheus.Counter, len(closeReasons))}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.ofConnections(closeReasons)
	m.ofRooms()
	m.ofClients()
	m.ofHTTP()
	return m
}

func (m *Metrics) ofConnections(closeReasons []string) {
	m.Dropped = m.counter("throng_dropped_bytes_total", "Bytes queued for a client that was gone, or closed as slow, before they were sent.")
	m.Pings = m.counter("throng_pings_total", "Pings sent to silent connections.")
	m.Pauses = m.counter("throng_pauses_total", "Times a connection was not read from because its room was behind.")
	m.Relieved = m.counter("throng_retained_closes_total", "Slow readers closed because a budget of retained bytes was used up.")
	m.Paced = m.counter("throng_paced_total", "Times throng paused reading from a connection because of its rate of bytes.")
	m.Panics = m.counter("throng_panics_total", "Faults of our own code that were contained.")
	m.DeltasSpent = m.counter("throng_delta_budget_total", "Rounds of a shard that had no time left for deltas, and sent publications whole.")
	m.LoopLag = m.lag("throng_loop_lag_seconds", "How long a poller took to answer a probe, once a second.")
	m.ShardLag = m.lag("throng_shard_lag_seconds", "From the posting of a round's first job to the end of its writes.")
	m.WheelDrift = m.lag("throng_wheel_drift_seconds", "How late the heartbeat's ticks came.")
	closes := m.counters("throng_closes_total", "Connections ended, by reason.", "reason")
	for i, reason := range closeReasons {
		if reason != "" {
			m.Closes[i] = closes.WithLabelValues(reason)
		}
	}
}

func (m *Metrics) ofRooms() {
	m.Messages = m.counter("throng_messages_total", "Messages and publications taken, from clients and the server API.")
	m.Outdated = m.counter("throng_outdated_publications_total", "Publications of the server API that were not published because their version was not newer.")
	joinLeave := m.counters("throng_join_leave_total",
		"Join and leave events of rooms, by result: sent, folded (they cancelled out), or dropped (too many waited).", "result")
	m.JoinLeaveSent, m.JoinLeaveFolded, m.JoinLeaveDropped =
		joinLeave.WithLabelValues("sent"), joinLeave.WithLabelValues("folded"), joinLeave.WithLabelValues("dropped")
}

func (m *Metrics) ofClients() {
	m.LongReplies = m.counter("throng_long_replies_total", "Answers about presence and history that a worker made; many clients may share one.")
	m.LongReplyBytes = m.counter("throng_long_reply_bytes_total", "Bytes of those answers.")
	m.Commands = m.counters("throng_commands_total", "Commands of the SDK protocol, by method.", "method")
	m.CommandErrors = m.counters("throng_command_errors_total", "Commands that were answered with an error, by its code.", "code")
	m.ApiRequests = m.counters("throng_api_requests_total", "Calls of the server API, by method and the code of the error, 0 for none.", "method", "code")
	m.Subscriptions = prometheus.NewGauge(prometheus.GaugeOpts{Name: "throng_subscriptions", Help: "Subscriptions of the SDK protocol."})
	m.Registry.MustRegister(m.Subscriptions)
	m.PersonalRoomsMissing = m.counter("throng_personal_rooms_missing_total", "Connections without a personal room, as no room can have the user's name.")
	recoveries := m.counters("throng_recoveries_total", "Clients that came back to a room, by whether they could be told all they missed.", "recovered")
	m.Recovered, m.Unrecovered = recoveries.WithLabelValues("yes"), recoveries.WithLabelValues("no")
}

func (m *Metrics) ofHTTP() {
	m.HttpRequests = m.counter("throng_http_requests_total", "HTTP requests for pages and guest tokens, and API calls without the key.")
	m.HttpDelayed = m.counter("throng_http_delayed_total", "HTTP requests that waited because there were too many in all.")
	m.Handshakes = m.counters("throng_handshakes_total", "Handshakes, by result.", "result")
	for _, result := range []string{
		HandshakeAccepted, HandshakeMalformed, HandshakeOrigin, HandshakeRoom, HandshakeFull, HandshakeDraining,
		HandshakeEvicted, HandshakeFailed, HandshakeForbidden, HandshakeHost, HandshakeRate,
	} {
		m.Handshakes.WithLabelValues(result)
	}
	m.Accepted = m.Handshakes.WithLabelValues(HandshakeAccepted)
	m.HttpRefused = m.counters("throng_http_refused_total", "HTTP requests, other than handshakes, that were refused or cut, by reason.", "reason")
	for _, reason := range []string{RefusedHost, RefusedCrossSite, RefusedSlow, RefusedFull, RefusedRate} {
		m.HttpRefused.WithLabelValues(reason)
	}
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.Registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.Registry.MustRegister(c)
	return c
}

// lag is a histogram of delays from 0.1 ms to 3.3 s.
func (m *Metrics) lag(name, help string) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16)})
	m.Registry.MustRegister(h)
	return h
}

// Gauge registers what is read when somebody looks. read may be called by any goroutine.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Counter registers a count that is kept elsewhere. read may be called by any goroutine.
func (m *Metrics) Counter(name, help string, read func() uint64) {
	m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(read()) }))
}

package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what /metrics shows. All of it may be used from any goroutine.
type metrics struct {
	registry *prometheus.Registry

	messages      prometheus.Counter
	dropped       prometheus.Counter
	outdated      prometheus.Counter
	pings         prometheus.Counter
	pauses        prometheus.Counter
	relieved      prometheus.Counter
	paced         prometheus.Counter
	deltasSpent   prometheus.Counter
	panics        prometheus.Counter
	commands      *prometheus.CounterVec
	commandErrors *prometheus.CounterVec
	subscriptions prometheus.Gauge
	apiRequests   *prometheus.CounterVec
	recovered     prometheus.Counter
	unrecovered   prometheus.Counter
	closes        []prometheus.Counter // by closeReason
	handshakes    *prometheus.CounterVec
	accepted      prometheus.Counter // of handshakes
	httpRefused   *prometheus.CounterVec
	httpRequests  prometheus.Counter // of whoever does not show the API key
	httpDelayed   prometheus.Counter
	loopLag       prometheus.Histogram
	shardLag      prometheus.Histogram
	wheelDrift    prometheus.Histogram

	longReplies    prometheus.Counter
	longReplyBytes prometheus.Counter

	personalRoomsMissing prometheus.Counter

	joinLeaveSent    prometheus.Counter
	joinLeaveFolded  prometheus.Counter
	joinLeaveDropped prometheus.Counter
}

// Results of a handshake, the label of throng_handshakes_total.
const (
	handshakeAccepted  = "accepted"
	handshakeMalformed = "malformed"
	handshakeOrigin    = "origin"
	handshakeRoom      = "room"
	handshakeFull      = "full"
	handshakeDraining  = "draining"
	handshakeEvicted   = "evicted"
	handshakeFailed    = "failed"
	handshakeForbidden = "forbidden"
	handshakeHost      = "host"
	handshakeRate      = "rate"
)

// Reasons for which HTTP requests are refused or cut, the label of throng_http_refused_total.
const (
	refusedHost      = "host"       // Host names another server
	refusedCrossSite = "cross_site" // of the admin port
	refusedSlow      = "slow"       // the peer did not take the answer
	refusedFull      = "full"       // too many: one without progress, or kept for another request; or too many guests at a time
	refusedRate      = "rate"       // too many guests of one address
)

// newMetrics registers all that is counted. closeReasons are the labels of throng_closes_total, in the order of their numbers; an
// empty one has no counter.
func newMetrics(closeReasons []string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), closes: make([]prometheus.Counter, len(closeReasons))}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	lag := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3.3 s
		})
		m.registry.MustRegister(h)
		return h
	}
	m.messages = counter("throng_messages_total", "Messages and publications taken, from clients and the server API.")
	m.dropped = counter("throng_dropped_bytes_total", "Bytes queued for a client that was gone, or closed as slow, before they were sent.")
	m.outdated = counter("throng_outdated_publications_total", "Publications of the server API that were not published because their version was not newer.")
	m.pings = counter("throng_pings_total", "Pings sent to silent connections.")
	m.pauses = counter("throng_pauses_total", "Times a connection was not read from because its room was behind.")
	m.relieved = counter("throng_retained_closes_total", "Slow readers closed because a budget of retained bytes was used up.")
	m.paced = counter("throng_paced_total", "Times throng paused reading from a connection because of its rate of bytes.")
	m.deltasSpent = counter("throng_delta_budget_total", "Rounds of a shard that had no time left for deltas, and sent publications whole.")
	m.panics = counter("throng_panics_total", "Faults of our own code that were contained.")
	m.longReplies = counter("throng_long_replies_total", "Answers about presence and history that a worker made; many clients may share one.")
	m.longReplyBytes = counter("throng_long_reply_bytes_total", "Bytes of those answers.")
	m.loopLag = lag("throng_loop_lag_seconds", "How long a poller took to answer a probe, once a second.")
	m.shardLag = lag("throng_shard_lag_seconds", "From the posting of a round's first job to the end of its writes.")
	m.wheelDrift = lag("throng_wheel_drift_seconds", "How late the heartbeat's ticks came.")

	m.httpRequests = counter("throng_http_requests_total", "HTTP requests for pages and guest tokens, and API calls without the key.")
	m.httpDelayed = counter("throng_http_delayed_total", "HTTP requests that waited because there were too many in all.")

	m.commands = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_commands_total", Help: "Commands of the SDK protocol, by method.",
	}, []string{"method"})
	m.commandErrors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_command_errors_total", Help: "Commands that were answered with an error, by its code.",
	}, []string{"code"})
	m.apiRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_api_requests_total", Help: "Calls of the server API, by method and the code of the error, 0 for none.",
	}, []string{"method", "code"})
	m.subscriptions = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "throng_subscriptions", Help: "Subscriptions of the SDK protocol.",
	})
	m.personalRoomsMissing = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "throng_personal_rooms_missing_total", Help: "Connections without a personal room, as no room can have the user's name.",
	})
	m.registry.MustRegister(m.personalRoomsMissing)
	recoveries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_recoveries_total", Help: "Clients that came back to a room, by whether they could be told all they missed.",
	}, []string{"recovered"})
	m.recovered, m.unrecovered = recoveries.WithLabelValues("yes"), recoveries.WithLabelValues("no")
	m.registry.MustRegister(m.commands, m.commandErrors, m.apiRequests, m.subscriptions, recoveries)

	joinLeave := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_join_leave_total", Help: "Join and leave events of rooms, by result: sent, folded (they cancelled out), or dropped (too many waited).",
	}, []string{"result"})
	m.joinLeaveSent, m.joinLeaveFolded, m.joinLeaveDropped =
		joinLeave.WithLabelValues("sent"), joinLeave.WithLabelValues("folded"), joinLeave.WithLabelValues("dropped")
	m.registry.MustRegister(joinLeave)

	closes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_closes_total", Help: "Connections ended, by reason.",
	}, []string{"reason"})
	for i, reason := range closeReasons {
		if reason != "" {
			m.closes[i] = closes.WithLabelValues(reason)
		}
	}
	m.handshakes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_handshakes_total", Help: "Handshakes, by result.",
	}, []string{"result"})
	for _, result := range []string{
		handshakeAccepted, handshakeMalformed, handshakeOrigin, handshakeRoom, handshakeFull, handshakeDraining,
		handshakeEvicted, handshakeFailed, handshakeForbidden, handshakeHost, handshakeRate,
	} {
		m.handshakes.WithLabelValues(result)
	}
	m.accepted = m.handshakes.WithLabelValues(handshakeAccepted)
	m.httpRefused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_http_refused_total", Help: "HTTP requests, other than handshakes, that were refused or cut, by reason.",
	}, []string{"reason"})
	for _, reason := range []string{refusedHost, refusedCrossSite, refusedSlow, refusedFull, refusedRate} {
		m.httpRefused.WithLabelValues(reason)
	}
	m.registry.MustRegister(closes, m.handshakes, m.httpRefused)
	return m
}

// gauge registers what is read when somebody looks. read may be called by any goroutine.
func (m *metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// counter registers a count that is kept elsewhere. read may be called by any goroutine.
func (m *metrics) counter(name, help string, read func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(read()) }))
}

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
	Closes        []prometheus.Counter // by closeReason
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
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.Registry.MustRegister(c)
		return c
	}
	lag := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3.3 s
		})
		m.Registry.MustRegister(h)
		return h
	}
	m.Messages = counter("throng_messages_total", "Messages and publications taken, from clients and the server API.")
	m.Dropped = counter("throng_dropped_bytes_total", "Bytes queued for a client that was gone, or closed as slow, before they were sent.")
	m.Outdated = counter("throng_outdated_publications_total", "Publications of the server API that were not published because their version was not newer.")
	m.Pings = counter("throng_pings_total", "Pings sent to silent connections.")
	m.Pauses = counter("throng_pauses_total", "Times a connection was not read from because its room was behind.")
	m.Relieved = counter("throng_retained_closes_total", "Slow readers closed because a budget of retained bytes was used up.")
	m.Paced = counter("throng_paced_total", "Times throng paused reading from a connection because of its rate of bytes.")
	m.DeltasSpent = counter("throng_delta_budget_total", "Rounds of a shard that had no time left for deltas, and sent publications whole.")
	m.Panics = counter("throng_panics_total", "Faults of our own code that were contained.")
	m.LongReplies = counter("throng_long_replies_total", "Answers about presence and history that a worker made; many clients may share one.")
	m.LongReplyBytes = counter("throng_long_reply_bytes_total", "Bytes of those answers.")
	m.LoopLag = lag("throng_loop_lag_seconds", "How long a poller took to answer a probe, once a second.")
	m.ShardLag = lag("throng_shard_lag_seconds", "From the posting of a round's first job to the end of its writes.")
	m.WheelDrift = lag("throng_wheel_drift_seconds", "How late the heartbeat's ticks came.")

	m.HttpRequests = counter("throng_http_requests_total", "HTTP requests for pages and guest tokens, and API calls without the key.")
	m.HttpDelayed = counter("throng_http_delayed_total", "HTTP requests that waited because there were too many in all.")

	m.Commands = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_commands_total", Help: "Commands of the SDK protocol, by method.",
	}, []string{"method"})
	m.CommandErrors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_command_errors_total", Help: "Commands that were answered with an error, by its code.",
	}, []string{"code"})
	m.ApiRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_api_requests_total", Help: "Calls of the server API, by method and the code of the error, 0 for none.",
	}, []string{"method", "code"})
	m.Subscriptions = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "throng_subscriptions", Help: "Subscriptions of the SDK protocol.",
	})
	m.PersonalRoomsMissing = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "throng_personal_rooms_missing_total", Help: "Connections without a personal room, as no room can have the user's name.",
	})
	m.Registry.MustRegister(m.PersonalRoomsMissing)
	recoveries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_recoveries_total", Help: "Clients that came back to a room, by whether they could be told all they missed.",
	}, []string{"recovered"})
	m.Recovered, m.Unrecovered = recoveries.WithLabelValues("yes"), recoveries.WithLabelValues("no")
	m.Registry.MustRegister(m.Commands, m.CommandErrors, m.ApiRequests, m.Subscriptions, recoveries)

	joinLeave := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_join_leave_total", Help: "Join and leave events of rooms, by result: sent, folded (they cancelled out), or dropped (too many waited).",
	}, []string{"result"})
	m.JoinLeaveSent, m.JoinLeaveFolded, m.JoinLeaveDropped =
		joinLeave.WithLabelValues("sent"), joinLeave.WithLabelValues("folded"), joinLeave.WithLabelValues("dropped")
	m.Registry.MustRegister(joinLeave)

	closes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_closes_total", Help: "Connections ended, by reason.",
	}, []string{"reason"})
	for i, reason := range closeReasons {
		if reason != "" {
			m.Closes[i] = closes.WithLabelValues(reason)
		}
	}
	m.Handshakes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_handshakes_total", Help: "Handshakes, by result.",
	}, []string{"result"})
	for _, result := range []string{
		HandshakeAccepted, HandshakeMalformed, HandshakeOrigin, HandshakeRoom, HandshakeFull, HandshakeDraining,
		HandshakeEvicted, HandshakeFailed, HandshakeForbidden, HandshakeHost, HandshakeRate,
	} {
		m.Handshakes.WithLabelValues(result)
	}
	m.Accepted = m.Handshakes.WithLabelValues(HandshakeAccepted)
	m.HttpRefused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_http_refused_total", Help: "HTTP requests, other than handshakes, that were refused or cut, by reason.",
	}, []string{"reason"})
	for _, reason := range []string{RefusedHost, RefusedCrossSite, RefusedSlow, RefusedFull, RefusedRate} {
		m.HttpRefused.WithLabelValues(reason)
	}
	m.Registry.MustRegister(closes, m.Handshakes, m.HttpRefused)
	return m
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

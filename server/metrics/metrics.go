package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics has the collectors of /metrics. Any goroutine may use them.
type Metrics struct {
	Registry *prometheus.Registry

	Reloads *prometheus.CounterVec // by result

	Messages         prometheus.Counter
	Dropped          prometheus.Counter
	Outdated         prometheus.Counter
	DirectUnlisted   prometheus.Counter
	Pings            prometheus.Counter
	Pauses           prometheus.Counter
	RetainedCloses   prometheus.Counter
	Paced            prometheus.Counter
	DeltaBudgetSpent prometheus.Counter
	Panics           prometheus.Counter
	ACMEFailures     prometheus.Counter
	Commands         *prometheus.CounterVec
	CommandErrors    *prometheus.CounterVec
	Subscriptions    prometheus.Gauge
	APIRequests      *prometheus.CounterVec
	Recovered        prometheus.Counter
	Unrecovered      prometheus.Counter
	EmbeddedGaps     prometheus.Counter // of subscriptions of the program
	EmbeddedLost     prometheus.Counter
	Rewinds          prometheus.Counter
	ShortRewinds     prometheus.Counter
	Closes           []prometheus.Counter // by fanout.Reason
	Handshakes       *prometheus.CounterVec
	Accepted         prometheus.Counter // accepted handshakes
	HTTPRejected     *prometheus.CounterVec
	HTTPRequests     prometheus.Counter // without a valid API key
	HTTPDelayed      prometheus.Counter
	LoopLag          prometheus.Histogram
	ShardLag         prometheus.Histogram
	TickDelay        prometheus.Histogram

	LongReplies    prometheus.Counter
	LongReplyBytes prometheus.Counter

	PersonalRoomsMissing  prometheus.Counter
	RoomsIgnored          *prometheus.CounterVec
	PendingCommandsFailed prometheus.Counter

	JoinLeaveSent    prometheus.Counter
	JoinLeaveFolded  prometheus.Counter
	JoinLeaveDropped prometheus.Counter

	SeenLost        prometheus.Counter
	MarkersDropped  prometheus.Counter
	ReceiptsDropped prometheus.Counter

	Streams           *prometheus.CounterVec // by transport
	EmulationRequests *prometheus.CounterVec

	CompressionInput       prometheus.Counter
	CompressionOutput      prometheus.Counter
	CompressionBudgetSpent prometheus.Counter
	CompressionAccepted    prometheus.Counter
	CompressionShared      prometheus.Counter
	CompressionEvicted     prometheus.Counter
	InflateInput           prometheus.Counter
	InflateOutput          prometheus.Counter

	Durable   Durable
	TextRules TextRules
	Searches  Searches
}

// Searches count rpc("search"): done, ended because its client has left, and rejected because too many wait.
type Searches struct{ Done, Canceled, Rejected prometheus.Counter }

// TextRules count what the rules for the text of chat messages did.
type TextRules struct{ Words, Masked, Links, Repeats prometheus.Counter }

// Results of a handshake: the label of throng_handshakes_total.
const (
	HandshakeAccepted    = "accepted"
	HandshakeMalformed   = "malformed"
	HandshakeTLS         = "tls"          // the handshake of TLS failed
	HandshakeProxyHeader = "proxy_header" // of the PROXY protocol: missing, invalid, or from a peer that may not send one
	HandshakeRedirect    = "redirect"     // to a port that only redirects to TLS
	HandshakeOrigin      = "origin"
	HandshakeRoom        = "room"
	HandshakeFull        = "full"
	HandshakeDraining    = "draining"
	HandshakeEvicted     = "evicted"
	HandshakeLate        = "late" // no complete head in time, as on a connection that a browser opens ahead and does not use
	HandshakeFailed      = "failed"
	HandshakeForbidden   = "forbidden"
	HandshakeHost        = "host"
	HandshakeRate        = "rate"
)

// Reasons for a rejected HTTP request, or a response that was not completed: the label of throng_http_refused_total.
const (
	RejectedHost      = "host"       // Host names another server
	RejectedCrossSite = "cross_site" // of the admin port
	RejectedSlow      = "slow"       // the peer did not receive the response, or did not send the body in time
	RejectedFull      = "full"       // evicted because of too many connections or guest requests
	RejectedRate      = "rate"       // too many guest requests from one address
	RejectedPassword  = "password"   // of the admin port: missing or wrong
)

// Who granted a room that a client did not join, and why not: the labels of throng_rooms_ignored_total.
const (
	GrantedByToken   = "token"
	GrantedByWebhook = "webhook"
	GrantedToUser    = "user" // the personal room

	IgnoredName     = "name"     // the name is invalid
	IgnoredRejected = "rejected" // the join was rejected, by a ban or a limit of the room
)

// New registers the collectors. closeReasons are the labels of throng_closes_total, by fanout.Reason. An empty label has no counter.
func New(closeReasons []string) *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry(), Closes: make([]prometheus.Counter, len(closeReasons))}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.ofConnections(closeReasons)
	m.ofRooms()
	m.ofClients()
	m.ofHTTP()
	m.ofDurable()
	m.ofReloads()
	return m
}

func (m *Metrics) ofConnections(closeReasons []string) {
	m.Dropped = m.counter("throng_dropped_bytes_total", "Bytes that were queued for a client and not sent, because it disconnected or was closed as a slow consumer.")
	m.Pings = m.counter("throng_pings_total", "Pings sent to silent connections.")
	m.Pauses = m.counter("throng_pauses_total", "Number of times throng paused reading from a connection because of backpressure of its room.")
	m.RetainedCloses = m.counter("throng_retained_closes_total", "Slow consumers closed because the retained bytes exceeded a budget.")
	m.Paced = m.counter("throng_paced_total", "Number of times throng paused reading from a connection because of its rate of bytes.")
	m.Panics = m.counter("throng_panics_total", "Panics in throng that were recovered.")
	m.ACMEFailures = m.counter("throng_tls_acme_failures_total", "Orders of a certificate from the ACME server that failed. throng repeats them.")
	m.DeltaBudgetSpent = m.counter("throng_delta_budget_total", "Flushes of a shard whose time for deltas was used up, so that publications were sent in full.")
	m.CompressionInput = m.counter("throng_compression_input_bytes_total", "Bytes of published messages that were compressed, before compression. Each message counts once per encoding.")
	m.CompressionOutput = m.counter("throng_compression_output_bytes_total", "Bytes of the messages in throng_compression_input_bytes_total, after compression.")
	m.CompressionBudgetSpent = m.counter("throng_compression_budget_total", "Messages sent uncompressed, because the time of the flush for compression was used up.")
	m.registerStreams()
	m.CompressionAccepted = m.counter("throng_compression_connections_total", "Connections that negotiated permessage-deflate.")
	m.CompressionShared = m.counter("throng_compression_context_total", "Messages compressed with the preceding messages of the room as context. Each message counts once per core.")
	m.CompressionEvicted = m.counter("throng_compression_context_evicted_total", "Contexts of rooms that were dropped, because too many rooms had one.")
	m.InflateInput = m.counter("throng_inflate_input_bytes_total", "Bytes of compressed messages from clients.")
	m.InflateOutput = m.counter("throng_inflate_output_bytes_total", "Bytes of the messages in throng_inflate_input_bytes_total, after decompression.")
	m.LoopLag = m.lag("throng_loop_lag_seconds", "Response time of a poller to a probe, measured once per second.")
	m.ShardLag = m.lag("throng_shard_lag_seconds", "Time from the first job of a flush to the end of its writes.")
	m.TickDelay = m.lag("throng_wheel_drift_seconds", "Delay of the ticks of the heartbeat.")
	closes := m.counters("throng_closes_total", "Connections closed, by reason.", "reason")
	for i, reason := range closeReasons {
		if reason != "" {
			m.Closes[i] = closes.WithLabelValues(reason)
		}
	}
}

func (m *Metrics) ofRooms() {
	m.Messages = m.counter("throng_messages_total", "Messages and publications accepted from clients and the server API.")
	m.DirectUnlisted = m.counter("throng_direct_unlisted_total", "Messages in direct rooms that one of the users does not have in its list of rooms, because a limit was reached.")
	m.Outdated = m.counter("throng_outdated_publications_total", "Publications of the server API that were skipped because their version was not newer.")
	joinLeave := m.counters("throng_join_leave_total",
		"Join and leave events of rooms, by result: sent, folded (a join and a leave cancelled out), or dropped (too many were pending).", "result")
	m.JoinLeaveSent, m.JoinLeaveFolded, m.JoinLeaveDropped =
		joinLeave.WithLabelValues("sent"), joinLeave.WithLabelValues("folded"), joinLeave.WithLabelValues("dropped")
	m.SeenLost = m.counter("throng_last_seen_lost_total", "Times that a user was last connected that were not stored, because the disk failed or values use their limit.")
	m.MarkersDropped = m.counter("throng_read_markers_dropped_total", "Read markers that were dropped, because their room had too many. Those furthest behind are dropped first.")
	m.ReceiptsDropped = m.counter("throng_receipts_dropped_total", "Receipts that were not sent, because too many were pending.")
}

func (m *Metrics) ofClients() {
	m.LongReplies = m.counter("throng_long_replies_total", "Replies to presence and history that a worker encoded; several clients may share one.")
	m.LongReplyBytes = m.counter("throng_long_reply_bytes_total", "Bytes of the replies in throng_long_replies_total.")
	m.Commands = m.counters("throng_commands_total", "Commands of the SDK protocol, by method.", "method")
	m.CommandErrors = m.counters("throng_command_errors_total", "Commands that received an error reply, by its code.", "code")
	m.APIRequests = m.counters("throng_api_requests_total", "Calls of the server API, by method and error code; 0 for success.", "method", "code")
	m.Subscriptions = prometheus.NewGauge(prometheus.GaugeOpts{Name: "throng_subscriptions", Help: "Subscriptions of the SDK protocol."})
	m.Registry.MustRegister(m.Subscriptions)
	m.PersonalRoomsMissing = m.counter("throng_personal_rooms_missing_total", "Connections without a personal room, because the name of the user is not valid in a room name.")
	m.RoomsIgnored = m.counters("throng_rooms_ignored_total",
		"Server-side rooms that a client did not join, by who granted the room and the reason.", "source", "reason")
	for _, source := range []string{GrantedByToken, GrantedByWebhook, GrantedToUser} {
		m.RoomsIgnored.WithLabelValues(source, IgnoredRejected)
		if source != GrantedToUser { // throng_personal_rooms_missing_total
			m.RoomsIgnored.WithLabelValues(source, IgnoredName)
		}
	}
	m.PendingCommandsFailed = m.counter("throng_pending_commands_failed_total", "API calls about users that waited for a connect request, and failed for its connection.")
	recoveries := m.counters("throng_recoveries_total", "Recovery attempts of clients that rejoined a room, by whether all missed publications were sent.", "recovered")
	m.Recovered, m.Unrecovered = recoveries.WithLabelValues("yes"), recoveries.WithLabelValues("no")
	rules := m.counters("throng_text_rules_total", "Messages and edits in chat rooms that a rule for their text rejected, or masked, by rule.", "rule")
	m.TextRules = TextRules{
		Words: rules.WithLabelValues("words"), Masked: rules.WithLabelValues("masked"),
		Links: rules.WithLabelValues("links"), Repeats: rules.WithLabelValues("repeats"),
	}
	searches := m.counters("throng_searches_total", "Searches in chat rooms, by outcome.", "outcome")
	m.Searches = Searches{searches.WithLabelValues("done"), searches.WithLabelValues("canceled"), searches.WithLabelValues("rejected")}
	rewinds := m.counters("throng_rewinds_total",
		"Joins with the option rewind, by whether all publications of the option were sent (yes), or a limit of bytes excluded some (no).", "complete")
	m.EmbeddedGaps = m.counter("throng_embedded_gaps_total", "Gaps in the subscriptions of the program that contains the server.")
	m.EmbeddedLost = m.counter("throng_embedded_lost_total", "Publications and activities of clients that such a subscription did not receive, as far as their number is known.")
	m.Rewinds, m.ShortRewinds = rewinds.WithLabelValues("yes"), rewinds.WithLabelValues("no")
}

func (m *Metrics) ofHTTP() {
	m.HTTPRequests = m.counter("throng_http_requests_total", "HTTP requests for pages and guest tokens, and API calls without the key.")
	m.HTTPDelayed = m.counter("throng_http_delayed_total", "HTTP requests that waited because the rate of all requests was exceeded.")
	m.Handshakes = m.counters("throng_handshakes_total", "Handshakes, by result.", "result")
	for _, result := range []string{
		HandshakeAccepted, HandshakeMalformed, HandshakeTLS, HandshakeRedirect, HandshakeOrigin, HandshakeRoom, HandshakeFull, HandshakeDraining,
		HandshakeEvicted, HandshakeLate, HandshakeFailed, HandshakeForbidden, HandshakeHost, HandshakeRate, HandshakeProxyHeader,
	} {
		m.Handshakes.WithLabelValues(result)
	}
	m.Accepted = m.Handshakes.WithLabelValues(HandshakeAccepted)
	m.HTTPRejected = m.counters("throng_http_refused_total", "HTTP requests, other than handshakes, that were rejected or not completed, by reason.", "reason")
	for _, reason := range []string{RejectedHost, RejectedCrossSite, RejectedSlow, RejectedFull, RejectedRate, RejectedPassword} {
		m.HTTPRejected.WithLabelValues(reason)
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

// lag registers a histogram of delays from 0.1 ms to 3.3 s.
func (m *Metrics) lag(name, help string) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16)})
	m.Registry.MustRegister(h)
	return h
}

// Gauge registers a gauge whose value read returns. Any goroutine may call read, when the metrics are collected.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Counter registers a counter whose value read returns. Any goroutine may call read, when the metrics are collected.
func (m *Metrics) Counter(name, help string, read func() uint64) {
	m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(read()) }))
}

package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/throng-chat/throng/server/logqueue"
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
	closes        [reasonCount]prometheus.Counter
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

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
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
	for r := stillOpen + 1; r < reasonCount; r++ {
		m.closes[r] = closes.WithLabelValues(r.String())
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

// watchLog adds the count of log records that were not written.
func (m *metrics) watchLog(q *logqueue.Queue) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "throng_log_dropped_total", Help: "Log records dropped because the reader of the log was too slow, or gone.",
	}, func() float64 { return float64(q.Dropped()) }))
}

// watch adds what is read off the hub when somebody asks.
func (m *metrics) watch(h *hub, pending *handshakes) {
	gauge := func(name, help string, read func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	gauge("throng_connections", "WebSocket connections.", func() float64 { return float64(h.live.Load()) })
	gauge("throng_connections_limit", "How many connections are taken.", func() float64 { return float64(h.maxLive) })
	gauge("throng_rooms", "Rooms with a member or a history.", func() float64 { return float64(h.rooms.count()) })
	gauge("throng_users", "Users with at least one connection.", func() float64 {
		h.usersMu.Lock()
		defer h.usersMu.Unlock()
		return float64(len(h.users))
	})
	gauge("throng_history_publications", "Publications remembered.", func() float64 {
		publications, _, _ := h.archive.counts()
		return float64(publications)
	})
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "throng_history_evicted_total", Help: "Publications forgotten early because the history of all rooms was full.",
	}, func() float64 {
		_, _, evicted := h.archive.counts()
		return float64(evicted)
	}))
	gauge("throng_history_bytes", "Bytes of the publications remembered, about.", func() float64 {
		_, bytes, _ := h.archive.counts()
		return float64(bytes)
	})
	gauge("throng_positions", "Rooms of which only the position is remembered, for recovery.", func() float64 {
		kept, _ := h.positions.counts()
		return float64(kept)
	})
	gauge("throng_slow_mode_publishers", "Publishers that slow mode remembers, in all slow rooms.", func() float64 {
		waiting, _ := h.moderation.speakers()
		return float64(waiting)
	})
	gauge("throng_handshakes_pending", "Connections that have not finished their handshake.", func() float64 { return float64(pending.count()) })
	gauge("throng_unfinished_messages", "WebSocket messages that have begun and not ended.", func() float64 {
		messages, _ := h.unfinished.size()
		return float64(messages)
	})
	gauge("throng_unfinished_bytes", "Bytes held of messages that have begun and not ended.", func() float64 {
		_, bytes := h.unfinished.size()
		return float64(bytes)
	})
	gauge("throng_owed_reply_bytes", "Bytes of long replies that are being made, or wait for their readers.",
		func() float64 { return float64(h.owed.used.Load()) })
	gauge("throng_held_command_bytes", "Bytes of commands that wait for the application or for a long answer.",
		func() float64 { return float64(h.heldCommands.used.Load()) })
	gauge("throng_http_answering", "HTTP requests of the public port that are being answered.",
		func() float64 { return float64(pending.length(pending.answering)) })
	gauge("throng_http_kept", "Sockets of the public port whose HTTP request was answered, and that are kept for another.",
		func() float64 { return float64(pending.length(pending.flushing, pending.kept)) })
	gauge("throng_unsent_bytes", "Bytes that wait for slow readers.", func() float64 {
		var n int64
		for _, s := range h.shards {
			n += s.unsent.Load()
		}
		return float64(n)
	})
	gauge("throng_retained_bytes", "Bytes of memory that slow readers cost. Bytes that several readers of a room wait for count once.",
		func() float64 { return float64(h.retained.Load()) })
	counter := func(name, help string, read func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(read()) }))
	}
	shards := func(read func(*shard) uint64) func() uint64 {
		return func() (n uint64) {
			for _, s := range h.shards {
				n += read(s)
			}
			return n
		}
	}
	counter("throng_slow_mode_forgotten_total", "Publishers in slow mode that were forgotten early, as there were too many.", func() uint64 {
		_, forgot := h.moderation.speakers()
		return forgot
	})
	counter("throng_positions_dropped_total", "Positions of rooms that were dropped: too many rooms, or 30 days old.", func() uint64 {
		_, lost := h.positions.counts()
		return lost
	})
	counter("throng_received_bytes_total", "Bytes read from WebSocket connections.", h.loop.received.Load)
	counter("throng_deliveries_total", "Messages written or queued to members, one for each member.",
		shards(func(s *shard) uint64 { return s.deliveries.Load() }))
	counter("throng_sent_bytes_total", "Bytes written or queued to WebSocket connections.",
		shards(func(s *shard) uint64 { return s.sentBytes.Load() }))
	counter("throng_writes_total", "System calls that wrote to WebSocket connections.",
		shards(func(s *shard) uint64 { return s.writes.Load() }))
}

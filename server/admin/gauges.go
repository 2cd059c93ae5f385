package admin

import (
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
)

// WatchHub adds what is read off the hub when somebody looks.
func WatchHub(m *metrics.Metrics, h *session.Sessions) {
	m.Gauge("throng_connections", "WebSocket connections.", func() float64 { return float64(h.Live.Load()) })
	m.Gauge("throng_connections_limit", "How many connections are taken.", func() float64 { return float64(h.MaxLive) })
	m.Gauge("throng_rooms", "Rooms with a member or a history.", func() float64 { return float64(h.Rooms.Count()) })
	m.Gauge("throng_users", "Users with at least one connection.", func() float64 { return float64(h.UserCount()) })
	m.Gauge("throng_history_publications", "Publications remembered.", func() float64 {
		publications, _, _ := h.Archive.Counts()
		return float64(publications)
	})
	m.Counter("throng_history_evicted_total", "Publications forgotten early because the history of all rooms was full.", func() uint64 {
		_, _, evicted := h.Archive.Counts()
		return evicted
	})
	m.Gauge("throng_history_bytes", "Bytes of the publications remembered, about.", func() float64 {
		_, bytes, _ := h.Archive.Counts()
		return float64(bytes)
	})
	m.Gauge("throng_positions", "Rooms of which only the position is remembered, for recovery.", func() float64 {
		kept, _ := h.Positions.Counts()
		return float64(kept)
	})
	m.Gauge("throng_slow_mode_publishers", "Publishers that slow mode remembers, in all slow rooms.", func() float64 {
		waiting, _ := h.Moderation.Speakers()
		return float64(waiting)
	})
	m.Gauge("throng_unfinished_messages", "WebSocket messages that have begun and not ended.", func() float64 {
		messages, _ := h.Unfinished.Size()
		return float64(messages)
	})
	m.Gauge("throng_unfinished_bytes", "Bytes held of messages that have begun and not ended.", func() float64 {
		_, bytes := h.Unfinished.Size()
		return float64(bytes)
	})
	m.Gauge("throng_owed_reply_bytes", "Bytes of long replies that are being made, or wait for their readers.",
		func() float64 { return float64(h.Owed.Used.Load()) })
	m.Gauge("throng_held_command_bytes", "Bytes of commands that wait for the application or for a long answer.",
		func() float64 { return float64(h.HeldCommands.Used.Load()) })
	m.Gauge("throng_unsent_bytes", "Bytes that wait for slow readers.", func() float64 { return float64(h.Counts().Unsent) })
	m.Gauge("throng_retained_bytes", "Bytes of memory that slow readers cost. Bytes that several readers of a room wait for count once.",
		func() float64 { return float64(h.Retained.Load()) })
	m.Counter("throng_slow_mode_forgotten_total", "Publishers in slow mode that were forgotten early, as there were too many.", func() uint64 {
		_, forgot := h.Moderation.Speakers()
		return forgot
	})
	m.Counter("throng_positions_dropped_total", "Positions of rooms that were dropped: too many rooms, or 30 days old.", func() uint64 {
		_, lost := h.Positions.Counts()
		return lost
	})
	m.Counter("throng_received_bytes_total", "Bytes read from WebSocket connections.", h.Loop.Received.Load)
	m.Counter("throng_deliveries_total", "Messages written or queued to members, one for each member.",
		func() uint64 { return h.Counts().Deliveries })
	m.Counter("throng_sent_bytes_total", "Bytes written or queued to WebSocket connections.",
		func() uint64 { return h.Counts().SentBytes })
	m.Counter("throng_writes_total", "System calls that wrote to WebSocket connections.",
		func() uint64 { return h.Counts().Writes })
}

// WatchLog adds the count of log records that were not written.
func WatchLog(m *metrics.Metrics, q *logqueue.Queue) {
	m.Counter("throng_log_dropped_total", "Log records dropped because the reader of the log was too slow, or gone.", q.Dropped)
}

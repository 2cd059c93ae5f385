package admin

import (
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
)

// WatchHub registers the metrics that read the state of rooms and connections.
func WatchHub(m *metrics.Metrics, h *session.Sessions) {
	m.Gauge("throng_connections", "WebSocket connections.", func() float64 { return float64(h.Live.Load()) })
	m.Gauge("throng_connections_limit", "Maximum number of WebSocket connections.", func() float64 { return float64(h.Limits().MaxLive) })
	m.Gauge("throng_rooms", "Rooms with a member or a history.", func() float64 { return float64(h.Rooms.Count()) })
	m.Gauge("throng_users", "Users with at least one connection.", func() float64 { return float64(h.UserCount()) })
	m.Gauge("throng_history_publications", "Publications in the history of all rooms.", func() float64 {
		publications, _, _ := h.HistoryBudget.Counts()
		return float64(publications)
	})
	m.Counter("throng_history_evicted_total", "Publications evicted because the history of all rooms exceeded history-bytes.", func() uint64 {
		_, _, evicted := h.HistoryBudget.Counts()
		return evicted
	})
	m.Gauge("throng_history_bytes", "Approximate bytes of the history of all rooms.", func() float64 {
		_, bytes, _ := h.HistoryBudget.Counts()
		return float64(bytes)
	})
	m.Gauge("throng_positions", "Ended rooms whose stream position is kept for recovery.", func() float64 {
		kept, _ := h.Positions.Counts()
		return float64(kept)
	})
	m.Gauge("throng_slow_mode_publishers", "Publishers with a slow mode wait, in all rooms.", func() float64 {
		waiting, _ := h.Moderation.SlowModePublishers()
		return float64(waiting)
	})
	m.Gauge("throng_unfinished_messages", "WebSocket messages that are incomplete.", func() float64 {
		messages, _ := h.Unfinished.Size()
		return float64(messages)
	})
	m.Gauge("throng_unfinished_bytes", "Bytes of WebSocket messages that are incomplete.", func() float64 {
		_, bytes := h.Unfinished.Size()
		return float64(bytes)
	})
	m.Gauge("throng_owed_reply_bytes", "Bytes of long replies that are being encoded, or are not sent yet.",
		func() float64 { return float64(h.Outstanding.Used.Load()) })
	m.Gauge("throng_held_command_bytes", "Bytes of commands that wait for the application or for a long reply.",
		func() float64 { return float64(h.PausedBudget.Used.Load()) })
	m.Gauge("throng_unsent_bytes", "Unsent bytes of slow consumers.", func() float64 { return float64(h.Counts().Unsent) })
	m.Gauge("throng_retained_bytes", "Bytes of memory retained for slow consumers. Bytes that several members of a room share count once.",
		func() float64 { return float64(h.Retained.Load()) })
	m.Counter("throng_slow_mode_forgotten_total", "Publishers whose slow mode wait was dropped early, because there were too many.", func() uint64 {
		_, forgot := h.Moderation.SlowModePublishers()
		return forgot
	})
	m.Counter("throng_positions_dropped_total", "Stream positions of ended rooms that were dropped: too many rooms, or 30 days old.", func() uint64 {
		_, lost := h.Positions.Counts()
		return lost
	})
	m.Counter("throng_pending_commands_evicted_total",
		"Commands of the application to connections that waited for their connect webhook, dropped because too many were stored.", h.EvictedUserCommands)
	m.Counter("throng_idempotency_keys_evicted_total", "Idempotency keys dropped before their time, because too many were stored.",
		h.EvictedIdempotencyKeys)
	m.Counter("throng_received_bytes_total", "Bytes read from WebSocket connections.", h.Loop.Received.Load)
	m.Counter("throng_deliveries_total", "Messages written or queued, counted once per member.",
		func() uint64 { return h.Counts().Deliveries })
	m.Counter("throng_sent_bytes_total", "Bytes written or queued to WebSocket connections.",
		func() uint64 { return h.Counts().SentBytes })
	m.Counter("throng_writes_total", "System calls that wrote to WebSocket connections.",
		func() uint64 { return h.Counts().Writes })
	if h.StoresData() {
		watchDurable(m, h)
		m.Counter("throng_sanctions_unreadable_total", "Stored sanctions that are not in effect, because they could not be read.",
			h.Sanctions.Unreadable)
	}
}

// watchDurable registers the metrics that read the state of durable rooms.
func watchDurable(m *metrics.Metrics, h *session.Sessions) {
	m.Gauge("throng_durable_available", "1 if durable rooms accept publications, 0 while the disk does not store them.", func() float64 {
		for _, d := range h.DurableLogs() {
			if state, _ := d.Status(); state != home.Ready && state != home.Following {
				return 0
			}
		}
		return 1
	})
	m.Gauge("throng_value_bytes", "Bytes of the values of durable rooms and of users, on disk and in memory: members, markers, settings.",
		func() float64 { return float64(h.ValueBytes()) })
	m.Gauge("throng_durable_positions", "Ended durable rooms whose stream position is kept for recovery.", func() (n float64) {
		for _, d := range h.DurableLogs() {
			stored, _ := d.Positions()
			n += float64(stored)
		}
		return n
	})
	m.Counter("throng_durable_positions_dropped_total", "Stream positions of ended durable rooms that were dropped: too many rooms, or 30 days old.", func() (n uint64) {
		for _, d := range h.DurableLogs() {
			_, dropped := d.Positions()
			n += dropped
		}
		return n
	})
}

// WatchTables registers the counts of damaged entries of tables: sanctions and keys.
func WatchTables(m *metrics.Metrics, restored, lost func() uint64) {
	m.Counter("throng_table_restored_total", "Damaged entries of stored sanctions and keys that were restored from their copy.", restored)
	m.Counter("throng_table_lost_total", "Damaged entries of stored sanctions and keys that may be lost: their copy is damaged as well.", lost)
}

// WatchAudit registers the count of records of the audit log that were not written.
func WatchAudit(m *metrics.Metrics, l *audit.Log) {
	m.Counter("throng_audit_dropped_total", "Records of the audit log dropped because its file was too slow, or could not be written.", l.Dropped)
}

// WatchLog registers the count of log records that were not written.
func WatchLog(m *metrics.Metrics, q *logqueue.Queue) {
	m.Counter("throng_log_dropped_total", "Log records dropped because the reader of the log was too slow, or closed it.", q.Dropped)
}

package admin

import (
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/metrics"
)

// WatchCluster registers the state of a cluster; nil does nothing.
func WatchCluster(m *metrics.Metrics, n *cluster.Node) {
	if n == nil {
		return
	}
	m.Gauge("throng_cluster_nodes", "Nodes of the cluster with a heartbeat within 1.5 s, this node included.", func() float64 { return float64(len(n.Status().Nodes)) })
	m.Gauge("throng_cluster_size", "Nodes that the cluster is made of: those in the setting peers.", func() float64 { return float64(n.Status().Size) })
	watchLogs(m, n)
	watchLinks(m, n)
	m.Gauge("throng_cluster_available", "1 if this node reaches a majority and each log of rooms has an owner that is alive, else 0.", func() float64 {
		ok, _ := n.Accepts()
		return number(ok)
	})
	m.Gauge("throng_cluster_owned_logs", "Logs of rooms that this node owns.", func() (owned float64) {
		for _, l := range n.Status().Logs {
			if l.Owned {
				owned++
			}
		}
		return owned
	})
	m.Gauge("throng_cluster_waiting_requests", "Publications and changes of clients of this node that wait for the owner of a log.", func() (waiting float64) {
		for _, l := range n.Status().Logs {
			waiting += float64(l.Waiting)
		}
		return waiting
	})
	m.Gauge("throng_cluster_missing_replicas", "Replicas of durable logs that are offline, behind or not heard, at the last look of this node.", func() float64 {
		s := n.Status()
		return float64(s.MissingReplicas())
	})
	m.Gauge("throng_cluster_faults", "Faults of other nodes, as in the status: a name that is in use, another secret, cluster or list of peers.", func() float64 {
		return float64(len(n.Status().Faults))
	})
	m.Counter("throng_cluster_unread_messages_total", "Messages of other nodes that this node could not read: another version, or damaged.", n.Unread)
	m.Counter("throng_cluster_dropped_messages_total", "Messages from or to other nodes that were dropped, because 64 MiB of them waited on this node.", n.Dropped)
}

// watchLogs registers the state of each log of rooms.
func watchLogs(m *metrics.Metrics, n *cluster.Node) {
	m.TableBy("log", []metrics.Column{
		{Name: "throng_cluster_applied_records", Help: "Number of the newest record that this node has applied, by log."},
		{Name: "throng_cluster_log_available", Help: "1 if the log has an owner that is alive, as far as this node knows, else 0."},
		{Name: "throng_cluster_log_owned", Help: "1 if this node owns the log, else 0."},
		{Name: "throng_cluster_log_lag_records", Help: "Records of the owner that this node has not applied."},
		{Name: "throng_cluster_log_waiting_requests", Help: "Publications and changes of clients of this node that wait for the owner of the log."},
		{Name: "throng_cluster_log_bytes_total", Help: "Bytes of the records that this node has committed, or has received from the owner."},
		{Name: "throng_cluster_log_gaps_total", Help: "Times that records of the owner did not arrive, and were read from the log, or from the owner."},
		{Name: "throng_cluster_log_resent_requests_total", Help: "Requests of this node to the owner that were sent again."},
		{Name: "throng_cluster_log_owner_changes_total", Help: "Times that the log got another owner, as far as this node knows."},
	}, func(row func(log string, columns ...float64)) {
		for _, l := range n.Status().Logs {
			row(l.Name, float64(l.Applied), number(l.Owner != ""), number(l.Owned), float64(l.Lag), float64(l.Waiting),
				float64(l.Bytes), float64(l.Gaps), float64(l.Resent), float64(l.Changes))
		}
	})
}

// watchLinks registers the state of the link from each other node.
func watchLinks(m *metrics.Metrics, n *cluster.Node) {
	m.TableBy("peer", []metrics.Column{
		{Name: "throng_cluster_link_up", Help: "1 if a heartbeat of the node has arrived within 1.5 s, else 0."},
		{Name: "throng_cluster_link_seconds_silent", Help: "Seconds since the last heartbeat of the node."},
		{Name: "throng_cluster_link_received_messages_total", Help: "Messages of the node."},
		{Name: "throng_cluster_link_received_bytes_total", Help: "Bytes of the messages of the node."},
		{Name: "throng_cluster_link_gaps_total", Help: "Times that messages of the node were missing, so that it was asked for its whole presence."},
		{Name: "throng_cluster_link_resyncs_total", Help: "Times that messages to the node were missing, so that the whole presence was sent to it again."},
	}, func(row func(peer string, columns ...float64)) {
		for _, l := range n.Status().Links {
			row(l.Peer, number(l.Up), l.Silent, float64(l.Messages), float64(l.Bytes), float64(l.Gaps), float64(l.Resyncs))
		}
	})
}

// number returns 1 for true.
func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

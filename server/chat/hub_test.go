package chat

import (
	"log/slog"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
)

// newTestHub returns a hub whose shards take jobs and do not do them.
func newTestHub(t testing.TB, rooms ...RoomOptions) *Hub {
	t.Helper()
	return newTestHubOf(1, rooms...)
}

func newTestHubOf(shards int, rooms ...RoomOptions) *Hub {
	e := fanout.NewEngine(fanout.Config{Shards: shards, MaxConnections: 100, MaxMessage: 64 << 10, MaxUnsent: 1 << 20, MaxRetained: 64 << 20},
		slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()))
	return New(Config{Rooms: rooms, OtherRooms: RoomsOpen, HistoryBytes: 64 << 20}, Formats{}, e)
}

// roomWithHistory returns default options with a history of ten publications and one minute.
func roomWithHistory(pattern string) RoomOptions {
	o := DefaultRoom()
	o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery = pattern, 10, time.Minute, true
	return o
}

package server

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/fanout"
)

// handOverTimeout is the time to store what this node has accepted, and for the next owners to begin.
const handOverTimeout = 5 * time.Second

// leaveCluster hands the logs over, and closes the clients until a time, a part of them after another: they reconnect to the other nodes. Those that
// are not closed yet send and receive by the next owner.
func (s *Server) leaveCluster(until time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), min(time.Until(until)/2, handOverTimeout))
	defer cancel()
	if err := s.node.HandOver(ctx); err != nil {
		s.log.Error("publications are not stored, and were not acknowledged", "error", err)
	}
	within := time.Until(until) * 4 / 5 // the rest is for the closing handshakes
	ticks := time.NewTicker(fanout.SpreadTick)
	defer ticks.Stop()
	ctx, cancel = context.WithDeadline(context.Background(), time.Now().Add(within))
	defer cancel()
	parts := fanout.SpreadParts(int(s.sessions.Live.Load()), within)
	s.sessions.CloseSpread(ctx, ticks.C, parts, fanout.ClosedShutdown, "server restarts")
}

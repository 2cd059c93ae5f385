package bench

import (
	"math"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// estimateMemory estimates the server's memory per connection.
//
// With levels it is the slope of a line through them. Memory that is free before the first connection, such as the garbage of a start,
// moves the line but not its slope. The error is half of the slope's 95 % interval, or half of the difference between the slopes of the
// lower and the upper levels, whichever is larger: garbage collection bends the line, and its points are not independent.
//
// Without levels it is the growth from before the first connection until all are connected, or until the end of the run. The error is the
// memory before the first connection, divided by the connections, because growth can hide in it.
func estimateMemory(s *result.Server, opened int, untilEnd bool) {
	if s.PSSBefore == 0 || opened == 0 {
		return
	}
	var connections, pss []float64
	for _, l := range s.Levels {
		connections, pss = append(connections, float64(l.Connections)), append(pss, float64(l.PSS))
	}
	if slope, half, ok := stats.SlopeWithin(connections, pss); ok {
		s.PerConn, s.PerConnError = slope, max(half, bend(connections, pss))
		return
	}
	s.Levels = nil // too few for a line
	last := s.PSSConnected
	if untilEnd {
		last = s.PSSAfter
	}
	s.PerConn = float64(last-s.PSSBefore) / float64(opened)
	s.PerConnError = float64(s.PSSBefore) / float64(opened)
}

// bend returns half of the difference between the slopes of the lower and the upper half of the points; 0 for fewer than six points.
func bend(xs, ys []float64) float64 {
	n := len(xs) / 2
	lower, _, ok1 := stats.SlopeWithin(xs[:n], ys[:n])
	upper, _, ok2 := stats.SlopeWithin(xs[n:], ys[n:])
	if !ok1 || !ok2 {
		return 0
	}
	return math.Abs(upper-lower) / 2
}

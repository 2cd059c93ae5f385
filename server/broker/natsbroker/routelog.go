//go:build !nonats

package natsbroker

import (
	"fmt"
	"log/slog"
	"sync"
)

const (
	// routeReports is the number of attempts to reach another node, about one a second, of which the server reports one, besides the first.
	routeReports = 10
	// routeShown is the number of attempts of which one is a warning, besides the first report.
	routeShown = 60

	maxRouteErrors = 100 // different ones that are kept
)

// routeLog decides which reports about a node that cannot be reached are warnings. Each node has several connections, which report the same.
type routeLog struct {
	mu    sync.Mutex
	shown map[string]int // the last attempt with a warning, by the error
}

// level returns the level of a report with an attempt and its error. The first attempts are usual: nodes start one after another. A node that restarts is back
// before the first warning.
func (rl *routeLog) level(v []any) slog.Level {
	if len(v) < 2 {
		return slog.LevelWarn
	}
	attempt, isNumber := v[0].(int)
	if !isNumber {
		return slog.LevelWarn
	}
	if attempt != routeReports && (attempt < routeShown || attempt%routeShown != 0) {
		return slog.LevelDebug
	}
	rl.mu.Lock()
	defer rl.mu.Unlock()
	if rl.shown == nil || len(rl.shown) >= maxRouteErrors {
		rl.shown = map[string]int{}
	}
	why := fmt.Sprint(v[1])
	if rl.shown[why] == attempt {
		return slog.LevelDebug
	}
	rl.shown[why] = attempt
	return slog.LevelWarn
}

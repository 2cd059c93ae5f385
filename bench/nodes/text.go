//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// millis returns the p99 of a distribution, or its maximum if it has too few values.
func millis(d *result.Distribution) string { return millisAt(d, 99) }

// millisAt returns the p50 or the p99 in milliseconds.
func millisAt(d *result.Distribution, percentile int) string {
	if d == nil {
		return "–"
	}
	v := d.P99
	if percentile == 50 {
		v = d.P50
	}
	if v == nil {
		v = &d.Max
	}
	return fmt.Sprintf("%.2f", float64(*v)/float64(time.Millisecond))
}

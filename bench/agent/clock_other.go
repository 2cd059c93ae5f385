//go:build !linux

package agent

import "time"

const clockOffset = 0

// sleepUntil waits for a moment of the clock now.
func sleepUntil(at int64) { time.Sleep(time.Duration(at - Now())) }

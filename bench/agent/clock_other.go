//go:build !linux

package agent

import "time"

const clockOffset = 0

// sleepUntil sleeps until the time at of the clock Now.
func sleepUntil(at int64) { time.Sleep(time.Duration(at - Now())) }

package logqueue

import (
	"time"

	"golang.org/x/time/rate"
)

// EverySecond returns a limit for log messages that unknown clients can cause: Do runs a function at most once per second.
func EverySecond() rate.Sometimes { return rate.Sometimes{Interval: time.Second} }

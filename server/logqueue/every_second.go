package logqueue

import (
	"time"

	"golang.org/x/time/rate"
)

// EverySecond is for what strangers cause and the log tells: it runs a function once a second at most.
func EverySecond() rate.Sometimes { return rate.Sometimes{Interval: time.Second} }

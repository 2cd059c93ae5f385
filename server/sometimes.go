package server

import (
	"time"

	"golang.org/x/time/rate"
)

// everySecond is for what strangers cause and the log tells: it runs a function once a second at most.
func everySecond() rate.Sometimes { return rate.Sometimes{Interval: time.Second} }

//go:build unix && !linux

package netpoll

import "time"

// LimitUnacknowledged has no effect here. A peer that is gone is noticed when the retransmissions of TCP end.
func LimitUnacknowledged(*Socket, time.Duration) error { return nil }

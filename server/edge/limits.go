package edge

import "time"

// The limits of the public port that several files need.
const (
	MaxHead            = 8 << 10               // bytes of the head of a handshake
	MaxHeadLines       = 64                    // header lines of a request
	HeadTimeout        = 5 * time.Second       // for a head to arrive
	acceptErrorBackoff = 50 * time.Millisecond // after an accept that failed
)

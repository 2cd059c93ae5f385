//go:build shortraft && !nonats

package natsbroker

import (
	"time"
	_ "unsafe" // go:linkname
)

// With the build tag shortraft, another node leads the storage of a log within about 3 s after the death of the one before, instead of 10 s. The server has no
// option for it. A disk that does not answer for a second then causes elections that nobody needs.

//go:linkname minElectionTimeout github.com/nats-io/nats-server/v2/server.minElectionTimeout
var minElectionTimeout time.Duration

//go:linkname maxElectionTimeout github.com/nats-io/nats-server/v2/server.maxElectionTimeout
var maxElectionTimeout time.Duration

//go:linkname hbInterval github.com/nats-io/nats-server/v2/server.hbInterval
var hbInterval time.Duration

//go:linkname lostQuorumInterval github.com/nats-io/nats-server/v2/server.lostQuorumInterval
var lostQuorumInterval time.Duration

func init() {
	minElectionTimeout, maxElectionTimeout = 1200*time.Millisecond, 2500*time.Millisecond // 4 s and 9 s
	hbInterval, lostQuorumInterval = 250*time.Millisecond, 2500*time.Millisecond          // 1 s and 10 s
}

package result

import (
	"time"
)

// Connect is how the connections opened.
type Connect struct {
	Opened  int            `json:"opened"`
	Took    time.Duration  `json:"took_ns"`
	PerS    float64        `json:"per_s"`
	Time    *Distribution  `json:"time"`    // of one, TCP to the answer of the handshake
	TCP     *Distribution  `json:"tcp"`     // of that, until the kernels were connected
	Upgrade *Distribution  `json:"upgrade"` // the rest
	Failed  map[string]int `json:"failed"`  // by why
	Left    int            `json:"left"`    // that left as planned
	Joined  int            `json:"joined"`  // that came back
}

// Sent is what became of the schedule. Offered and Achieved are of the measured part.
type Sent struct {
	Messages   uint64        `json:"messages"` // the warm-up's too
	Offered    float64       `json:"offered_per_s"`
	Achieved   float64       `json:"achieved_per_s"`
	Lag        *Distribution `json:"lag"`        // from the intended moment of a message to its send
	Unsendable uint64        `json:"unsendable"` // their publisher's connection was gone
	Died       uint64        `json:"died"`       // sent, but reached nobody before their publisher's connection ended
}

// Latency is how long deliveries took. nil where there were none.
type Latency struct {
	Each  *Distribution `json:"each"`  // every delivery, from the intended moment of its message
	Sent  *Distribution `json:"sent"`  // every delivery, from the send
	First *Distribution `json:"first"` // the first receiver of each sampled message, from the intended moment
	Last  *Distribution `json:"last"`  // its last receiver
	Span  *Distribution `json:"span"`  // from the first to the last
	Ping  *Distribution `json:"ping"`  // WebSocket ping to pong, of an idle run
}

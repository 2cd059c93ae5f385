package result

import (
	"time"
)

// Connect is the result of opening the connections.
type Connect struct {
	Opened  int            `json:"opened"`
	Took    time.Duration  `json:"took_ns"`
	PerS    float64        `json:"per_s"`
	Time    *Distribution  `json:"time"`          // of one connection: TCP and handshakes; with a ramp, from the scheduled time
	Lag     *Distribution  `json:"lag,omitempty"` // with a ramp: from the scheduled time of a connection to its dial
	TCP     *Distribution  `json:"tcp"`           // the TCP part
	TLS     *Distribution  `json:"tls,omitempty"` // the handshake of TLS, on a URL wss://
	Upgrade *Distribution  `json:"upgrade"`       // the handshake of WebSocket, and the steps of the protocol
	Failed  map[string]int `json:"failed"`        // by reason
	Left    int            `json:"left"`          // that left as planned
	Joined  int            `json:"joined"`        // that returned
}

// Sent is how much of the schedule was sent. Offered and Achieved are messages a second in the measured part.
type Sent struct {
	Messages   uint64        `json:"messages"` // including the warm-up
	Offered    float64       `json:"offered_per_s"`
	Achieved   float64       `json:"achieved_per_s"`
	Lag        *Distribution `json:"lag"`        // from the scheduled time of a message to its send
	Unsendable uint64        `json:"unsendable"` // the publisher's connection had ended
	Died       uint64        `json:"died"`       // sent, but received by no member before the publisher's connection ended
}

// Latency has the latencies of deliveries. A field is nil if there were none.
type Latency struct {
	Each  *Distribution `json:"each"`  // every delivery, from the scheduled time
	Sent  *Distribution `json:"sent"`  // every delivery, from the send
	First *Distribution `json:"first"` // first receiver of each sampled message, from the scheduled time
	Last  *Distribution `json:"last"`  // its last receiver
	Span  *Distribution `json:"span"`  // from the first to the last receiver
	Ping  *Distribution `json:"ping"`  // WebSocket ping to pong, of an idle run
}

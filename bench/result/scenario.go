package result

import (
	"time"
)

// Storm is a reconnect storm.
type Storm struct {
	Killed    int           `json:"killed"`
	By        string        `json:"by"` // rst, fin or silence
	Back50    time.Duration `json:"back_50_ns"`
	Back99    time.Duration `json:"back_99_ns"`
	Back100   time.Duration `json:"back_100_ns"` // 0 where not all came back
	Back      int           `json:"back"`
	PerS      float64       `json:"handshakes_per_s"`
	Refused   int           `json:"refused"`   // attempts that failed and were made again
	Untouched *Distribution `json:"untouched"` // latency of those who were not killed, from the kill until all were back
	Before    *Distribution `json:"before"`    // theirs before that
}

// Resume is what those who came back were given of what had been said while they were away. What was not, and what they were not told
// of, is lost, as anything else.
type Resume struct {
	Clients   int     `json:"clients"`         // that came back and asked
	Recovered uint64  `json:"recovered"`       // deliveries that they were given
	Missed    int     `json:"missed"`          // clients that were told that not all of it was left
	Told      uint64  `json:"told"`            // deliveries that those were not given, and knew of
	Needed    History `json:"needed,omitzero"` // that would have been enough for all of them
}

// History is what a room must keep so that a client that comes back misses nothing.
type History struct {
	Messages uint64 `json:"messages"`
	Age      int64  `json:"age_ns"` // of the oldest
}

// Cover makes h enough for what other is enough for.
func (h *History) Cover(other History) {
	h.Messages, h.Age = max(h.Messages, other.Messages), max(h.Age, other.Age)
}

// Slow is what readers that stopped did to the others.
type Slow struct {
	Stopped  int            `json:"stopped"`
	Cut      int            `json:"cut"` // closed by the server
	CutAfter *Distribution  `json:"cut_after"`
	Closes   map[string]int `json:"closes"`
	Before   *Distribution  `json:"before"`    // latency of the healthy before
	Healthy  *Distribution  `json:"healthy"`   // and after some stopped
	Grown    int64          `json:"pss_grown"` // of the server, from the stop to its peak
}

// ToldText is how much those who were told of a gap missed; empty for nothing.
func (rs *Resume) ToldText() string {
	if rs.Told == 0 {
		return ""
	}
	return ": " + Number(rs.Told, "delivery", "deliveries")
}

func were(n int) string {
	if n == 1 {
		return "1 was"
	}
	return Thousands(n) + " were"
}

package result

import (
	"time"
)

// Storm is the result of a reconnect storm.
type Storm struct {
	Killed    int           `json:"killed"`
	By        string        `json:"by"` // rst, fin or silence; or the signal that ended their node
	Back50    time.Duration `json:"back_50_ns"`
	Back99    time.Duration `json:"back_99_ns"`
	Back100   time.Duration `json:"back_100_ns"` // 0 if not all returned
	Back      int           `json:"back"`
	PerS      float64       `json:"handshakes_per_s"`
	Refused   int           `json:"refused"`   // failed attempts, which were repeated
	Untouched *Distribution `json:"untouched"` // latency of the clients that were not killed, from the kill until all were back
	Before    *Distribution `json:"before"`    // their latency before

	Node     string        `json:"node,omitempty"`        // URL of the node that ended; else the fields below are not set
	Away     *Distribution `json:"away,omitempty"`        // from the end of a connection until its client was back
	MostEnds float64       `json:"most_ends,omitempty"`   // largest share of the connections that ended in a slot of 100 ms
	LastEnd  time.Duration `json:"last_end_ns,omitempty"` // end of the last slot in which a connection ended, from the signal
}

// Resume is the recovery of clients that returned. A missed message that was neither recovered nor reported as missed counts as lost.
type Resume struct {
	Clients   int     `json:"clients"`         // that returned and requested recovery
	Recovered uint64  `json:"recovered"`       // recovered deliveries
	Missed    int     `json:"missed"`          // clients to which the server reported a gap
	Reported  uint64  `json:"told"`            // deliveries that the server reported as missed
	Needed    History `json:"needed,omitzero"` // the history that would have avoided all gaps
}

// History is the history that a room needs so that every client recovers all missed messages.
type History struct {
	Messages uint64 `json:"messages"`
	Age      int64  `json:"age_ns"` // age of the oldest message
}

// Cover increases h to include other.
func (h *History) Cover(other History) {
	h.Messages, h.Age = max(h.Messages, other.Messages), max(h.Age, other.Age)
}

// Slow is the effect of connections that stopped reading.
type Slow struct {
	Stopped  int            `json:"stopped"`
	Cut      int            `json:"cut"` // closed by the server
	CutAfter *Distribution  `json:"cut_after"`
	Closes   map[string]int `json:"closes"`
	Before   *Distribution  `json:"before"`    // latency of the other clients before the stop
	Healthy  *Distribution  `json:"healthy"`   // and after it
	Grown    int64          `json:"pss_grown"` // growth of the server, from the stop to its peak
}

// ReportedText returns the number of deliveries that the server reported as missed, or an empty string for 0.
func (rs *Resume) ReportedText() string {
	if rs.Reported == 0 {
		return ""
	}
	return ": " + Number(rs.Reported, "delivery", "deliveries")
}

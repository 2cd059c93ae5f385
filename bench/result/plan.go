package result

import (
	"time"
)

// Env is where it ran.
type Env struct {
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`   // this process may use
	Machine   int    `json:"machine"` // all there are
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	OpenFiles uint64 `json:"open_files"`
}

// Target is the server.
type Target struct {
	URL      string `json:"url"`
	Protocol string `json:"protocol"`
	PID      int    `json:"pid"` // 0 where its process could not be seen
	Command  string `json:"command,omitempty"`
}

// Plan is what was to be done.
type Plan struct {
	Scenario    string        `json:"scenario"`
	Connections int           `json:"connections"`
	Rooms       int           `json:"rooms"`
	Largest     int           `json:"largest_room"`
	Rate        float64       `json:"rate"` // messages, all publishers together
	Poisson     bool          `json:"poisson"`
	Closed      int           `json:"closed"` // messages under way at a time; 0 for the open loop
	Size        int           `json:"size"`
	Publishers  int           `json:"publishers"`
	NoEcho      bool          `json:"no_echo,omitempty"` // who sends a message does not receive it
	Churn       float64       `json:"churn_per_min"`     // share of the connections that leave and come back
	Duration    time.Duration `json:"duration_ns"`
	Warmup      time.Duration `json:"warmup_ns"` // cut off the front
	WarmupAuto  bool          `json:"warmup_auto"`
	Seed        uint64        `json:"seed"`
	Sources     int           `json:"sources"` // addresses dialled from, of one agent
}

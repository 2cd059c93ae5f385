package result

import (
	"time"
)

// Env is the machine of the run.
type Env struct {
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`   // available to this process
	Machine   int    `json:"machine"` // all cores of the machine
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	OpenFiles uint64 `json:"open_files"`
}

// Target is the server.
type Target struct {
	URL      string `json:"url"`
	Protocol string `json:"protocol"`
	Spread   bool   `json:"spread,omitempty"` // the members of each room are at all URLs
	TLS      string `json:"tls,omitempty"`    // version and cipher suite of the first connection; empty without TLS
	PID      int    `json:"pid"`              // 0 if its process was not visible
	Command  string `json:"command,omitempty"`
}

// Plan is the configuration of the run.
type Plan struct {
	Scenario    string        `json:"scenario"`
	Connections int           `json:"connections"`
	Rooms       int           `json:"rooms"`
	Largest     int           `json:"largest_room"`
	Rate        float64       `json:"rate"` // messages, all publishers together
	Poisson     bool          `json:"poisson"`
	Closed      int           `json:"closed"` // messages in flight; 0 for the open loop
	Size        int           `json:"size"`
	Publishers  int           `json:"publishers"`
	NoEcho      bool          `json:"no_echo,omitempty"`  // the server does not return a message to its sender
	Compress    bool          `json:"compress,omitempty"` // permessage-deflate was offered
	Churn       float64       `json:"churn_per_min"`      // share of the connections that leave and return
	Duration    time.Duration `json:"duration_ns"`
	Warmup      time.Duration `json:"warmup_ns"` // removed from the beginning
	WarmupAuto  bool          `json:"warmup_auto"`
	Seed        uint64        `json:"seed"`
	Ramp        float64       `json:"ramp_per_s,omitempty"` // connections opened; 0: as fast as the server answers
	Sources     int           `json:"sources"`              // source addresses of one agent
}

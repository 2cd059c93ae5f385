package result

import (
	"fmt"
	"time"
)

// Server is what the server's process used. All is 0 where it could not be observed.
type Server struct {
	ConnectCPU   time.Duration `json:"connect_cpu_ns"` // while the connections opened
	CPU          time.Duration `json:"cpu_ns"`         // while it was measured
	Cores        float64       `json:"cores"`
	PerDelivery  float64       `json:"cpu_ns_per_delivery"`
	PerUpgrade   float64       `json:"cpu_ns_per_upgrade"` // 0 where too little was used to tell
	RSSBefore    int64         `json:"rss_before"`
	RSSConnected int64         `json:"rss_connected"`
	RSSAfter     int64         `json:"rss_after"`
	PSSBefore    int64         `json:"pss_before"`
	PSSConnected int64         `json:"pss_connected"`
	PSSAfter     int64         `json:"pss_after"`
	PerConn      float64       `json:"pss_per_connection"` // see Result.MemoryPerConn for whether it can be believed
	PerConnError float64       `json:"pss_per_connection_error,omitempty"`
	Levels       []Level       `json:"pss_levels,omitempty"`  // of an idle run, while it connected
	KernelPer    float64       `json:"kernel_per_connection"` // TCP memory of the machine, grown by connecting
}

// Client is what the agents used, all together.
type Client struct {
	CPU         time.Duration `json:"cpu_ns"` // while it was measured
	Cores       float64       `json:"cores"`
	Busiest     float64       `json:"busiest"` // the busiest agent's share of what it may use: 1 is all of it
	PerDelivery float64       `json:"cpu_ns_per_delivery"`
	Reads       uint64        `json:"reads"` // while it was measured
	PerConn     float64       `json:"pss_per_connection"`
	LoopLag     *Distribution `json:"loop_lag"` // how late an agent's poller came to what was due
	GCPause     time.Duration `json:"gc_pause_ns"`
	Others      float64       `json:"others_cores,omitempty"` // of this machine, that neither the client nor the server used; 0 where that is not known
	Throttled   time.Duration `json:"throttled_ns"`           // the agent that its control groups held up longest, while it was measured
}

// Floor is what this machine's kernel charges for the same bytes to as many sockets, by bare system calls.
type Floor struct {
	PerDelivery   float64 `json:"cpu_ns_per_delivery"`
	PerUpgrade    float64 `json:"cpu_ns_per_upgrade"`
	DeliveryRatio float64 `json:"delivery_ratio"` // the server's cost as a multiple; 0 where either is not known
	UpgradeRatio  float64 `json:"upgrade_ratio"`
	PerS          float64 `json:"deliveries_per_s"` // at which it was measured
}

// Agent is one process that held connections.
type Agent struct {
	Name        string  `json:"name"` // "local 0", or its address
	PID         int     `json:"pid"`
	Connections int     `json:"connections"`
	Cores       float64 `json:"cores"`
	Of          float64 `json:"of_cores"`
	PSS         int64   `json:"pss"`
	ClockError  int64   `json:"clock_error_ns"` // ± what its clock may be off the coordinator's; 0 on one machine
}

// leastNoise is the least multiple of the floor that two runs of one minute may differ by: what is below costs less than one send()
// for each delivery does.
const leastNoise = 0.75

// Delivery is what a delivery cost as a multiple of the floor, in words; empty where it was not measured.
func (fl *Floor) Delivery() string {
	if v := fl.DeliveryRatio; v > 0 && v < leastNoise {
		return fmt.Sprintf("%.2f × the kernel's floor: it sends several messages together", v)
	}
	return multiple(fl.DeliveryRatio)
}

// Upgrade is Delivery for an upgrade.
func (fl *Floor) Upgrade() string { return multiple(fl.UpgradeRatio) }

// multiple tells a cost beside the floor, below which there is only noise.
func multiple(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 1:
		return fmt.Sprintf("at the kernel's floor, within noise (%.2f ×)", v)
	default:
		return fmt.Sprintf("%.2f × the kernel's floor", v)
	}
}

// Level is the server's memory at a number of connections.
type Level struct {
	Connections int   `json:"connections"`
	PSS         int64 `json:"pss"`
}

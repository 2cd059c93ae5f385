package result

import (
	"fmt"
	"time"
)

// Server is the resource usage of the server's process. All fields are 0 if the process was not visible. Memory is in bytes.
type Server struct {
	ConnectCPU   time.Duration `json:"connect_cpu_ns"` // while the connections opened
	CPU          time.Duration `json:"cpu_ns"`         // in the measured time
	Cores        float64       `json:"cores"`
	PerDelivery  float64       `json:"cpu_ns_per_delivery"`
	PerUpgrade   float64       `json:"cpu_ns_per_upgrade"` // 0 if too little was used to measure it
	RSSBefore    int64         `json:"rss_before"`
	RSSConnected int64         `json:"rss_connected"`
	RSSAfter     int64         `json:"rss_after"`
	PSSBefore    int64         `json:"pss_before"`
	PSSConnected int64         `json:"pss_connected"`
	PSSAfter     int64         `json:"pss_after"`
	PerConn      float64       `json:"pss_per_connection"` // Result.MemoryPerConn reports whether it is reliable
	PerConnError float64       `json:"pss_per_connection_error,omitempty"`
	Levels       []Level       `json:"pss_levels,omitempty"`  // of an idle run, while it connected
	KernelPer    float64       `json:"kernel_per_connection"` // growth of the machine's TCP memory while the connections opened
}

// Client is the resource usage of all agents together.
type Client struct {
	CPU         time.Duration `json:"cpu_ns"` // in the measured time
	Cores       float64       `json:"cores"`
	Busiest     float64       `json:"busiest"` // share of its available CPU that the busiest agent used, 0 to 1
	PerDelivery float64       `json:"cpu_ns_per_delivery"`
	Reads       uint64        `json:"reads"` // in the measured time
	PerConn     float64       `json:"pss_per_connection"`
	LoopLag     *Distribution `json:"loop_lag"` // delay of an agent's poller
	GCPause     time.Duration `json:"gc_pause_ns"`
	Others      float64       `json:"others_cores,omitempty"` // cores of this machine used by other programs; 0 if not known
	Throttled   time.Duration `json:"throttled_ns"`           // in the measured time, of the agent that CPU quotas stopped longest
}

// Floor is the kernel's cost of sending the same bytes to the same number of sockets, without TLS and compression.
type Floor struct {
	PerDelivery   float64 `json:"cpu_ns_per_delivery"`
	PerUpgrade    float64 `json:"cpu_ns_per_upgrade"`
	DeliveryRatio float64 `json:"delivery_ratio"` // cost of the server as a multiple; 0 if either is not known
	UpgradeRatio  float64 `json:"upgrade_ratio"`
	PerS          float64 `json:"deliveries_per_s"` // the rate at which it was measured
}

// Agent is one process that held connections.
type Agent struct {
	Name        string  `json:"name"` // "local 0", or its address
	PID         int     `json:"pid"`
	Connections int     `json:"connections"`
	Cores       float64 `json:"cores"`
	Of          float64 `json:"of_cores"`
	PSS         int64   `json:"pss"`
	ClockError  int64   `json:"clock_error_ns"` // largest error of its clock; 0 on one machine
}

// PlainFloor says what the floor lacks that the server has: TLS and compression. It is empty for nothing.
func (r *Result) PlainFloor() string {
	const text = "that of the same messages as plain bytes, without "
	switch {
	case r.Target.TLS != "" && r.Compression != nil:
		return text + "TLS and compression"
	case r.Target.TLS != "":
		return text + "TLS"
	case r.Compression != nil:
		return text + "compression"
	}
	return ""
}

// leastNoise is the smallest multiple of the floor that noise explains: two runs within a minute differ by that much. A lower multiple
// means less than one send() per delivery.
const leastNoise = 0.75

// Delivery returns the cost of a delivery as a multiple of the floor, as text, or an empty string if it was not measured.
func (fl *Floor) Delivery() string {
	if v := fl.DeliveryRatio; v > 0 && v < leastNoise {
		return fmt.Sprintf("%.2f × the kernel's floor: it sends several messages together", v)
	}
	return multiple(fl.DeliveryRatio)
}

// Upgrade returns the cost of an upgrade in the same form.
func (fl *Floor) Upgrade() string { return multiple(fl.UpgradeRatio) }

// multiple returns a multiple of the floor as text. A multiple below 1 is noise.
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

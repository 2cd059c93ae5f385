package observe

// Row is what was seen of the server's process, and of the kernel it runs on, at one moment. Counters count from the first row of the
// run. What could not be read is 0 or nil. Memory is in bytes.
type Row struct {
	T           float64            `json:"t_s"`     // on the axis of result.Second
	Cores       float64            `json:"cores"`   // processor time a second since the row before
	Threads     []Thread           `json:"threads"` // the busiest first, at most 32
	RSS         int64              `json:"rss"`
	PSS         int64              `json:"pss"` // once in ten seconds: reading it stops the process for a moment; 0 between
	Files       int                `json:"files"`
	Voluntary   uint64             `json:"voluntary_switches"`
	Involuntary uint64             `json:"involuntary_switches"`
	Throttled   float64            `json:"throttled_s"` // by the CPU quota of its control group
	TCPMemory   int64              `json:"tcp_memory"`  // of the machine
	Sockets     int                `json:"sockets"`     // TCP sockets in use, of the machine
	Retransmits uint64             `json:"retransmits"`
	Overflows   uint64             `json:"listen_overflows"`
	Drops       uint64             `json:"listen_drops"`
	Metrics     map[string]float64 `json:"metrics,omitempty"` // of the server's own /metrics: series by name with labels
	Machine     float64            `json:"machine_cores"`     // busy, of the whole machine, since the row before
}

// Thread is what one thread of the process used since the row before.
type Thread struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Cores float64 `json:"cores"`
}

package observe

// Row has the values of the server's process and of its kernel at one moment. Counters count from the first row of the run. A value that
// could not be read is 0 or nil. Memory is in bytes.
type Row struct {
	T           float64            `json:"t_s"`     // on the time axis of result.Second
	Cores       float64            `json:"cores"`   // CPU time per second since the last row
	Threads     []Thread           `json:"threads"` // the busiest first, at most 32
	RSS         int64              `json:"rss"`
	PSS         int64              `json:"pss"` // every 10 s, because reading it stops the process for a moment; otherwise 0
	Files       int                `json:"files"`
	Voluntary   uint64             `json:"voluntary_switches"`
	Involuntary uint64             `json:"involuntary_switches"`
	Throttled   float64            `json:"throttled_s"` // time for which the CPU quota of its control group stopped it
	TCPMemory   int64              `json:"tcp_memory"`  // of the machine
	Sockets     int                `json:"sockets"`     // TCP sockets in use, of the machine
	Retransmits uint64             `json:"retransmits"`
	Overflows   uint64             `json:"listen_overflows"`
	Drops       uint64             `json:"listen_drops"`
	Metrics     map[string]float64 `json:"metrics,omitempty"` // the server's own /metrics: series by name with labels
	Machine     float64            `json:"machine_cores"`     // busy cores of the whole machine since the last row
}

// Thread is the usage of one thread since the last row.
type Thread struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Cores float64 `json:"cores"`
}

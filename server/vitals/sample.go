package vitals

// Series is one number that each sample has.
type Series uint8

// The series. A rate counts what happened in the second of the sample. Times are in ms, sizes in bytes.
const (
	Connections Series = iota
	Opened             // rate
	Closed             // rate
	Messages           // rate
	Deliveries         // rate
	LatencyP50         // from the first job of a flush to the end of its writes
	LatencyP99
	LatencyMax
	LoopLag   // of the slowest poller
	Unsent    // bytes
	HalfFull  // connections with more than half of max-unsent
	Slow      // slow consumers
	CutSlow   // rate: slow consumers that were closed
	CutBudget // rate: those of CutSlow that were closed because a budget of bytes was used up
	CPU       // cores
	Memory    // bytes
	Records   // rate
	CommitP99
	Pauses   // rate: backpressure
	Rejected // rate: handshakes that found no place
	Dropped  // rate: what was accepted and not delivered
	seriesCount
)

// Names are the names of the series in JSON.
var Names = [seriesCount]string{
	Connections: "connections",
	Opened:      "opened",
	Closed:      "closed",
	Messages:    "messages",
	Deliveries:  "deliveries",
	LatencyP50:  "latency_p50",
	LatencyP99:  "latency_p99",
	LatencyMax:  "latency_max",
	LoopLag:     "loop_lag",
	Unsent:      "unsent",
	HalfFull:    "half_full",
	Slow:        "slow",
	CutSlow:     "cut_slow",
	CutBudget:   "cut_budget",
	CPU:         "cpu",
	Memory:      "memory",
	Records:     "records",
	CommitP99:   "commit_p99",
	Pauses:      "pauses",
	Rejected:    "rejected",
	Dropped:     "dropped",
}

// Sample is one second.
type Sample struct {
	At      int64 // Unix seconds
	Values  [seriesCount]float32
	Latency []uint32 // flushes by the bucket of their duration (Bounds); nil for none
	Closes  []uint32 // closed connections by reason; nil for none
}

// Of returns the value of a series.
func (s *Sample) Of(series Series) float64 { return float64(s.Values[series]) }

// Set sets the value of a series.
func (s *Sample) Set(series Series, value float64) { s.Values[series] = float32(value) }

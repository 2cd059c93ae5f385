// Package result is what a load test found: the result file (schema bench/1), its metrics by name (metric.go), the thresholds on
// them (threshold.go), what it says in words (words.go), and the page of text for a person (text.go). It measures nothing itself.
package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/throng-chat/throng/bench/observe"
)

// Schema is the version of the file's form. A change that a reader could not pass over gets a new one.
const Schema = "bench/1"

// Result is one run. Fields that end in _ns are nanoseconds, memory is in bytes, rates are a second.
type Result struct {
	Schema  string    `json:"schema"`
	Tool    string    `json:"tool"` // "throng 0.1.0"
	Label   string    `json:"label,omitempty"`
	Started time.Time `json:"started"`
	Args    []string  `json:"args,omitempty"` // the command line

	Verdict     Verdict     `json:"verdict"`
	Interrupted bool        `json:"interrupted"`
	Notes       []string    `json:"notes"`
	Thresholds  []Threshold `json:"thresholds"`

	Env      Env      `json:"env"`
	Target   Target   `json:"target"`
	Plan     Plan     `json:"plan"`
	Connect  Connect  `json:"connect"`
	Sent     Sent     `json:"sent"`
	Latency  Latency  `json:"latency"`
	Delivery Delivery `json:"delivery"`
	Server   Server   `json:"server"`
	Client   Client   `json:"client"`
	Floor    *Floor   `json:"floor"` // nil where it was not measured
	Storm    *Storm   `json:"storm,omitempty"`
	Slow     *Slow    `json:"slow,omitempty"`
	Resume   *Resume  `json:"resume,omitempty"` // nil where nobody asked
	Steps    []Step   `json:"steps,omitempty"`  // of ladder and find
	Found    *Found   `json:"found,omitempty"`  // of find

	Series   []Second      `json:"series"`   // from the first message, or from when all were connected
	Observed []observe.Row `json:"observed"` // the server's process and its kernel, on the same time axis
	Agents   []Agent       `json:"agents"`
}

// The words of a verdict, the gravest first.
const (
	None     = "NO VERDICT" // it did not come to a measurement
	Broken   = "DELIVERY BROKEN"
	Gaps     = "GAPS TOLD" // clients that came back missed something, and were told: the room keeps too little
	Limited  = "CLIENT-LIMITED"
	Unsteady = "NOT STEADY"
	Valid    = "VALID"
)

// Verdict says whether the figures may be believed.
type Verdict struct {
	OK   bool     `json:"ok"`   // Code is VALID and every threshold holds
	Code string   `json:"code"` // one of the words above
	Why  []string `json:"why"`
}

// Threshold is one --fail: a bound on a metric.
type Threshold struct {
	Expr  string   `json:"expr"`
	Value *float64 `json:"value"` // nil where not measured in this run
	OK    bool     `json:"ok"`    // true: the bound holds
}

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

// Connect is how the connections opened.
type Connect struct {
	Opened  int            `json:"opened"`
	Took    time.Duration  `json:"took_ns"`
	PerS    float64        `json:"per_s"`
	Time    *Distribution  `json:"time"`    // of one, TCP to the answer of the handshake
	TCP     *Distribution  `json:"tcp"`     // of that, until the kernels were connected
	Upgrade *Distribution  `json:"upgrade"` // the rest
	Failed  map[string]int `json:"failed"`  // by why
	Left    int            `json:"left"`    // that left as planned
	Joined  int            `json:"joined"`  // that came back
}

// Sent is what became of the schedule. Offered and Achieved are of the measured part.
type Sent struct {
	Messages   uint64        `json:"messages"` // the warm-up's too
	Offered    float64       `json:"offered_per_s"`
	Achieved   float64       `json:"achieved_per_s"`
	Lag        *Distribution `json:"lag"`        // from the intended moment of a message to its send
	Unsendable uint64        `json:"unsendable"` // their publisher's connection was gone
	Died       uint64        `json:"died"`       // sent, but reached nobody before their publisher's connection ended
}

// Latency is how long deliveries took. nil where there were none.
type Latency struct {
	Each  *Distribution `json:"each"`  // every delivery, from the intended moment of its message
	Sent  *Distribution `json:"sent"`  // every delivery, from the send
	First *Distribution `json:"first"` // the first receiver of each sampled message, from the intended moment
	Last  *Distribution `json:"last"`  // its last receiver
	Span  *Distribution `json:"span"`  // from the first to the last
	Ping  *Distribution `json:"ping"`  // WebSocket ping to pong, of an idle run
}

// Delivery is the proof.
type Delivery struct {
	Expected uint64         `json:"expected"`
	Got      uint64         `json:"got"`   // by all, duplicates too
	PerS     float64        `json:"per_s"` // while it was measured
	Foreign  uint64         `json:"foreign"`
	Pings    uint64         `json:"pings"`
	Closed   int            `json:"closed"`             // connections that the server ended, or that were to hold and did not
	Closes   map[string]int `json:"closes"`             // those, by why
	BadFrame uint64         `json:"bad_frame"`          // of those, closed by us for breaking RFC 6455
	OwnLost  uint64         `json:"own_lost,omitempty"` // messages that did not come back to who had sent them
	Faults
	Samples []Fault `json:"samples"` // the first of them
	Stalls  []Stall `json:"stalls"`  // a second or more without any delivery, while messages were sent
}

// Faults are the deliveries that were not as they should be.
type Faults struct {
	Lost       int `json:"lost"`
	Duplicated int `json:"duplicated"`
	Reordered  int `json:"reordered"`
	Corrupt    int `json:"corrupt"`
	Misrouted  int `json:"misrouted"` // came to a room they were not said in
}

// Add adds another's.
func (f *Faults) Add(other Faults) {
	f.Lost += other.Lost
	f.Duplicated += other.Duplicated
	f.Reordered += other.Reordered
	f.Corrupt += other.Corrupt
	f.Misrouted += other.Misrouted
}

// Any says whether there are any.
func (f Faults) Any() bool { return f != Faults{} }

// Fault is one delivery that was not as it should be.
type Fault struct {
	Kind       string `json:"kind"` // lost, duplicated, reordered, corrupt or misrouted
	Connection int    `json:"connection"`
	Room       int    `json:"room"`
	Publisher  int    `json:"publisher"` // the number of its connection; -1 where it cannot be told
	Sequence   int64  `json:"sequence"`  // of the publisher, from 0; -1 where it cannot be told
}

// Stall is a time without deliveries.
type Stall struct {
	At   float64       `json:"t_s"`
	Took time.Duration `json:"took_ns"`
}

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

// Step is one rung of a ladder, or one trial of a search.
type Step struct {
	Connections int           `json:"connections"`
	Rate        float64       `json:"rate"`
	Verdict     Verdict       `json:"verdict"`
	Achieved    float64       `json:"achieved_per_s"`
	PerS        float64       `json:"deliveries_per_s"`
	Latency     *Distribution `json:"latency"`
	Lost        int           `json:"lost"`
	ServerCores float64       `json:"server_cores"`
	PerDelivery float64       `json:"cpu_ns_per_delivery"`
	PSS         int64         `json:"pss"`
	Pass        bool          `json:"pass"`
	Why         string        `json:"why,omitempty"`   // it did not
	Floor       *Floor        `json:"floor,omitempty"` // of the last that held, where it was measured
}

// Found is the interval that a search ended with: the highest rate that held, and the lowest that failed.
type Found struct {
	Holds     float64       `json:"holds"`          // 0: none held
	Fails     float64       `json:"fails"`          // 0: none failed
	Limited   bool          `json:"client_limited"` // at Fails the client was the bottleneck
	Limit     time.Duration `json:"limit_ns"`
	Confirmed int           `json:"confirmed"` // of Confirms repeats at Holds
	Confirms  int           `json:"confirms"`
}

// Second is a row of the time series. Distributions of it are by when a delivery came.
type Second struct {
	T           float64 `json:"t_s"` // the end of the row
	Measured    bool    `json:"measured"`
	Connections int     `json:"connections"`
	Sent        float64 `json:"sent_per_s"`
	Deliveries  float64 `json:"deliveries_per_s"`
	P50         int64   `json:"p50_ns"` // 0 where nothing was delivered
	P99         int64   `json:"p99_ns"` // 0 where too little was
	Max         int64   `json:"max_ns"`
	LagP99      int64   `json:"lag_p99_ns"`
	ServerCores float64 `json:"server_cores"`
	ClientCores float64 `json:"client_cores"`
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

// Read reads a result file and refuses what is none.
func Read(r io.Reader) (*Result, error) {
	out := &Result{}
	if err := json.NewDecoder(r).Decode(out); err != nil {
		return nil, fmt.Errorf("read a result: %w", err)
	}
	switch out.Schema {
	case Schema:
		return out, nil
	case "":
		return nil, errors.New("read a result: no schema: not a result of throng bench --json")
	default:
		return nil, fmt.Errorf("read a result: schema %s: this version of throng reads %s", out.Schema, Schema)
	}
}

// Write writes the result file.
func (r *Result) Write(w io.Writer) error {
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetIndent("", "  ")
	if err := out.Encode(r); err != nil {
		return err
	}
	_, err := w.Write(printableJSON(text.Bytes()))
	return err
}

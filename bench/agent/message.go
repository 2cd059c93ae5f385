package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/result"
)

// What a coordinator and its agents say to each other: a line of JSON each. The coordinator says, in this order, Plan, Connect,
// Start, Stop and Finish, and Clock before Plan as often as it likes; an agent answers each but Stop, and in between says a Tick
// four times a second. The end of the link ends the agent's run.

// Command is what a coordinator says: one of the fields.
type Command struct {
	Clock   *Clock    `json:"clock,omitempty"`
	Plan    *Plan     `json:"plan,omitempty"`
	Connect *Connect  `json:"connect,omitempty"` // it may be sent again, with a higher number
	Start   *Start    `json:"start,omitempty"`
	Stop    *struct{} `json:"stop,omitempty"` // send no more
	Finish  *Finish   `json:"finish,omitempty"`
}

// Event is what an agent says: one of the fields.
type Event struct {
	Clock     *Clock     `json:"clock,omitempty"`
	Ready     *Ready     `json:"ready,omitempty"`
	Tick      *Tick      `json:"tick,omitempty"`
	Connected *Connected `json:"connected,omitempty"`
	Sent      *SentBy    `json:"sent,omitempty"`
	Report    *Report    `json:"report,omitempty"`
	Failed    string     `json:"failed,omitempty"` // the agent cannot go on, and why
}

// Clock asks for the time, and answers. Shift, in a question, is what the agent is to add to its clock from now on.
type Clock struct {
	Now   int64 `json:"now"`
	Shift int64 `json:"shift,omitempty"`
}

// Plan is what an agent is to do. Connection i, of all, is agent i modulo Agents' own.
type Plan struct {
	Run    uint32 `json:"run"`
	Agent  int    `json:"agent"`
	Agents int    `json:"agents"`
	Seed   uint64 `json:"seed"`

	Targets     []Target `json:"targets"` // room r is at target r modulo their number
	Protocol    Protocol `json:"protocol"`
	Headers     []string `json:"headers,omitempty"`     // of the opening handshake, "name: value"
	Subprotocol string   `json:"subprotocol,omitempty"` // to ask for
	Rooms       []string `json:"rooms"`                 // their names; "" for the server's own
	RoomOf      []int32  `json:"room_of"`               // by connection

	Publishers int           `json:"publishers"` // the first so many connections send
	Size       int           `json:"size"`
	NoEcho     bool          `json:"no_echo,omitempty"`
	Rate       uint64        `json:"rate"` // messages a second of all agents; 0 sends none
	Poisson    bool          `json:"poisson,omitempty"`
	Closed     int           `json:"closed,omitempty"` // messages under way at a time
	Ping       bool          `json:"ping,omitempty"`   // WebSocket pings are sent, not messages
	Drain      time.Duration `json:"drain_ns"`

	Churn  float64       `json:"churn,omitempty"` // connections a second that leave and come back, of all agents
	Kill   float64       `json:"kill,omitempty"`  // share of those that only listen to be killed at Start.Event
	By     string        `json:"by,omitempty"`    // how: rst, fin or silence
	Jitter time.Duration `json:"jitter_ns,omitempty"`
	Slow   float64       `json:"slow,omitempty"` // share of those that only listen to stop reading at Start.Event

	Dials       int           `json:"dials"` // handshakes under way at a time
	DialTimeout time.Duration `json:"dial_timeout_ns"`
	Pollers     int           `json:"pollers"` // threads that read; 0 for one for each two cores
}

// own returns how many of the connections with numbers below a limit are this agent's.
func (pl *Plan) own(below int) int { return (below - pl.Agent + pl.Agents - 1) / pl.Agents }

// check refuses a plan that the rest could not follow. The coordinator has checked what people ask for.
func (pl *Plan) check() error {
	switch {
	case pl.Agents < 1 || pl.Agent < 0 || pl.Agent >= pl.Agents, len(pl.Targets) == 0, len(pl.Rooms) == 0,
		len(pl.RoomOf) == 0 || pl.Publishers < 0 || pl.Publishers > len(pl.RoomOf), pl.Size < StampSize || pl.Size > MaxSize,
		pl.Dials < 1, pl.DialTimeout <= 0, pl.Closed > pl.Publishers, (pl.Rate > 0 || pl.Closed > 0) && pl.Publishers == 0:
		return errors.New("agent: invalid plan")
	}
	for _, room := range pl.RoomOf {
		if room < 0 || int(room) >= len(pl.Rooms) {
			return fmt.Errorf("agent: room %d of %d", room, len(pl.Rooms))
		}
	}
	return nil
}

// Target is where to connect.
type Target struct {
	URL     string         `json:"url"`
	Address netip.AddrPort `json:"address"`
}

// Connect opens the connections with numbers below Below. 0 opens all.
type Connect struct {
	Below int `json:"below,omitempty"`
}

// Start is when to send, as moments of the clock.
type Start struct {
	At    int64 `json:"at"`
	End   int64 `json:"end"`
	Event int64 `json:"event,omitempty"` // when some are killed, or stop reading
}

// Finish tells what all agents sent, so that what is missing can be counted.
type Finish struct {
	Sent []uint32 `json:"sent"` // by publisher
	Gone []int    `json:"gone"` // publishers whose connection has ended
}

// Ready answers Plan.
type Ready struct {
	PID     int   `json:"pid"`
	Cores   int   `json:"cores"` // that it can use
	Pollers int   `json:"pollers"`
	Sources int   `json:"sources"`
	PSS     int64 `json:"pss"`
}

// Connected answers Connect, when every connection has opened or failed. It counts from the first Connect.
type Connected struct {
	Opened  int                 `json:"opened"`
	Failed  map[string]int      `json:"failed"`
	Time    histogram.Histogram `json:"time"`
	TCP     histogram.Histogram `json:"tcp"`
	Upgrade histogram.Histogram `json:"upgrade"`
	PSS     int64               `json:"pss"`
}

// TickEvery is the time between two ticks, in nanoseconds. Those of all agents are at its multiples on the clock.
const TickEvery = 250_000_000

// Tick is how a run stands. The histograms are of the time since the tick before; all else counts from the beginning.
type Tick struct {
	N     int64         `json:"n"` // it was at N*TickEvery
	CPU   time.Duration `json:"cpu_ns"`
	GC    time.Duration `json:"gc_ns"`
	Held  time.Duration `json:"held_ns"` // up by its control groups
	Count Tally         `json:"count"`
	Sent  Sent          `json:"sent"`
	Back  int           `json:"back"` // of the killed

	Killed  int                  `json:"killed"`
	Refused int                  `json:"refused"` // attempts to come back that failed
	Each    *histogram.Histogram `json:"each,omitempty"`
	Late    *histogram.Histogram `json:"late,omitempty"` // deliveries from their send
	Touched *histogram.Histogram `json:"touched,omitempty"`
	Lag     *histogram.Histogram `json:"lag,omitempty"`
	Ping    *histogram.Histogram `json:"ping,omitempty"`
	LoopLag *histogram.Histogram `json:"loop_lag,omitempty"`
	Spans   []Span               `json:"spans,omitempty"`
}

// SentBy says that the schedule is over.
type SentBy struct {
	By   []uint32 `json:"by"` // by publisher; the largest number for another agent's
	Gone []int    `json:"gone"`
}

// Report is the end.
type Report struct {
	Tick     Tick                `json:"tick"` // the last
	Findings Findings            `json:"findings"`
	Closes   map[string]int      `json:"closes"`
	Cuts     map[string]int      `json:"cuts"`
	Cut      histogram.Histogram `json:"cut"`  // how long after it stopped reading a connection was closed
	Back     histogram.Histogram `json:"back"` // how long after they were killed the connections were back
	Stopped  int                 `json:"stopped"`
	PSS      int64               `json:"pss"`
}

// Findings are what a proof comes to.
type Findings struct {
	result.Faults
	Expected uint64         `json:"expected"`
	OwnLost  uint64         `json:"own_lost,omitempty"` // messages that did not come back to who sent them, due or not
	Told     uint64         `json:"told,omitempty"`     // deliveries that clients were told they had missed, when they came back
	Needed   result.History `json:"needed,omitzero"`    // of the room that would have had to keep most
	Died     uint64         `json:"died"`
	Samples  []result.Fault `json:"samples"`
	Orders   []Order        `json:"orders,omitempty"` // by room, where there are several agents
}

// Order stands for the order in which one agent's members heard a room: two agents that heard the same have the same. Zero
// where it is not certain.
type Order struct {
	Length uint64 `json:"n"`
	Digest uint64 `json:"d"`
}

// Sent is what became of the schedule.
type Sent struct {
	Messages   uint64 `json:"messages"`   // written
	Unsendable uint64 `json:"unsendable"` // their publisher's connection was gone
}

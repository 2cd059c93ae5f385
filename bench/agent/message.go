package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/tlsclient"
)

// Coordinator and agent exchange lines of JSON. The coordinator sends Plan, Connect, Start, Stop and Finish in this order, and any number
// of Clock before Plan. The agent answers each command except Stop, and sends a Tick four times a second. The end of the link ends the
// agent's run.

// Command is a message of the coordinator. Exactly one field is set.
type Command struct {
	Clock   *Clock    `json:"clock,omitempty"`
	Plan    *Plan     `json:"plan,omitempty"`
	Connect *Connect  `json:"connect,omitempty"` // may be repeated with a higher number
	Start   *Start    `json:"start,omitempty"`
	Stop    *struct{} `json:"stop,omitempty"` // stop sending
	Finish  *Finish   `json:"finish,omitempty"`
}

// Event is a message of an agent. Exactly one field is set.
type Event struct {
	Clock     *Clock     `json:"clock,omitempty"`
	Ready     *Ready     `json:"ready,omitempty"`
	Tick      *Tick      `json:"tick,omitempty"`
	Connected *Connected `json:"connected,omitempty"`
	Sent      *SentBy    `json:"sent,omitempty"`
	Report    *Report    `json:"report,omitempty"`
	Failed    string     `json:"failed,omitempty"` // why the agent cannot continue
}

// Clock requests the time, and answers the request. In a request, Shift is added to the agent's clock from now on.
type Clock struct {
	Now   int64 `json:"now"`
	Shift int64 `json:"shift,omitempty"`
}

// Plan is the task of an agent. Connection i belongs to agent i modulo Agents.
type Plan struct {
	Run    uint32 `json:"run"`
	Agent  int    `json:"agent"`
	Agents int    `json:"agents"`
	Seed   uint64 `json:"seed"`

	Targets     []Target           `json:"targets"`          // room r is at target r modulo their number
	Spread      bool               `json:"spread,omitempty"` // the members of each room are at all targets in turn (targets.go)
	Protocol    Protocol           `json:"protocol"`
	Headers     []string           `json:"headers,omitempty"`     // of the opening handshake, "name: value"
	Subprotocol string             `json:"subprotocol,omitempty"` // the requested subprotocol
	TLS         tlsclient.Settings `json:"tls,omitzero"`
	Compress    bool               `json:"compress,omitempty"` // offer permessage-deflate, and send various texts
	Rooms       []string           `json:"rooms"`              // their names; "" for the server's default
	RoomOf      []int32            `json:"room_of"`            // by connection

	Publishers int           `json:"publishers"` // the first connections, up to this number, publish
	Size       int           `json:"size"`
	NoEcho     bool          `json:"no_echo,omitempty"`
	Rate       uint64        `json:"rate"` // messages a second of all agents; 0 for none
	Poisson    bool          `json:"poisson,omitempty"`
	Closed     int           `json:"closed,omitempty"` // messages in flight; 0 for the open loop
	Ping       bool          `json:"ping,omitempty"`   // send WebSocket pings instead of messages
	Drain      time.Duration `json:"drain_ns"`

	Churn  float64       `json:"churn,omitempty"` // connections a second that leave and return, of all agents
	Kill   float64       `json:"kill,omitempty"`  // share of the connections that do not publish, to be killed at Start.Event
	By     string        `json:"by,omitempty"`    // how: rst, fin or silence
	Node   *int          `json:"node,omitempty"`  // the target whose server ends at Start.Event; its clients return at the others
	Jitter time.Duration `json:"jitter_ns,omitempty"`
	Slow   float64       `json:"slow,omitempty"` // share of the connections that do not publish, to stop reading at Start.Event

	Dials       int           `json:"dials"`          // concurrent handshakes
	Ramp        int           `json:"ramp,omitempty"` // connections opened a second, of all agents; 0: as fast as the server answers
	DialTimeout time.Duration `json:"dial_timeout_ns"`
	Pollers     int           `json:"pollers"` // threads that read; 0 for one per two cores
}

// own returns how many of the connections with numbers below a limit are this agent's.
func (pl *Plan) own(below int) int { return (below - pl.Agent + pl.Agents - 1) / pl.Agents }

// check rejects a plan that would break the agent. The coordinator has checked the settings.
func (pl *Plan) check() error {
	switch {
	case pl.Agents < 1 || pl.Agent < 0 || pl.Agent >= pl.Agents, len(pl.Targets) == 0, len(pl.Rooms) == 0,
		len(pl.RoomOf) == 0 || pl.Publishers < 0 || pl.Publishers > len(pl.RoomOf), pl.Size < StampSize || pl.Size > MaxSize,
		pl.Spread && (len(pl.Targets) < 2 || len(pl.Targets) > MaxSpread), pl.Node != nil && (!pl.Spread || *pl.Node < 0 || *pl.Node >= len(pl.Targets)),
		pl.Dials < 1, pl.Ramp < 0, pl.DialTimeout <= 0, pl.Closed > pl.Publishers, (pl.Rate > 0 || pl.Closed > 0) && pl.Publishers == 0:
		return errors.New("agent: invalid plan")
	}
	for _, room := range pl.RoomOf {
		if room < 0 || int(room) >= len(pl.Rooms) {
			return fmt.Errorf("agent: room %d of %d", room, len(pl.Rooms))
		}
	}
	return nil
}

// Target is the address of a server.
type Target struct {
	URL     string         `json:"url"`
	Address netip.AddrPort `json:"address"`
}

// Connect opens the connections with numbers below Below. 0 opens all.
type Connect struct {
	Below int `json:"below,omitempty"`
}

// Start has the times of the schedule, in nanoseconds of the clock Now.
type Start struct {
	At    int64 `json:"at"`
	End   int64 `json:"end"`
	Event int64 `json:"event,omitempty"` // when connections are killed or stop reading
}

// Finish gives an agent what all agents sent, so that it can count the missing messages.
type Finish struct {
	Sent []uint32 `json:"sent"` // by publisher
	Gone []int    `json:"gone"` // publishers whose connection has ended
}

// Ready answers Plan.
type Ready struct {
	PID     int   `json:"pid"`
	Cores   int   `json:"cores"` // cores that the agent can use
	Pollers int   `json:"pollers"`
	Sources int   `json:"sources"`
	PSS     int64 `json:"pss"`
}

// Connected answers Connect, when every connection has opened or failed. It counts from the first Connect.
type Connected struct {
	Opened  int                 `json:"opened"`
	Failed  map[string]int      `json:"failed"`
	Time    histogram.Histogram `json:"time"` // with a ramp, from the scheduled time
	Lag     histogram.Histogram `json:"lag"`  // with a ramp, from the scheduled time to the dial
	TCP     histogram.Histogram `json:"tcp"`
	TLS     histogram.Histogram `json:"tls"`
	Upgrade histogram.Histogram `json:"upgrade"`
	Agreed  string              `json:"agreed,omitempty"` // TLS version and cipher suite of the first connection
	PSS     int64               `json:"pss"`
}

// TickEvery is the time between two ticks, in nanoseconds. All agents send their ticks at multiples of it.
const TickEvery = 250_000_000

// Tick is the state of a run. The histograms cover the time since the previous tick; the other fields count from the beginning.
type Tick struct {
	N     int64         `json:"n"` // the tick's time is N*TickEvery
	CPU   time.Duration `json:"cpu_ns"`
	GC    time.Duration `json:"gc_ns"`
	Held  time.Duration `json:"held_ns"` // time for which CPU quotas stopped the agent
	Count Tally         `json:"count"`
	Sent  Sent          `json:"sent"`
	Back  int           `json:"back"` // killed connections that have returned

	Killed  int                  `json:"killed"`
	Refused int                  `json:"refused"` // failed attempts to return
	Each    *histogram.Histogram `json:"each,omitempty"`
	Late    *histogram.Histogram `json:"late,omitempty"` // latency from the send
	Touched *histogram.Histogram `json:"touched,omitempty"`
	Lag     *histogram.Histogram `json:"lag,omitempty"`
	Ping    *histogram.Histogram `json:"ping,omitempty"`
	LoopLag *histogram.Histogram `json:"loop_lag,omitempty"`
	Spans   []Span               `json:"spans,omitempty"`
}

// SentBy reports the end of the schedule.
type SentBy struct {
	By   []uint32 `json:"by"` // by publisher; the largest number for another agent's publisher
	Gone []int    `json:"gone"`
}

// Report is the last event of a run.
type Report struct {
	Tick     Tick                `json:"tick"` // the last tick
	Findings Findings            `json:"findings"`
	Closes   map[string]int      `json:"closes"`
	Cuts     map[string]int      `json:"cuts"`
	Windows  int                 `json:"windows,omitempty"` // of context takeover, of inflate.WindowSize bytes each
	Cut      histogram.Histogram `json:"cut"`               // time from when a connection stopped reading until the server closed it
	Back     histogram.Histogram `json:"back"`              // time from the kill until the connection was back
	Away     histogram.Histogram `json:"away"`              // time from the end of a connection until it was back, after the end of a node
	Goodbyes []int               `json:"goodbyes"`          // connections that ended with their node, by the GoodbyeSlot after the event
	Across   []Across            `json:"across"`            // by target, with Plan.Spread
	Members  []int               `json:"members"`           // open connections by target
	Stopped  int                 `json:"stopped"`
	PSS      int64               `json:"pss"`
}

// Findings are the result of the delivery check.
type Findings struct {
	result.Faults
	Expected uint64         `json:"expected"`
	OwnLost  uint64         `json:"own_lost,omitempty"` // messages that did not return to their sender, due or not
	Reported uint64         `json:"told,omitempty"`     // deliveries that the server reported as missed, to clients that returned
	Needed   result.History `json:"needed,omitzero"`    // of the room that needed most
	Died     uint64         `json:"died"`
	Samples  []result.Fault `json:"samples"`
	Orders   []Order        `json:"orders,omitempty"` // by room; only with several agents
}

// Order identifies the order in which the members of one agent received a room's messages. Two agents with the same order have equal
// values. It is zero if the order is uncertain.
type Order struct {
	Length uint64 `json:"n"`
	Digest uint64 `json:"d"`
}

// Sent is how much of the schedule was sent.
type Sent struct {
	Messages   uint64 `json:"messages"`   // written
	Unsendable uint64 `json:"unsendable"` // not written, because the publisher's connection had ended
}

package result

import (
	"fmt"
	"time"
)

// Delivery is the result of the delivery check.
type Delivery struct {
	Expected uint64         `json:"expected"`
	Got      uint64         `json:"got"`   // by all connections, duplicates included
	PerS     float64        `json:"per_s"` // in the measured time
	Foreign  uint64         `json:"foreign"`
	Pings    uint64         `json:"pings"`
	Closed   int            `json:"closed"`             // connections that the server ended, or that ended against the plan
	Closes   map[string]int `json:"closes"`             // by reason
	BadFrame uint64         `json:"bad_frame"`          // connections closed because the server broke RFC 6455
	OwnLost  uint64         `json:"own_lost,omitempty"` // messages that did not return to their sender
	Faults
	Samples []Fault `json:"samples"` // the first faults
	Stalls  []Stall `json:"stalls"`  // intervals of one second or more without a delivery, while messages were sent
}

// Faults counts the incorrect deliveries by kind.
type Faults struct {
	Lost       int `json:"lost"`
	Duplicated int `json:"duplicated"`
	Reordered  int `json:"reordered"`
	Corrupt    int `json:"corrupt"`
	Misrouted  int `json:"misrouted"` // delivered to another room
}

// Add adds the counts of other.
func (fs *Faults) Add(other Faults) {
	fs.Lost += other.Lost
	fs.Duplicated += other.Duplicated
	fs.Reordered += other.Reordered
	fs.Corrupt += other.Corrupt
	fs.Misrouted += other.Misrouted
}

// Any reports whether any count is not 0.
func (fs Faults) Any() bool { return fs != Faults{} }

// Fault is one incorrect delivery.
type Fault struct {
	Kind       string `json:"kind"` // lost, duplicated, reordered, corrupt or misrouted
	Connection int    `json:"connection"`
	Room       int    `json:"room"`
	Publisher  int    `json:"publisher"` // the number of its connection; -1 if not known
	Sequence   int64  `json:"sequence"`  // of the publisher, from 0; -1 if not known
}

// Stall is a time without deliveries.
type Stall struct {
	At   float64       `json:"t_s"`
	Took time.Duration `json:"took_ns"`
}

// Text returns the kind of the fault, its place and its message.
func (f *Fault) Text() string {
	switch {
	case f.Connection < 0:
		return fmt.Sprintf("%s: room %d, which two agents received in different orders", f.Kind, f.Room)
	case f.Publisher < 0:
		return fmt.Sprintf("%s: connection %d in room %d, an unknown message", f.Kind, f.Connection, f.Room)
	default:
		return fmt.Sprintf("%s: connection %d in room %d, message %d of publisher %d", f.Kind, f.Connection, f.Room, f.Sequence, f.Publisher)
	}
}

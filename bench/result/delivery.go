package result

import (
	"fmt"
	"time"
)

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
func (fs *Faults) Add(other Faults) {
	fs.Lost += other.Lost
	fs.Duplicated += other.Duplicated
	fs.Reordered += other.Reordered
	fs.Corrupt += other.Corrupt
	fs.Misrouted += other.Misrouted
}

// Any says whether there are any.
func (fs Faults) Any() bool { return fs != Faults{} }

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

// Text is what was wrong, where, and with which message.
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

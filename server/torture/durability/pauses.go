package durability

import (
	"sync/atomic"
	"time"
)

// pauses has the times between acknowledgements, in nanoseconds, since the load began.
type pauses struct {
	last    atomic.Int64 // when the last acknowledgement came
	longest atomic.Int64
}

// longPause is a pause that a fault has caused, rather than a busy disk.
const longPause = time.Second

// pauseLine is a line of pauses.jsonl: a long pause of a room, or the begin of the fault of a round.
type pauseLine struct {
	Room    string    `json:"room,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
	Fault   int       `json:"fault,omitempty"` // from 1 on
	At      time.Time `json:"at"`              // when the pause or the fault began
}

// watch measures the pauses of each room, too, and writes the long ones.
func (cs *counts) watch(rooms []string, to *journal) {
	cs.rooms, cs.pauses = map[string]*pauses{}, to
	for _, room := range rooms {
		cs.rooms[room] = &pauses{}
	}
}

// ack counts an acknowledgement.
func (cs *counts) ack(room string) {
	cs.acks.Add(1)
	now := time.Now()
	cs.all.ack(now)
	of := cs.rooms[room]
	if of == nil {
		return
	}
	if pause := of.ack(now); pause > longPause {
		cs.pauses.write(pauseLine{Room: room, Seconds: pause.Seconds(), At: now.Add(-pause)})
	}
}

// ack returns the time since the acknowledgement before; 0 for the first one.
func (ps *pauses) ack(now time.Time) (pause time.Duration) {
	before := ps.last.Swap(now.UnixNano())
	if before == 0 {
		return 0
	}
	pause = time.Duration(now.UnixNano() - before)
	for longest := ps.longest.Load(); int64(pause) > longest && !ps.longest.CompareAndSwap(longest, int64(pause)); longest = ps.longest.Load() {
	}
	return pause
}

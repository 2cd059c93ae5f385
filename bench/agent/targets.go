package agent

import "github.com/throng-chat/throng/bench/histogram"

// The targets of a run with several servers. Without Plan.Spread, each room is at one target. With it, the members of each room are at all targets
// in turn: a cluster has to bring each message from the target of its publisher to the others.

// MaxSpread is the largest number of targets over which rooms are spread: the latency is recorded for each of them.
const MaxSpread = 64

// TargetsOf returns the first target of each connection. Those that publish are not at the target that stops (Node).
func (pl *Plan) TargetsOf() []uint8 {
	n := len(pl.Targets)
	of := make([]uint8, len(pl.RoomOf))
	next := make([]int, len(pl.Rooms))
	for i, room := range pl.RoomOf {
		if !pl.Spread {
			of[i] = uint8(int(room) % n)
			continue
		}
		at := (int(room) + next[room]) % n
		next[room]++
		if i < pl.Publishers && pl.Node != nil && at == *pl.Node {
			at = (at + 1 + next[room]%(n-1)) % n
		}
		of[i] = uint8(at)
	}
	return of
}

// others returns the targets at which the clients of the target that stops connect next.
func (pl *Plan) others() (all []uint8) {
	for i := range pl.Targets {
		if pl.Node != nil && i != *pl.Node {
			all = append(all, uint8(i))
		}
	}
	return all
}

// Across is the latency of the deliveries at a target, from the scheduled time, without recovered messages.
type Across struct {
	Own    histogram.Histogram `json:"own"`    // of the messages of the publishers there
	Others histogram.Histogram `json:"others"` // of the messages of the publishers at the other targets
}

// pairs has the latency at each target, of one poller. Nil unless rooms are spread. The lock of the poller guards it.
type pairs struct {
	of []uint8 // target of each publisher
	at []Across
}

func newPairs(pl *Plan) *pairs {
	if !pl.Spread {
		return nil
	}
	return &pairs{of: pl.TargetsOf()[:pl.Publishers], at: make([]Across, len(pl.Targets))}
}

// record records a delivery to a member at the target to.
func (pa *pairs) record(publisher uint32, to uint8, took int64) {
	if pa.of[publisher] == to {
		pa.at[to].Own.Record(took)
	} else {
		pa.at[to].Others.Record(took)
	}
}

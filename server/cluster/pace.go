package cluster

import (
	"time"

	"github.com/throng-chat/throng/server/cluster/member"
)

// pace is when a node does what it does each tick, each member.Interval and each repeatAfter. All nodes do it at the same moments of the time of day, as far as
// their clocks agree: a node wakes once for the heartbeats of all others, instead of once for each. Owned by Run.
type pace struct {
	wall     func() time.Time // time of day
	slot     int64            // of the last heartbeat
	beat     time.Duration    // of the last heartbeat
	repeated time.Duration    // when repeats was true
	sent     time.Duration    // of the last changes of the presence
	sentSlot int64            // the same, as a tick of the time of day
}

// next returns the time until the next tick.
func (pa *pace) next() time.Duration {
	return tick - time.Duration(pa.wall().UnixNano()%int64(tick))
}

// beats reports whether a heartbeat is due: once in each member.Interval of the time of day. A clock that was set back keeps none for longer than a tick.
func (pa *pace) beats(now time.Duration) bool {
	slot := pa.wall().UnixNano() / int64(member.Interval)
	if slot == pa.slot && now-pa.beat < member.Interval+tick {
		return false
	}
	pa.slot, pa.beat = slot, now
	return true
}

// repeats reports whether what is done each repeatAfter is due: with each third heartbeat, so that other nodes receive both at once.
func (pa *pace) repeats(now time.Duration) bool {
	if now-pa.repeated < repeatAfter-3*tick/2 {
		return false
	}
	pa.repeated = now
	return true
}

// gatherNodes is the number of other nodes from which on changes are gathered for a second tick, and so on: a node sends each of them a message.
const gatherNodes = 9

// sends reports whether changes of the presence may be sent to some number of other nodes. Many nodes get them at the same moments as heartbeats: those of all
// nodes arrive together.
func (pa *pace) sends(now time.Duration, others int) bool {
	ticks := max(1, others/gatherNodes)
	if ticks == 1 {
		return now-pa.sent >= tick-tick/8 // a tick may be a little early
	}
	return pa.ticksOfDay()/int64(ticks) != pa.sentSlot/int64(ticks) || now-pa.sent >= time.Duration(ticks)*tick
}

// noteSent notes that changes of the presence were sent.
func (pa *pace) noteSent(now time.Duration) { pa.sent, pa.sentSlot = now, pa.ticksOfDay() }

func (pa *pace) ticksOfDay() int64 { return pa.wall().UnixNano() / int64(tick) }

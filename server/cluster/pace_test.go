package cluster

import (
	"testing"
	"time"

	"github.com/throng-chat/throng/server/cluster/member"
)

// paced is a node whose clock and ticks the test moves.
type paced struct {
	pace
	start time.Time
	now   time.Duration
	set   time.Duration // by which its clock was set
}

func newPaced(start time.Time) *paced {
	p := &paced{start: start}
	p.wall = func() time.Time { return p.start.Add(p.now + p.set) }
	return p
}

// tick waits for the next tick, which comes late by some time.
func (p *paced) tick(late time.Duration) { p.now += p.next() + late }

// Nodes that have started at different moments send their heartbeats at the same one, each member.Interval.
func TestNodesSendHeartbeatsTogether(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{0, 1, 37 * time.Millisecond, 99 * time.Millisecond, 250 * time.Millisecond} {
		p := newPaced(time.Unix(1000, 0).Add(offset))
		p.beats(p.now) // at the start
		var last time.Time
		repeats := 0
		for i := range 301 {
			p.tick(time.Duration(i%7) * time.Millisecond)
			if !p.beats(p.now) {
				continue
			}
			at := p.wall()
			if phase := at.Sub(at.Truncate(member.Interval)); phase >= 7*time.Millisecond {
				t.Fatalf("started after %v: a heartbeat %v after the moment of all nodes", offset, phase)
			}
			if !last.IsZero() && at.Round(tick).Sub(last) != member.Interval {
				t.Fatalf("started after %v: %v between two heartbeats, want %v", offset, at.Sub(last), member.Interval)
			}
			last = at.Round(tick)
			if p.repeats(p.now) {
				repeats++
			}
		}
		if repeats < 33 || repeats > 34 {
			t.Errorf("started after %v: repeated %d times in 30 s, want each third heartbeat", offset, repeats)
		}
	}
}

// A clock that is set does not stop the heartbeats: the other nodes would take this one for dead.
func TestASetClockDelaysNoHeartbeat(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{-time.Hour, -290 * time.Millisecond, -100 * time.Millisecond, time.Millisecond, 150 * time.Millisecond, time.Hour} {
		p := newPaced(time.Unix(1000, 0))
		last := time.Duration(0)
		p.beats(0)
		for i := range 60 {
			p.tick(0)
			if i%10 == 3 {
				p.set += by
			}
			if p.beats(p.now) {
				last = p.now
			}
			if silent := p.now - last; silent >= member.Interval+tick {
				t.Fatalf("clock set by %v: no heartbeat for %v", by, silent)
			}
		}
	}
}

// The more nodes receive the changes of the presence, the longer they are gathered: a node sends a message to each of them. It is never too long for
// "within a second". To many nodes they go at the moments of all nodes.
func TestANodeOfManySendsThePresenceRarely(t *testing.T) {
	t.Parallel()
	for others, want := range map[int]int{1: 10, 2: 10, 4: 10, 17: 10, 18: 5, 27: 3, 60: 1} {
		p := newPaced(time.Unix(999, 0))
		p.noteSent(0)
		times, apart := 0, time.Duration(0)
		for i := range 72 {
			p.tick(time.Duration(i%2) * 10 * time.Millisecond)
			if p.sends(p.now, others) {
				p.noteSent(p.now)
				times++
				apart = max(apart, p.wall().Sub(p.wall().Truncate(time.Duration(max(1, others/gatherNodes))*tick)))
			}
		}
		if got := times * 10 / 72; got != want {
			t.Errorf("%d other nodes: sent %d times in 7.2 s, want %d in each", others, times, want)
		}
		if apart > 10*time.Millisecond {
			t.Errorf("%d other nodes: sent up to %v after the moment of all nodes", others, apart)
		}
	}
}

// The changes of a moment with few of them do not wait.
func TestAChangeAfterAPauseIsSentAtOnce(t *testing.T) {
	t.Parallel()
	for _, others := range []int{2, 27} {
		p := newPaced(time.Unix(999, 0))
		p.noteSent(0)
		p.now += 350 * time.Millisecond
		if !p.sends(p.now, others) {
			t.Errorf("%d other nodes: a change waits, although the last one was sent 350 ms before", others)
		}
	}
}

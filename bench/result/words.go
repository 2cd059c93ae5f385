package result

import (
	"fmt"
	"slices"
	"time"
)

// What a result says in words, on the page of text and on that of HTML.

// Why is the verdict in words: what was proved, or each reason that it was not.
func (r *Result) Why() []string {
	switch {
	case r.Verdict.Code != Valid:
		return r.Verdict.Why
	case r.Plan.Size > 0:
		return []string{"every message reached everybody once, whole and in order, and the client was not the limit"}
	default:
		return []string{"every connection held"}
	}
}

// PlanText is what was done, in a line.
func (r *Result) PlanText() string {
	a := &r.Plan
	text := fmt.Sprintf("%s · %s connections", a.Scenario, Thousands(a.Connections))
	switch {
	case a.Rooms == a.Connections && a.Rooms > 1:
		text += ", each in a room of its own"
	case a.Rooms > 1:
		text += fmt.Sprintf(" in %s rooms, the largest of %s", Thousands(a.Rooms), Thousands(a.Largest))
	}
	if a.Size > 0 {
		how := ""
		if a.Poisson {
			how = " by chance"
		}
		rate := fmt.Sprintf("%s messages/s%s", Thousands(int(a.Rate)), how)
		if a.Closed > 0 {
			rate = fmt.Sprintf("closed loop, %s messages under way,", Thousands(a.Closed))
		}
		text += fmt.Sprintf(" · %s of %s from %s publishers", rate, Bytes(float64(a.Size)), Thousands(a.Publishers))
	}
	if a.Churn > 0 {
		text += fmt.Sprintf(" · %s left and %s came back", Thousands(r.Connect.Left), Thousands(r.Connect.Joined))
	}
	if a.Duration > 0 {
		text += fmt.Sprintf(" · %v after %v of warm-up", a.Duration.Round(time.Millisecond), a.Warmup.Round(time.Millisecond))
	}
	return text
}

// Timed is a distribution, and what it is of.
type Timed struct {
	What string
	*Distribution
}

// Timings are the latencies of deliveries that were measured.
func (r *Result) Timings() []Timed {
	l := &r.Latency
	all := []Timed{{"each delivery, from the intended moment of sending", l.Each}, {"each delivery, from the send", l.Sent}}
	if r.Plan.Largest > 1 {
		all = append(all, Timed{"the first of the room to have a message", l.First}, Timed{"the last of the room", l.Last},
			Timed{"between the first and the last", l.Span})
	}
	return slices.DeleteFunc(all, func(t Timed) bool { return t.Distribution == nil })
}

// Text is what was wrong, where, and with which message.
func (f *Fault) Text() string {
	switch {
	case f.Connection < 0:
		return fmt.Sprintf("%s: room %d, which two agents heard in different orders", f.Kind, f.Room)
	case f.Publisher < 0:
		return fmt.Sprintf("%s: connection %d in room %d, a message that cannot be told", f.Kind, f.Connection, f.Room)
	default:
		return fmt.Sprintf("%s: connection %d in room %d, message %d of publisher %d", f.Kind, f.Connection, f.Room, f.Sequence, f.Publisher)
	}
}

// KernelTroubles is what the server's kernel did not do as it should.
func (r *Result) KernelTroubles() (bad []string) {
	if len(r.Observed) == 0 {
		return nil
	}
	last := &r.Observed[len(r.Observed)-1]
	for _, c := range []struct {
		n    uint64
		what string
	}{{last.Retransmits, "TCP segments sent again"}, {last.Overflows, "accept queue overflows"}, {last.Drops, "connections dropped before accept"}} {
		if c.n > 0 {
			bad = append(bad, fmt.Sprintf("%s %s", Thousands(c.n), c.what))
		}
	}
	if last.Throttled > 0 {
		bad = append(bad, fmt.Sprintf("its control group held it up for %.1f s", last.Throttled))
	}
	return bad
}

// FloorText is what the step cost as a multiple of the kernel's floor.
func (s *Step) FloorText() string {
	text := fmt.Sprintf("%s messages/s to %s connections:", Thousands(int(s.Rate)), Thousands(s.Connections))
	if v := s.Floor.DeliveryRatio; v > 0 {
		text += fmt.Sprintf(" a delivery %.2f ×,", v)
	}
	if v := s.Floor.UpgradeRatio; v > 0 {
		text += fmt.Sprintf(" an upgrade %.2f ×,", v)
	}
	return text + " the kernel's floor"
}

// Text is the interval in words.
func (f *Found) Text() string {
	const limit = "the client was the limit, not the server"
	switch {
	case f.Holds == 0 && f.Limited:
		return fmt.Sprintf("no rate held: at %s messages/s %s", Thousands(int(f.Fails)), limit)
	case f.Limited:
		return fmt.Sprintf("holds %s messages/s; at %s %s · p99 under %s · confirmed %d of %d times", Thousands(int(f.Holds)), Thousands(int(f.Fails)),
			limit, Duration(f.Limit), f.Confirmed, f.Confirms)
	case f.Holds == 0:
		return fmt.Sprintf("no rate held: %s messages/s failed", Thousands(int(f.Fails)))
	case f.Fails == 0:
		return fmt.Sprintf("holds %s messages/s; none failed up to the bound", Thousands(int(f.Holds)))
	default:
		return fmt.Sprintf("holds %s messages/s, fails %s · p99 under %s · confirmed %d of %d times", Thousands(int(f.Holds)),
			Thousands(int(f.Fails)), Duration(f.Limit), f.Confirmed, f.Confirms)
	}
}

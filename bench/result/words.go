package result

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What a result says in words, on the page of text and on that of HTML.

// Why is the verdict in words: what was proved, or each reason that it was not.
func (r *Result) Why() []string {
	switch {
	case r.Verdict.Code != Valid:
		return r.Verdict.Why
	case r.Plan.Size > 0:
		return []string{"every message was delivered once, in order and unchanged; the client was not the bottleneck"}
	default:
		return []string{"no connection closed"}
	}
}

// PlanText is what was done, in a line.
func (r *Result) PlanText() string {
	a := &r.Plan
	text := fmt.Sprintf("%s · %s", a.Scenario, Number(a.Connections, "connection"))
	switch {
	case a.Rooms == a.Connections && a.Rooms > 1:
		text += ", each in its own room"
	case a.Rooms > 1:
		text += fmt.Sprintf(" in %s rooms, the largest with %s", Thousands(a.Rooms), Thousands(a.Largest))
	}
	if a.Size > 0 {
		how := ""
		if a.Poisson {
			how = " at random times"
		}
		rate := Number(int(a.Rate), "message") + "/s" + how
		if a.Closed > 0 {
			rate = fmt.Sprintf("closed loop, %s in flight,", Number(a.Closed, "message"))
		}
		text += fmt.Sprintf(" · %s of %s from %s", rate, Bytes(float64(a.Size)), Number(a.Publishers, "publisher"))
	}
	if a.Churn > 0 {
		text += fmt.Sprintf(" · %s left and %s returned", Thousands(r.Connect.Left), Thousands(r.Connect.Joined))
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
	all := []Timed{
		{What: "each delivery, from the scheduled time", Distribution: l.Each},
		{What: "each delivery, from the send", Distribution: l.Sent},
	}
	if r.Plan.Largest > 1 {
		all = append(all,
			Timed{What: "the first receiver in the room", Distribution: l.First},
			Timed{What: "the last receiver in the room", Distribution: l.Last},
			Timed{What: "first to last receiver", Distribution: l.Span})
	}
	return slices.DeleteFunc(all, func(t Timed) bool { return t.Distribution == nil })
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

// KernelTroubles is what the server's kernel did not do as it should.
func (r *Result) KernelTroubles() (bad []string) {
	if len(r.Observed) == 0 {
		return nil
	}
	last := &r.Observed[len(r.Observed)-1]
	for _, c := range []struct {
		n                uint64
		what, afterwards string
	}{
		{n: last.Retransmits, what: "TCP segment", afterwards: " retransmitted"},
		{n: last.Overflows, what: "accept queue overflow"},
		{n: last.Drops, what: "connection", afterwards: " dropped before accept"},
	} {
		if c.n > 0 {
			bad = append(bad, Number(c.n, c.what)+c.afterwards)
		}
	}
	if last.Throttled > 0 {
		bad = append(bad, fmt.Sprintf("stopped by the CPU quota of its control group for %.1f s", last.Throttled))
	}
	return bad
}

// SentAgain explains retransmitted segments; empty where there were none.
func (r *Result) SentAgain() string {
	if len(r.Observed) == 0 || r.Observed[len(r.Observed)-1].Retransmits == 0 {
		return ""
	}
	host := ""
	if u, err := url.Parse(r.Target.URL); err == nil {
		host = u.Hostname()
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() || host == "localhost" {
		return "loopback loses no segments: a receive buffer or an accept queue was full, or a response was late; counted for the whole machine"
	}
	return "the network lost them, a receive buffer was full, or a response was late; counted for the server's whole machine"
}

// FloorText is what the step cost as a multiple of the kernel's floor.
func (s *Step) FloorText() string {
	var ratios []string
	for _, f := range []struct {
		of    string
		ratio float64
	}{{of: "delivery", ratio: s.Floor.DeliveryRatio}, {of: "upgrade", ratio: s.Floor.UpgradeRatio}} {
		switch {
		case f.ratio >= 1:
			ratios = append(ratios, fmt.Sprintf("%s %.2f ×", f.of, f.ratio))
		case f.ratio > 0:
			ratios = append(ratios, fmt.Sprintf("%s %.2f × (at the floor, within noise)", f.of, f.ratio))
		}
	}
	return perSecond(s.Rate) + " to " + Number(s.Connections, "connection") + ": multiples of the kernel's floor: " + strings.Join(ratios, ", ")
}

// leastNoise is the least multiple of the floor that two runs of one minute may differ by: what is below costs less than one send()
// for each delivery does.
const leastNoise = 0.75

// Delivery is what a delivery cost as a multiple of the floor, in words; empty where it was not measured.
func (f *Floor) Delivery() string {
	if v := f.DeliveryRatio; v > 0 && v < leastNoise {
		return fmt.Sprintf("%.2f × the kernel's floor: it sends several messages together", v)
	}
	return multiple(f.DeliveryRatio)
}

// Upgrade is Delivery for an upgrade.
func (f *Floor) Upgrade() string { return multiple(f.UpgradeRatio) }

// multiple tells a cost beside the floor, below which there is only noise.
func multiple(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 1:
		return fmt.Sprintf("at the kernel's floor, within noise (%.2f ×)", v)
	default:
		return fmt.Sprintf("%.2f × the kernel's floor", v)
	}
}

func perSecond(rate float64) string { return Number(int(rate), "message") + "/s" }

// ToldText is how much those who were told of a gap missed; empty for nothing.
func (s *Resume) ToldText() string {
	if s.Told == 0 {
		return ""
	}
	return ": " + Number(s.Told, "delivery", "deliveries")
}

func were(n int) string {
	if n == 1 {
		return "1 was"
	}
	return Thousands(n) + " were"
}

// Text is the interval in words.
func (f *Found) Text() string {
	const limit = "the client was the bottleneck"
	switch {
	case f.Holds == 0 && f.Limited:
		return fmt.Sprintf("no rate held: at %s %s", perSecond(f.Fails), limit)
	case f.Limited:
		return fmt.Sprintf("holds %s; at %s %s · p99 below %s · confirmed %d of %d times", perSecond(f.Holds), Thousands(int(f.Fails)),
			limit, Duration(f.Limit), f.Confirmed, f.Confirms)
	case f.Holds == 0:
		return fmt.Sprintf("no rate held: %s failed", perSecond(f.Fails))
	case f.Fails == 0:
		return fmt.Sprintf("holds %s; none failed up to the bound", perSecond(f.Holds))
	default:
		return fmt.Sprintf("holds %s, fails %s · p99 below %s · confirmed %d of %d times", perSecond(f.Holds),
			Thousands(int(f.Fails)), Duration(f.Limit), f.Confirmed, f.Confirms)
	}
}

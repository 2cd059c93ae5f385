package result

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Texts of a result, used by the text and the HTML output.

// Why returns the reasons of the verdict.
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

// PlanText returns the configuration of the run in one line.
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

// Timed is a distribution and its name.
type Timed struct {
	What string
	*Distribution
}

// Timings returns the measured latencies of deliveries.
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

// KernelErrors returns the errors that the server's kernel counted.
func (r *Result) KernelErrors() (bad []string) {
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

// Retransmissions returns an explanation of retransmitted segments, or an empty string if there were none.
func (r *Result) Retransmissions() string {
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

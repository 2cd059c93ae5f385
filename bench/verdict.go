package bench

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// judge sets the verdict and checks the thresholds. If several verdicts apply, the most severe one is set, with all reasons.
func judge(r *result.Result, bounds []result.Bound) {
	v := &r.Verdict
	v.Why = append([]string{}, v.Why...) // from steadiness
	unsteady := len(v.Why) > 0
	misfit, explained := unfit(r)
	none, broken, gaps, limited := invalid(r), faults(r, explained), gapReasons(r), limits(r)
	if misfit != "" {
		none = append(none, misfit)
	}
	v.Why = slices.Concat(none, broken, gaps, limited, v.Why)
	switch {
	case len(none) > 0:
		v.Code = result.None
	case len(broken) > 0:
		v.Code = result.Broken
	case len(gaps) > 0:
		v.Code = result.Gaps
	case len(limited) > 0:
		v.Code = result.Limited
	case unsteady:
		v.Code = result.Unsteady
	default:
		v.Code = result.Valid
	}
	hold(r, bounds)
}

// hold checks the thresholds and sets OK.
func hold(r *result.Result, bounds []result.Bound) {
	r.Thresholds = []result.Threshold{}
	r.Verdict.OK = r.Verdict.Code == result.Valid
	for _, b := range bounds {
		t := b.Check(r)
		r.Thresholds = append(r.Thresholds, t)
		r.Verdict.OK = r.Verdict.OK && t.OK
	}
}

// invalid returns the reasons for the verdict NO VERDICT.
func invalid(r *result.Result) (why []string) {
	if r.Interrupted {
		why = append(why, "interrupted: the result is partial")
	} else if n := r.Plan.Connections - r.Connect.Opened; n > 0 {
		why = append(why, fmt.Sprintf("%s of %s failed: %s", result.Thousands(n), result.Number(r.Plan.Connections, "connection"), result.Counts(r.Connect.Failed)))
	} else if r.Plan.Size > 0 && r.Sent.Messages+r.Sent.Unsendable == 0 {
		why = append(why, "no message was sent, so delivery was not checked: raise --duration or --rate")
	}
	if s := r.Resume; s != nil && s.Clients == 0 && r.Storm == nil && len(why) == 0 {
		why = append(why, "no connection returned, so recovery was not checked: raise --duration or --churn")
	}
	return why
}

// faults returns the reasons for DELIVERY BROKEN, without the explained one. Lost deliveries are a share of the expected ones, other faults
// a share of the received ones.
func faults(r *result.Result, explained string) (why []string) {
	d := &r.Delivery
	for _, f := range []struct {
		n    int
		of   uint64
		what string
	}{
		{n: d.Lost, of: d.Expected, what: faultLost},
		{n: d.Duplicated, of: d.Got, what: "duplicated"},
		{n: d.Reordered, of: d.Got, what: "out of order"},
		{n: d.Corrupt, of: d.Got, what: "altered"},
		{n: d.Misrouted, of: d.Got, what: faultMisrouted},
	} {
		if f.n > 0 && f.what != explained {
			why = append(why, fmt.Sprintf("%s of %s %s", result.Thousands(f.n), result.Number(f.of, "delivery", "deliveries"), f.what))
		}
	}
	if d.Closed > 0 {
		why = append(why, fmt.Sprintf("%s closed: %s", result.Number(d.Closed, "connection"), result.Counts(d.Closes)))
	}
	if n := r.Sent.Unsendable; n > 0 && d.Closed == 0 {
		why = append(why, fmt.Sprintf("%s could not be sent", result.Number(n, "message")))
	}
	if s := r.Storm; s != nil && s.Back < s.Killed {
		why = append(why, fmt.Sprintf("%s of %s did not return", result.Thousands(s.Killed-s.Back), result.Number(s.Killed, "killed connection")))
	}
	return why
}

// gapReasons returns the reason for GAPS TOLD: the server reported gaps to clients that returned, because the room's history is too small.
func gapReasons(r *result.Result) []string {
	s := r.Resume
	if s == nil || s.Missed == 0 {
		return nil
	}
	why := fmt.Sprintf("gaps reported: %s of %s that returned, %s", result.Thousands(s.Missed), result.Number(s.Clients, "client"),
		result.Number(s.Reported, "delivery", "deliveries"))
	if s.Needed.Messages == 0 {
		return []string{why}
	}
	return []string{why, fmt.Sprintf("needed: a history of %s (%s) for %s: raise history-size and history-ttl of the room",
		result.Number(s.Needed.Messages, "message"), result.Bytes(float64(s.Needed.Messages)*float64(r.Plan.Size)),
		result.Duration(time.Duration(s.Needed.Age)))}
}

// limits returns the reasons for CLIENT-LIMITED.
func limits(r *result.Result) (why []string) {
	s := &r.Sent
	// With few messages, one that falls just after the end is a large share.
	short := (s.Offered - s.Achieved) * r.Plan.Duration.Seconds()
	if s.Achieved < leastAchieved*s.Offered && short > leastShort && s.Unsendable == 0 && !r.Interrupted {
		why = append(why, fmt.Sprintf("sent %.1f %% of the offered rate", 100*s.Achieved/s.Offered))
	}
	if late, which := s.Lag.Highest(); late > 0 && r.Plan.Closed == 0 {
		most := leastLag
		if l := r.Latency.Each; l != nil && l.P50 != nil {
			most = max(most, time.Duration(lagShare*float64(*l.P50)))
		}
		if late > most {
			why = append(why, fmt.Sprintf("send delay: %s %s, above %s", which, result.Duration(late), result.Duration(most)))
		}
	}
	if b := r.Client.Busiest; b >= mostBusy {
		why = append(why, fmt.Sprintf("an agent was busy %.0f %% of the time", 100*b))
	}
	if held := r.Client.Throttled; held > 0 && float64(held) >= mostThrottled*float64(r.Plan.Duration) {
		why = append(why, fmt.Sprintf("the CPU quota of its control group stopped an agent for %s", result.Duration(held)))
	}
	if len(why) > 0 {
		why = append(why, cause(r))
	}
	return why
}

// steadiness adds the reasons for NOT STEADY.
func (r *run) steadiness(from int64) {
	d, v := &r.result.Delivery, &r.result.Verdict
	d.Stalls = r.collect.stalls(r.end)
	if n := len(d.Stalls); n > 0 && !r.cfg.silentRun() {
		s := d.Stalls[0]
		v.Why = append(v.Why, fmt.Sprintf("no delivery for %s, from %.1f s after the start%s", result.Duration(s.Took), s.At, more(n-1)))
	}
	if r.cfg.silentRun() || r.cfg.eventful() || r.result.Interrupted {
		return // a planned event is not a drift
	}
	deliveries, latency := r.seriesUntil(r.end)
	for _, s := range []struct {
		what   string
		series []float64
		unit   func(float64) string
		least  float64
		rising bool // only a rise counts
	}{
		{what: "deliveries", series: deliveries, unit: func(v float64) string { return result.Thousands(int(v)*int(ticksASecond)) + "/s" }},
		{
			what: "median latency", series: latency, unit: func(v float64) string { return result.Duration(time.Duration(v)) },
			least: float64(time.Millisecond), rising: true,
		},
	} {
		s.series = s.series[min(int(from-r.collect.start), len(s.series)):]
		change, mean, t := drift(s.series)
		if math.Abs(t) < certainDrift || math.Abs(change) < mostDrift*mean || math.Abs(change) < s.least || s.rising && change < 0 {
			continue
		}
		v.Why = append(v.Why, fmt.Sprintf("%s did not settle: %s over %s", s.what, fromTo(change, mean, s.unit),
			time.Duration(len(s.series))*agent.TickEvery))
	}
}

// fromTo returns the first and the last value of a drift, at least 0: the line through a burst may begin or end below.
func fromTo(change, mean float64, unit func(float64) string) string {
	return unit(max(0, mean-change/2)) + " to " + unit(max(0, mean+change/2))
}

// drift returns the change of a series from its beginning to its end by its slope, its mean, and the slope's t.
func drift(series []float64) (change, mean, t float64) {
	xs := make([]float64, len(series))
	for i, y := range series {
		xs[i] = float64(i)
		mean += y / float64(len(series))
	}
	slope, t := stats.Slope(xs, series)
	return slope * float64(len(series)), mean, t
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more such intervals", n)
}

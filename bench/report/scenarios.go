package report

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// Sections of what a scenario makes happen to connections.

// storm is a reconnect storm.
func storm(r *result.Result) (section, error) {
	s := r.Storm
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "What happened", Head: []string{"", ""}}
	t.add("killed", fmt.Sprintf("%s, by %s", result.Thousands(s.Killed), s.By))
	t.add("came back", result.Thousands(s.Back))
	if s.Back < s.Killed {
		t.mark(bad)
	}
	t.add("half were back after", result.Took(s.Back50))
	t.add("99 % were back after", result.Took(s.Back99))
	t.add("all were back after", result.Took(s.Back100))
	t.add("handshakes", result.Thousands(int(s.PerS))+"/s")
	t.add("refused, and tried again", result.Thousands(s.Refused))
	others := []result.Timed{{What: "before", Distribution: s.Before}, {What: "from the kill until all were back", Distribution: s.Untouched}}
	curve, err := byPercentile("untouched", "Latency of the untouched by percentile", others)
	return section{ID: "storm", Title: "Reconnect storm", Plots: curve,
		Tables: []table{t, percentiles("Latency of those who were not killed", others)}}, err
}

// resume is what those who came back were given.
func resume(r *result.Result) (section, error) {
	s := r.Resume
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "What they were given", Head: []string{"", ""}}
	t.add("clients that came back", result.Thousands(s.Clients))
	t.add("messages that they had missed, and were given", result.Thousands(s.Recovered))
	t.add("clients told that not all of it was left", result.Thousands(s.Missed))
	if s.Missed > 0 {
		t.mark(doubtful)
	}
	t.add("deliveries that they were not given, and knew of", result.Thousands(s.Told))
	if s.Needed.Messages > 0 {
		t.add("history that would have been enough", fmt.Sprintf("%s, for %s", result.Number(s.Needed.Messages, "message"), result.Duration(time.Duration(s.Needed.Age))))
	}
	return section{ID: "resume", Title: "Coming back", Tables: []table{t}}, nil
}

// slow is readers that stopped.
func slow(r *result.Result) (section, error) {
	s := r.Slow
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "What happened", Head: []string{"", ""}}
	t.add("stopped reading", result.Thousands(s.Stopped))
	t.add("closed by the server", result.Thousands(s.Cut))
	t.add("by", or(result.Counts(s.Closes), none))
	after := s.CutAfter.Figures()
	t.add("after", fmt.Sprintf("p50 %s, max %s", after[0], after[4]))
	t.add("the server’s memory grew by", result.Grown(float64(s.Grown)))
	t.add("p99 of the healthy, as before", ratio(s.Healthy, s.Before))
	others := []result.Timed{{What: "before", Distribution: s.Before}, {What: "from the stop on", Distribution: s.Healthy}}
	curve, err := byPercentile("healthy", "Latency of the healthy by percentile", others)
	return section{ID: "slow", Title: "Readers that stopped", Plots: curve,
		Tables: []table{t, percentiles("Latency of those who went on reading", others)}}, err
}

// ratio is how many times the p99 of one is that of the other.
func ratio(of, to *result.Distribution) string {
	if of == nil || to == nil || of.P99 == nil || to.P99 == nil || *to.P99 == 0 {
		return none
	}
	return fmt.Sprintf("%.2f ×", float64(*of.P99)/float64(*to.P99))
}

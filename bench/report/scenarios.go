package report

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// Sections about the events of a scenario.

// targets is the section about rooms that are spread over several servers.
func targets(r *result.Result) (section, error) {
	if len(r.Targets) == 0 {
		return section{}, nil
	}
	t := table{Caption: "Members and messages", Head: []string{"", "members", "at the end", "publishers", "messages"}}
	var all []result.Timed
	for i := range r.Targets {
		g := &r.Targets[i]
		t.add(g.URL, result.Thousands(g.Members), result.Thousands(g.MembersAtEnd), result.Thousands(g.Publishers), result.Number(g.Sent, "message"))
		all = append(all, result.Timed{What: g.URL + ", its own messages", Distribution: g.Own},
			result.Timed{What: g.URL + ", messages of the others", Distribution: g.Others})
	}
	return section{ID: "targets", Title: "Targets", Tables: []table{t, percentiles("Latency by the place of the publisher", all)}}, nil
}

// storm is the section of a reconnect storm.
func storm(r *result.Result) (section, error) {
	s := r.Storm
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "What happened", Head: []string{"", ""}}
	t.add("killed", fmt.Sprintf("%s, by %s", result.Thousands(s.Killed), s.By))
	t.add("returned", result.Thousands(s.Back))
	if s.Back < s.Killed {
		t.mark(bad)
	}
	t.add("50 % returned after", result.Took(s.Back50))
	t.add("99 % returned after", result.Took(s.Back99))
	t.add("100 % returned after", result.Took(s.Back100))
	if s.Node != "" {
		t.add("node that ended", s.Node)
		t.add("its connections ended within", result.Took(s.LastEnd))
		t.add("most of them in 100 ms", fmt.Sprintf("%.1f %%", 100*s.MostEnds))
	}
	t.add("handshakes", result.Thousands(int(s.PerS))+"/s")
	t.add("rejected and retried", result.Thousands(s.Refused))
	others := []result.Timed{{What: "before", Distribution: s.Before}, {What: "from the kill until all returned", Distribution: s.Untouched}}
	curve, err := byPercentile("untouched", "Latency of the other clients by percentile", others)
	return section{ID: "storm", Title: "Reconnect storm", Plots: curve,
		Tables: []table{t, percentiles("Latency of clients that were not killed", others)}}, err
}

// resume is the section about the recovered messages of clients that returned.
func resume(r *result.Result) (section, error) {
	s := r.Resume
	if s == nil {
		return section{}, nil
	}
	t := table{Caption: "Recovered messages", Head: []string{"", ""}}
	t.add("clients that returned", result.Thousands(s.Clients))
	t.add("missed messages that they received", result.Thousands(s.Recovered))
	t.add("clients without complete recovery", result.Thousands(s.Missed))
	if s.Missed > 0 {
		t.mark(doubtful)
	}
	t.add("missing deliveries, reported by the server", result.Thousands(s.Reported))
	if s.Needed.Messages > 0 {
		t.add("history needed", fmt.Sprintf("%s, for %s", result.Number(s.Needed.Messages, "message"), result.Duration(time.Duration(s.Needed.Age))))
	}
	return section{ID: "resume", Title: "Recovery", Tables: []table{t}}, nil
}

// slow is the section about connections that stopped reading.
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
	t.add("p99 of the other clients, compared with before", ratio(s.Healthy, s.Before))
	others := []result.Timed{{What: "before", Distribution: s.Before}, {What: "after the stop", Distribution: s.Healthy}}
	curve, err := byPercentile("healthy", "Latency of the other clients by percentile", others)
	return section{ID: "slow", Title: "Stopped readers", Plots: curve,
		Tables: []table{t, percentiles("Latency of clients that continued to read", others)}}, err
}

// ratio returns the p99 of one distribution as a multiple of another's.
func ratio(of, to *result.Distribution) string {
	if of == nil || to == nil || of.P99 == nil || to.P99 == nil || *to.P99 == 0 {
		return none
	}
	return fmt.Sprintf("%.2f ×", float64(*of.P99)/float64(*to.P99))
}

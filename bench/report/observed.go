package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// observed is the section with the observed values of the server's process, and its own metrics.
func observed(r *result.Result) (section, error) {
	if len(r.Observed) == 0 {
		return section{}, nil
	}
	s := section{ID: "observed", Title: "Server process", Tables: []table{process(r.Observed), threads(r.Observed)}, Folded: ownMetrics(r.Observed)}
	s.Text = append(s.Text, fmt.Sprintf("From the first message to %.0f s after it, with the warm-up and the wait for the last deliveries.", r.Observed[len(r.Observed)-1].T))
	return s, nil
}

// process summarises the open files, the context switches and the kernel counters.
func process(rows []observe.Row) table {
	last := &rows[len(rows)-1]
	files, sockets, most := 0, 0, 0.0
	for _, o := range rows {
		files, sockets, most = max(files, o.Files), max(sockets, o.Sockets), max(most, o.Machine)
	}
	t := table{Caption: "Process and kernel", Head: []string{"", ""}}
	t.add("open files (maximum)", count(files))
	t.add("voluntary context switches", result.Thousands(last.Voluntary))
	t.add("involuntary context switches", result.Thousands(last.Involuntary))
	t.add("stopped by the CPU quota of its control group", fmt.Sprintf("%.1f s", last.Throttled))
	t.add("TCP sockets of the machine (maximum)", count(sockets))
	t.add("busy cores of the machine (maximum)", fmt.Sprintf("%.2f", most))
	return t
}

// mostThreads is the number of listed threads. The other threads of a Go program are idle.
const mostThreads = 8

// threads lists the threads that used the most CPU.
func threads(rows []observe.Row) table {
	used, names := map[int]float64{}, map[int]string{}
	for i, o := range rows[1:] {
		for _, thread := range o.Threads {
			used[thread.ID] += thread.Cores * (o.T - rows[i].T)
			names[thread.ID] = thread.Name
		}
	}
	ids := slices.SortedFunc(maps.Keys(used), func(a, b int) int { return cmp.Or(cmp.Compare(used[b], used[a]), cmp.Compare(a, b)) })
	t := table{Caption: "Threads, busiest first", Head: []string{"", "name", "cores"}}
	for _, id := range ids[:min(len(ids), mostThreads)] {
		t.add(strconv.Itoa(id), names[id], fmt.Sprintf("%.3f", used[id]/max(rows[len(rows)-1].T-rows[0].T, 1)))
	}
	if rest := len(ids) - mostThreads; rest > 0 {
		t.add(fmt.Sprintf("and %d more", rest), "", "")
	}
	return t
}

// ownMetrics lists the server's own metrics at the beginning and at the end, or returns nil if they were not requested.
func ownMetrics(rows []observe.Row) *table {
	named := map[string]bool{}
	for _, o := range rows {
		for name := range o.Metrics {
			named[name] = true
		}
	}
	if len(named) == 0 {
		return nil
	}
	t := &table{Caption: "Metrics of the server (/metrics)", Head: []string{"", "at the beginning", "at the end"}}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		t.add(name, or(metricCell(&rows[0], name), none), or(metricCell(&rows[len(rows)-1], name), none))
	}
	return t
}

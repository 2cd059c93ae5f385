package report

import (
	"cmp"
	"encoding/csv"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// moment is one second of a run: the counts of the client, and the observed values of the server. Either may be nil.
type moment struct {
	T        float64 // seconds
	Run      *result.Second
	Observed *observe.Row
}

// moments joins the time series with the observed rows, by the second.
func moments(r *result.Result) []moment {
	all := map[float64]*moment{}
	at := func(t float64) *moment {
		t = math.Round(t)
		if all[t] == nil {
			all[t] = &moment{T: t}
		}
		return all[t]
	}
	for i := range r.Series {
		at(r.Series[i].T).Run = &r.Series[i]
	}
	for i := range r.Observed {
		at(r.Observed[i].T).Observed = &r.Observed[i]
	}
	var out []moment
	for _, m := range all {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b moment) int { return cmp.Compare(a.T, b.T) })
	return out
}

// columns are the columns before the server's own metrics: first the client's counts, then the observed values of the server.
var (
	runColumns = []string{
		"measured", "connections", "sent_per_s", "deliveries_per_s", "p50_ns", "p99_ns", "max_ns", "send_lag_p99_ns", "server_cores",
		"client_cores",
	}
	observedColumns = []string{
		"busiest_thread_cores", "machine_cores", "rss_bytes", "pss_bytes", "open_files", "voluntary_switches", "involuntary_switches",
		"throttled_s", "tcp_memory_bytes", "tcp_sockets", "tcp_retransmits", "listen_overflows", "listen_drops",
	}
)

// maxName is the length up to which a name from the server is kept, in bytes.
const maxName = 1000

// CSV writes a row for each second of r (RFC 4180): the time series, the observed values of the same second, and the server's own metrics,
// if any. The names of the columns end in their units. A value without a measurement is empty.
func CSV(w io.Writer, r *result.Result) error {
	all := moments(r)
	named := map[string]bool{}
	for _, m := range all {
		if m.Observed != nil {
			for name := range m.Observed.Metrics {
				named[name] = true
			}
		}
	}
	metrics := slices.Sorted(maps.Keys(named))

	out := csv.NewWriter(w)
	out.UseCRLF = true
	header := slices.Concat([]string{"t_s"}, runColumns, observedColumns)
	for _, name := range metrics {
		header = append(header, "metrics:"+result.PrintableLine(name, maxName)) // the prefix keeps a spreadsheet from taking a name that begins with = for a formula
	}
	rows := [][]string{header}
	for _, m := range all {
		row := slices.Concat([]string{number(m.T)}, runCells(r, m.Run), observedCells(m.Observed))
		for _, name := range metrics {
			row = append(row, metricCell(m.Observed, name))
		}
		rows = append(rows, row)
	}
	return out.WriteAll(rows)
}

func runCells(r *result.Result, s *result.Second) []string {
	if s == nil {
		return make([]string, len(runColumns))
	}
	server := ""
	if r.Target.PID != 0 {
		server = number(s.ServerCores)
	}
	return []string{
		strconv.FormatBool(s.Measured), strconv.Itoa(s.Connections), number(s.Sent), number(s.Deliveries), known(s.P50), known(s.P99),
		known(s.Max), known(s.LagP99), server, number(s.ClientCores),
	}
}

func observedCells(o *observe.Row) []string {
	if o == nil {
		return make([]string, len(observedColumns))
	}
	thread := ""
	if len(o.Threads) > 0 {
		thread = number(o.Threads[0].Cores)
	}
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []string{
		thread, number(o.Machine), known(o.RSS), known(o.PSS), known(int64(o.Files)), count(o.Voluntary), count(o.Involuntary),
		number(o.Throttled), known(o.TCPMemory), known(int64(o.Sockets)), count(o.Retransmits), count(o.Overflows), count(o.Drops),
	}
}

func metricCell(o *observe.Row, name string) string {
	if o == nil {
		return ""
	}
	v, ok := o.Metrics[name]
	if !ok {
		return ""
	}
	return number(v)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// known returns the text of v, or an empty string for 0, which means no measurement.
func known(v int64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatInt(v, 10)
}

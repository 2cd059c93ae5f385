package bench

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// Progress is the state of a run.
type Progress struct {
	Elapsed    time.Duration // since the beginning of the current part
	Total      time.Duration // length of the part, if known
	Connected  int
	Of         int // requested connections
	Sending    bool
	Sent       uint64
	Deliveries uint64
	Rate       float64       // deliveries a second since the last Progress
	P50, P99   time.Duration // of deliveries since the last Progress; 0 if there were none
	Closed     int           // connections that the server ended
	Step       string        // of a ladder or a search
}

// Line returns the progress as one line of text.
func (ps Progress) Line() string {
	step := ""
	if ps.Step != "" {
		step = ps.Step + "  "
	}
	if !ps.Sending {
		return fmt.Sprintf("%sconnect  %s/%s  %.0f s", step, result.Thousands(ps.Connected), result.Thousands(ps.Of), ps.Elapsed.Seconds())
	}
	line := fmt.Sprintf("%s%5.1f/%.0f s  %s  sent %s  %s deliveries/s", step, ps.Elapsed.Seconds(), ps.Total.Seconds(),
		result.Number(ps.Connected, "connection"), result.Thousands(ps.Sent), result.Thousands(int(ps.Rate)))
	if ps.P50 > 0 {
		line += fmt.Sprintf("  p50 %s  p99 %s", result.Duration(ps.P50), result.Duration(ps.P99))
	}
	if ps.Closed > 0 {
		line += fmt.Sprintf("  %s closed by the server", result.Thousands(ps.Closed))
	}
	return line
}

// progress reports the state of the run from the agents' last ticks. p is the last report.
func (r *run) progress(p *Progress, began int64) {
	last := *p
	p.Of = r.cfg.Connections
	p.Elapsed = time.Duration(agent.Now() - began)
	if !p.Sending {
		p.Connected = 0
		for _, ticks := range r.collect.ticks {
			if n := len(ticks); n > 0 {
				p.Connected += ticks[n-1].Count.Opened
			}
		}
		r.onProgress(*p)
		return
	}
	if len(r.collect.rows) == 0 {
		return
	}
	now := &r.collect.rows[len(r.collect.rows)-1]
	p.Connected, p.Closed = connections(now.count), now.count.Closed
	p.Sent, p.Deliveries = now.sent.Messages, now.count.Deliveries
	if took := p.Elapsed - last.Elapsed; took > 0 {
		p.Rate = float64(p.Deliveries-last.Deliveries) / took.Seconds()
	}
	p.P50, p.P99 = now.p50, now.p99
	r.onProgress(*p)
}

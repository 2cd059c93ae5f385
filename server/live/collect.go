package live

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/vitals"
)

// collector reads the counters of the server, and returns what they counted since it last read them. It has one user at a time.
type collector struct {
	sessions *session.Sessions
	metrics  *metrics.Metrics
	lost     func() uint64

	at         time.Time
	cpu        time.Duration
	counters   map[vitals.Series]uint64
	closes     []uint64
	histograms map[prometheus.Histogram]vitals.Buckets
}

func newCollector(all *session.Sessions, m *metrics.Metrics, lost func() uint64) *collector {
	return &collector{
		sessions: all, metrics: m, lost: lost,
		counters: map[vitals.Series]uint64{}, closes: make([]uint64, len(m.Closes)), histograms: map[prometheus.Histogram]vitals.Buckets{},
	}
}

// bounds returns the bounds of the buckets of the latency, in ms.
func bounds(m *metrics.Metrics) []float64 { return millis(m.ShardLag).Bounds }

// sample returns the sample of the time since the last call, and the survey of the slow consumers. It does not block.
func (co *collector) sample(now time.Time) (vitals.Sample, fanout.Survey) {
	s := vitals.Sample{At: now.Unix()}
	survey, late := co.sessions.Survey(now)
	elapsed := max(now.Sub(co.at).Seconds(), 0.1)
	co.at = now

	live := float64(co.sessions.Live.Load())
	s.Closes, s.Values[vitals.Closed] = co.closed()
	for series, total := range co.totals() {
		s.Set(series, float64(total-co.counters[series])/elapsed)
		co.counters[series] = total
	}
	s.Set(vitals.Connections, live)
	s.Set(vitals.Slow, float64(survey.Slow))
	s.Set(vitals.HalfFull, float64(survey.HalfFull))
	s.Set(vitals.Unsent, float64(co.sessions.Counts().Unsent))
	s.Set(vitals.Memory, float64(residentBytes()))

	cpu := processCPU()
	s.Set(vitals.CPU, (cpu-co.cpu).Seconds()/elapsed)
	co.cpu = cpu
	co.times(&s, now, late)
	return s, survey
}

// times sets the series of durations, in ms. late is the time for which a shard has not answered.
func (co *collector) times(s *vitals.Sample, now time.Time, late time.Duration) {
	latency := co.since(co.metrics.ShardLag)
	s.Latency = latency.Small()
	s.Set(vitals.LatencyP50, latency.Quantile(0.5))
	s.Set(vitals.LatencyP99, max(latency.Quantile(0.99), millisOf(late)))
	s.Set(vitals.LatencyMax, max(latency.Max(), millisOf(late)))
	s.Set(vitals.LoopLag, max(co.since(co.metrics.LoopLag).Quantile(1), millisOf(co.sessions.Unanswered(now))))
	s.Set(vitals.CommitP99, co.since(co.metrics.Durable.Append).Quantile(0.99))
}

// totals returns the counters of the series that are rates.
func (co *collector) totals() map[vitals.Series]uint64 {
	m := co.metrics
	dropped := co.lost()
	if hooks := co.sessions.Hooks; hooks.On() {
		dropped += hooks.Client.Dropped()
	}
	return map[vitals.Series]uint64{
		vitals.Opened:     metrics.Value(m.Accepted),
		vitals.Messages:   metrics.Value(m.Messages),
		vitals.Deliveries: co.sessions.Counts().Deliveries,
		vitals.CutSlow:    metrics.Value(m.Closes[fanout.ClosedSlow]),
		vitals.CutBudget:  metrics.Value(m.RetainedCloses),
		vitals.Records:    metrics.Value(m.Durable.Records),
		vitals.Pauses:     metrics.Value(m.Pauses),
		vitals.Rejected: metrics.Value(m.Handshakes.WithLabelValues(metrics.HandshakeFull)) +
			metrics.Value(m.Handshakes.WithLabelValues(metrics.HandshakeEvicted)),
		vitals.Dropped: dropped,
	}
}

// closed returns the closed connections by reason, nil for none, and their number.
func (co *collector) closed() (byReason []uint32, all float32) {
	added := make([]uint64, len(co.closes))
	for reason, counter := range co.metrics.Closes {
		if counter == nil {
			continue // not a reason
		}
		total := metrics.Value(counter)
		added[reason] = total - co.closes[reason]
		co.closes[reason] = total
		all += float32(added[reason])
	}
	return vitals.Small(added), all
}

// since returns what a histogram of seconds has counted since the last call, in ms.
func (co *collector) since(h prometheus.Histogram) vitals.Buckets {
	total := millis(h)
	added := total.Since(co.histograms[h])
	co.histograms[h] = total
	return added
}

// millis returns the buckets of a histogram of seconds, in ms.
func millis(h prometheus.Histogram) vitals.Buckets {
	bounds, counts := metrics.Counts(h)
	for i := range bounds {
		bounds[i] *= 1000
	}
	return vitals.Buckets{Bounds: bounds, Counts: counts}
}

func millisOf(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

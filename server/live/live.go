package live

import (
	"context"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/vitals"
)

// watchTime is the time after a request for a snapshot in which snapshots are made.
const watchTime = 5 * time.Second

// Config is what the live page shows besides the state of the sessions.
type Config struct {
	Version string        // of the program
	Lost    func() uint64 // log lines and lines of the audit log that were dropped
	Doctor  func() any    // examines the machine, for JSON; nil for none
	Cluster func() any    // returns what this node knows of its cluster, for JSON; nil for a server without one. It does not block
}

// Live samples the server, and serves the live page. Any goroutine may call its methods.
type Live struct {
	cfg      Config
	sessions *session.Sessions
	metrics  *metrics.Metrics
	started  time.Time
	node     string // name of the machine
	bounds   []float64
	collect  *collector // owned by Run
	heaviest heaviest   // owned by Run
	streams  chan struct{}
	ended    chan struct{} // closed by End

	mu        sync.Mutex // a leaf
	ring      vitals.Ring
	watched   time.Time     // the last request for a snapshot
	snapshot  []byte        // JSON; not changed once it is here
	published chan struct{} // closed when the next snapshot is there

	endOnce sync.Once
}

// New returns a Live that does not run.
func New(cfg Config, all *session.Sessions, m *metrics.Metrics) *Live {
	return &Live{
		cfg: cfg, sessions: all, metrics: m, started: time.Now(), node: machine(),
		bounds: bounds(m), collect: newCollector(all, m, cfg.Lost), heaviest: heaviest{at: time.Now(), rows: []roomRow{}},
		streams: make(chan struct{}, maxLiveStreams), ended: make(chan struct{}), published: make(chan struct{}),
	}
}

// Run samples the server once a second, until ctx ends. Call it after the sessions have started.
func (l *Live) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	l.collect.sample(time.Now()) // the counters begin here
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			l.tick(now)
		}
	}
}

// tick takes the sample of a second, and makes a snapshot while somebody watches.
func (l *Live) tick(now time.Time) {
	sample, survey := l.collect.sample(now)
	l.mu.Lock()
	l.ring.Add(sample)
	last := l.ring.Last(vitals.Window)
	watched := now.Sub(l.watched) < watchTime
	l.mu.Unlock()
	if !watched {
		return
	}
	snapshot := l.encode(&sample, vitals.Judge(last, l.now()), &survey, now)
	l.mu.Lock()
	l.snapshot = snapshot
	close(l.published)
	l.published = make(chan struct{})
	l.mu.Unlock()
}

// watch returns the last snapshot, nil if it is older than a few seconds, and a channel that is closed when the next one is there.
func (l *Live) watch() (snapshot []byte, next <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.watched) < watchTime {
		snapshot = l.snapshot
	}
	l.watched = now
	return snapshot, l.published
}

// history returns the samples of the last 15 minutes.
func (l *Live) history() []vitals.Sample {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ring.Last(vitals.Kept)
}

// End ends all streams, because the port closes.
func (l *Live) End() { l.endOnce.Do(func() { close(l.ended) }) }

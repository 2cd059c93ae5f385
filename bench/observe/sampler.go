package observe

import (
	"errors"
	"net/http"
	"time"
)

// Sampler reads Rows of one process, of its kernel and of its /metrics. It is not safe for concurrent use.
type Sampler struct {
	process *process
	metrics string // URL, or empty
	client  http.Client

	sampled  bool
	memoryAt float64 // time of the last PSS
}

// memoryEvery is the interval of PSS readings in seconds. It is slightly less than ten, so that an early row does not miss one.
const memoryEvery = 9.5

// NewSampler returns a sampler of the process, and of the metrics at a URL (empty: none). It reads nothing yet.
func NewSampler(pid int, metrics string) *Sampler {
	return &Sampler{
		process: newProcess(pid),
		metrics: metrics,
		client: http.Client{
			Timeout: scrapeTimeout,
			Transport: &http.Transport{
				DisableCompression: true, // compression would cost the server CPU
				MaxIdleConns:       1,
				IdleConnTimeout:    5 * time.Second, // longer than the time between two rows
			},
		},
	}
}

// Sample reads a row at t seconds. Call it about once a second. It takes about a millisecond, or up to two seconds if /metrics is slow. The
// error joins those of all sources; the row has the values of the others.
func (s *Sampler) Sample(t float64) (Row, error) {
	row := Row{T: t, Threads: []Thread{}}
	memory := !s.sampled || t-s.memoryAt >= memoryEvery
	if memory {
		s.sampled, s.memoryAt = true, t
	}
	err := s.process.read(&row, memory)
	if s.metrics == "" {
		return row, err
	}
	var scrapeErr error
	row.Metrics, scrapeErr = s.scrape()
	return row, errors.Join(err, scrapeErr)
}

package observe

import (
	"errors"
	"net/http"
	"time"
)

// Sampler reads Rows of one process, of its kernel and of its /metrics. It is for one goroutine.
type Sampler struct {
	process *process
	metrics string // URL, or empty
	client  http.Client

	sampled  bool
	memoryAt float64 // when PSS was last read
}

// memoryEvery is a little less than ten seconds, so that a row that comes early is not passed over.
const memoryEvery = 9.5

// NewSampler is for the process, and for the series at the URL metrics unless that is empty. It reads nothing yet.
func NewSampler(pid int, metrics string) *Sampler {
	return &Sampler{
		process: newProcess(pid),
		metrics: metrics,
		client: http.Client{
			Timeout: scrapeTimeout,
			Transport: &http.Transport{
				DisableCompression: true, // which would be the server's work
				MaxIdleConns:       1,
				IdleConnTimeout:    5 * time.Second, // between two rows it lives, after the last it goes
			},
		},
	}
}

// Sample reads a row at t seconds. Call it about once a second: it takes a millisecond, or up to two seconds where /metrics is slow.
// The error joins those of all sources; the row has what the others told.
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

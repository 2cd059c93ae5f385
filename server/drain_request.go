package server

import (
	"sync"

	"github.com/throng-chat/throng/server/audit"
)

// drainRequest is the request of an operator for a graceful stop. Any goroutine may call its methods.
type drainRequest struct {
	audit *audit.Log    // constant
	made  chan struct{} // closed by make

	once sync.Once
}

func newDrainRequest(l *audit.Log) *drainRequest {
	return &drainRequest{audit: l, made: make(chan struct{})}
}

// make makes the request, and records it. It returns false if it was made before.
func (dr *drainRequest) make(by audit.Actor) (first bool) {
	dr.once.Do(func() {
		dr.audit.Record(audit.Entry{Action: audit.Drain, Actor: by})
		close(dr.made)
		first = true
	})
	return first
}

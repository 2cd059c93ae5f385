package home

import (
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

var errTimeout = errors.New("the storage does not answer")

// tickLength is the time between two ticks, and appendTicks the number of ticks from the first one behind an append until it has taken too long.
const (
	tickLength  = 500 * time.Millisecond
	appendTicks = wheel.Tick(AppendTimeout / tickLength)
)

// Tick checks whether an append has taken too long, and whether the log has failed without an append: then it is open again before the next
// publication. Called on the heartbeat, which leaves out ticks while the machine is busy, and does not advance while the process is suspended.
func (h *Home) Tick(now wheel.Tick) {
	h.mu.Lock()
	log := h.log
	h.mu.Unlock()
	var failed error
	if log != nil {
		failed = log.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if failed != nil && h.state == Ready && h.log == log {
		h.failLocked(failed)
		return
	}
	for _, b := range h.appended {
		switch {
		case b.committed:
		case b.since == 0:
			b.since = now
		case now-b.since >= appendTicks:
			h.failLocked(fmt.Errorf("%w: an append took %v", errTimeout, time.Duration(now-b.since)*tickLength))
			return
		}
	}
}

// failLocked ends the use of the log. Run opens it again. h.mu is held.
func (h *Home) failLocked(err error) {
	h.failures++
	h.cause = err
	if h.state == Ready {
		h.state = Failed
	}
	for i, b := range h.appended {
		if !b.committed {
			h.last = b.seq - 1
			h.discarded = append(h.discarded, h.appended[i:]...)
			h.appended = h.appended[:i:i]
			break
		}
	}
	for _, b := range h.discarded {
		if b.renews && len(b.own) > 0 {
			h.term = b.own[0].Offset // of the fence before
			break
		}
	}
	h.discarded = append(h.discarded, h.full...)
	if h.open != nil {
		h.discarded = append(h.discarded, h.open)
	}
	h.full, h.open, h.appends = nil, nil, 0
	signal(h.failed)
}

// discard ends the proposals of failed appends.
func (h *Home) discard() {
	h.applying.Lock() // a committed batch is applied first
	defer h.applying.Unlock()
	h.mu.Lock()
	list := h.discarded
	h.discarded, h.pending = nil, 0
	for _, b := range h.appended {
		h.pending += b.writer.Size() - emptySize
	}
	h.checkDrained()
	err := h.cause
	h.mu.Unlock()
	for _, b := range list {
		h.rooms.Discard(b.proposals)
		h.rooms.Discard(b.after)
		if b.result != nil {
			b.result <- err
		}
	}
}

// checkDrained closes drained if nothing is pending. h.mu is held.
func (h *Home) checkDrained() {
	if h.drained != nil && h.open == nil && len(h.full)+len(h.appended)+len(h.discarded) == 0 {
		close(h.drained)
		h.drained = nil
	}
}

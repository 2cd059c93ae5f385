//go:build !nonats

package natsbroker

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	expectedHeader = "Nats-Expected-Last-Sequence"
	lostHeader     = "Throng-Lost"         // of a message at the number of a record that the store has lost
	neverSequence  = "9000000000000000000" // no stream has this many messages

	probeAfter  = 200 * time.Millisecond
	probeAtMost = 20 * time.Second
)

// nextProbe is the time between a probe and the next one. A disk that hangs answers none of them until it goes on.
func nextProbe(last time.Duration) time.Duration { return min(2*last, probeAtMost) }

// errNoAnswer: the server has processed a later message, and did not answer this one.
var errNoAnswer = errors.New("the server did not answer")

// newProbe is a message to the stream of a subject that is answered behind all earlier ones and never stored.
func newProbe(subject, reply string) *nats.Msg {
	probe := nats.NewMsg(subject)
	probe.Reply = reply
	probe.Header.Set(expectedHeader, neverSequence)
	return probe
}

// acknowledged returns the sequence number of a stored message, or the error of its answer.
func acknowledged(answer *nats.Msg) (seq uint64, err error) {
	if answer.Header.Get("Status") != "" {
		return 0, fmt.Errorf("no stream takes the message (status %s)", answer.Header.Get("Status"))
	}
	var a struct {
		Seq   uint64              `json:"seq"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &a); err != nil {
		return 0, fmt.Errorf("answer %.80q: %w", answer.Data, err)
	}
	if a.Error != nil {
		return 0, a.Error
	}
	return a.Seq, nil
}

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

// A subject has nobody who receives it while its stream has no leader: at the start, or when the leader has changed and the server of this connection does
// not know it yet. Such a message is stored nowhere, so it is sent again.
const (
	leaderPatience = 2 * time.Second
	leaderPoll     = 50 * time.Millisecond
)

// errNoLeader: nobody has received the message.
var errNoLeader = errors.New("no stream takes the message")

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
	if status := answer.Header.Get("Status"); status != "" {
		return 0, fmt.Errorf("%w (status %s)", errNoLeader, status)
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

//go:build !nonats

package natsbroker

import (
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// leaderReply is the last token of the subject of answers to a request for a leader.
const leaderReply = "leader"

// leading is the server that leads the storage of a log, as far as a log knows; empty if it does not. An append that was sent to a leader that has died gets
// no answer.
type leading string

// alone is the leader of a stream on a server without a cluster.
const alone leading = "*"

// leaderOf returns the server that leads a stream.
func leaderOf(info *jetstream.StreamInfo) leading {
	switch {
	case info.Config.Name == "":
		return "" // an error
	case info.Cluster == nil:
		return alone
	}
	return leading(info.Cluster.Leader)
}

// leaderRequest requests who leads a stream. Only a leader answers with its name.
func leaderRequest(stream, inbox string) *nats.Msg {
	m := nats.NewMsg("$JS.API.STREAM.INFO." + stream)
	m.Reply = inbox + "." + leaderReply
	return m
}

// receive takes an answer to leaderRequest, and returns whether another server leads than before.
func (le *leading) receive(answer *nats.Msg) (changed bool, err error) {
	var info jetstream.StreamInfo
	if len(answer.Data) == 0 {
		return false, nil // nobody has received the request
	}
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		return false, fmt.Errorf("leader of the log: answer %.80q: %w", answer.Data, err)
	}
	now := leaderOf(&info)
	if now == "" {
		return false, nil
	}
	before := *le
	*le = now
	// A server without a cluster names itself in some answers and nobody in others.
	return before != "" && before != alone && now != alone && before != now, nil
}

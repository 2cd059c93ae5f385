//go:build !nonats

package natsbroker

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// replayBatch is the number of bytes that one request reads.
const replayBatch = 4 << 20

// reader reads records of a stream.
type reader struct {
	conn    *nats.Conn
	answers *nats.Subscription
	subject string // of requests
	inbox   string
	within  time.Duration // for the next message; 0: it comes from this machine, whose disk may be slow
}

// messageTime is the time for the next message of a replica. The link to it may have lost the request or the answer, or its process is stopped. A replay
// requests the rest again after firstMessageTime, and then twice as long: another replica may answer.
const (
	messageTime      = 2 * time.Second
	firstMessageTime = messageTime / 4
)

func (i *instance) newReader(stream string) (*reader, error) {
	conn, err := i.connectReader()
	if err != nil {
		return nil, err
	}
	r := &reader{conn: conn, subject: "$JS.API.DIRECT.GET." + stream}
	if i.options.replicated() {
		r.within = messageTime
	}
	if err := r.listen(); err != nil {
		conn.Close()
		return nil, err
	}
	return r, nil
}

// listen prepares the answers to the next requests.
func (r *reader) listen() (err error) {
	r.inbox = nats.NewInbox()
	r.answers, err = r.conn.SubscribeSync(r.inbox)
	if err == nil {
		err = r.answers.SetPendingLimits(-1, -1) // the size of a request bounds them
	}
	return err
}

// again prepares another request after one without an answer for so long. It returns false if the replicas had time enough. Late answers are not read.
func (r *reader) again() (more bool, err error) {
	if r.within == 0 || r.within >= messageTime {
		return false, nil
	}
	r.within *= 2
	return true, r.leave()
}

// leave leaves the rest of an answer aside: the answer to the next request comes to another inbox.
func (r *reader) leave() error {
	if err := r.answers.Unsubscribe(); err != nil {
		return err
	}
	return r.listen()
}

// hurry makes the next request the first one of a replay, or the first one after an answer.
func (r *reader) hurry() { r.within = min(r.within, firstMessageTime) }

// read is readMessages for the records of a log.
func (r *reader) read(ctx context.Context, from uint64, f func(seq uint64, record []byte) error) error {
	return r.readMessages(ctx, from, func(seq uint64, m *nats.Msg) error {
		if m == nil || m.Header.Get(lostHeader) != "" {
			return f(seq, nil)
		}
		return f(seq, m.Data)
	})
}

// readMessages reads one batch from a number on. It calls f for each message, in order; f notices holes. If there is none, it calls f with nil
// for the number: the server does not return damaged messages.
func (r *reader) readMessages(ctx context.Context, from uint64, f func(seq uint64, m *nats.Msg) error) error {
	request, err := json.Marshal(map[string]uint64{"seq": from, "batch": 1 << 16, "max_bytes": replayBatch})
	if err != nil {
		return err
	}
	if err := r.conn.PublishRequest(r.subject, r.inbox, request); err != nil {
		return err
	}
	for {
		m, err := r.next(ctx)
		if err != nil {
			return err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204": // end of the batch
			return nil
		case "404":
			return f(from, nil)
		default:
			return fmt.Errorf("record %d: status %s (%s)", from, status, m.Header.Get("Description"))
		}
		seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
		if err != nil {
			return fmt.Errorf("record without a number: %w", err)
		}
		if err := f(seq, m); err != nil {
			return err
		}
	}
}

// next returns the next message of an answer.
func (r *reader) next(ctx context.Context) (*nats.Msg, error) {
	if r.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.within)
		defer cancel()
	}
	return r.answers.NextMsgWithContext(ctx)
}

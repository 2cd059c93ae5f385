//go:build !nonats

package natsbroker

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// replayBatch is the number of bytes that one request reads.
const replayBatch = 4 << 20

// Replay reads the log by direct gets in batches, on a connection of its own: a read that waits for a slow disk does not keep appends back.
func (l *openLog) Replay(ctx context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error) {
	state, err := l.state(ctx)
	if err != nil {
		return 0, err
	}
	next := max(after+1, state.FirstSeq)
	if state.Msgs == 0 || next > state.LastSeq {
		return state.LastSeq, nil
	}
	p := &replaying{log: l, f: f, next: next, last: state.LastSeq}
	err = l.call(ctx, "replay", p.run)
	if p.lost > 0 {
		l.engine.lost.Add(p.lost)
		l.instance.options.Log.Error("storage engine: records are damaged or lost: restore the data directory from a backup, or go on without them",
			"log", l.stream.CachedInfo().Config.Name, "lost", p.lost, "from", next, "to", p.next-1)
	}
	if p.failed != nil {
		return 0, p.failed
	}
	return p.next - 1, err
}

// replaying is one replay.
type replaying struct {
	log    *openLog
	f      func(seq uint64, record []byte) error
	next   uint64 // number of the next record
	last   uint64 // where the replay ends
	lost   uint64
	failed error // of f
}

func (p *replaying) run(ctx context.Context) error {
	r, err := p.log.newReader()
	if err != nil {
		return err
	}
	defer r.conn.Close()
	for err == nil && p.next <= p.last {
		err = r.read(ctx, p.next, func(seq uint64, record []byte) error { return p.take(ctx, seq, record) })
	}
	return err
}

// take calls f for the records up to number seq. Those before it are lost.
func (p *replaying) take(ctx context.Context, seq uint64, record []byte) error {
	if p.next < seq || record == nil {
		state, err := p.log.state(ctx)
		if err != nil {
			return err
		}
		p.next = max(p.next, min(state.FirstSeq, seq+1)) // records before it were removed during the replay
	}
	for ; p.next < seq && p.failed == nil; p.next++ {
		p.lost++
		p.failed = p.f(p.next, nil)
	}
	if p.next == seq && p.failed == nil {
		if record == nil {
			p.lost++
		}
		p.next++
		p.failed = p.f(seq, record)
	}
	return p.failed
}

// reader reads records of a stream.
type reader struct {
	conn    *nats.Conn
	answers *nats.Subscription
	subject string // of requests
	inbox   string
}

func (l *openLog) newReader() (*reader, error) {
	conn, err := l.instance.connectReader()
	if err != nil {
		return nil, err
	}
	r := &reader{conn: conn, subject: "$JS.API.DIRECT.GET." + l.stream.CachedInfo().Config.Name, inbox: nats.NewInbox()}
	r.answers, err = conn.SubscribeSync(r.inbox)
	if err == nil {
		err = r.answers.SetPendingLimits(-1, -1) // the size of a request bounds them
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return r, nil
}

// read reads one batch from a number on. It calls f for each record, in order; f notices holes. If there is none, it calls f with nil for the
// number: the server does not return damaged records.
func (r *reader) read(ctx context.Context, from uint64, f func(seq uint64, record []byte) error) error {
	request, err := json.Marshal(map[string]uint64{"seq": from, "batch": 1 << 16, "max_bytes": replayBatch})
	if err != nil {
		return err
	}
	if err := r.conn.PublishRequest(r.subject, r.inbox, request); err != nil {
		return err
	}
	for {
		m, err := r.answers.NextMsgWithContext(ctx)
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
		record := m.Data
		if m.Header.Get(lostHeader) != "" {
			record = nil
		}
		if err := f(seq, record); err != nil {
			return err
		}
	}
}

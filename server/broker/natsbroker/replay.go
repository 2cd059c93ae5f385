//go:build !nonats

package natsbroker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

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
	waits  int   // for the next record
	failed error // of f
}

func (p *replaying) run(ctx context.Context) error {
	name := p.log.stream.CachedInfo().Config.Name
	r, err := p.log.instance.newReader(name)
	if err != nil {
		return err
	}
	defer r.conn.Close()
	r.hurry()
	for err == nil && p.next <= p.last {
		before := p.next
		err = r.read(ctx, p.next, func(seq uint64, record []byte) error {
			if p.log.instance.options.replicated() && (record == nil || seq > p.next) {
				return errBehind // or lost on the way, or damaged there
			}
			return p.take(ctx, seq, record)
		})
		if p.next > before {
			p.waits = 0
			p.log.engine.found(name, p.next)
			r.hurry()
		}
		switch {
		case errors.Is(err, errBehind):
			if err = r.leave(); err == nil && p.next == before {
				err = p.wait(ctx)
			}
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			if more, err2 := r.again(); more || err2 != nil {
				err = err2
			}
		}
	}
	return err
}

// errBehind: the answer does not have the next record. The replica may not have it yet. Messages to a node that has just started may be lost on the way.
var errBehind = errors.New("the answer does not have the record")

// replicaPatience is the time for a replica to receive a record that another one has. It doubles with each answer, up to maxReplicaPatience.
const (
	replicaPatience    = 50 * time.Millisecond
	maxReplicaPatience = time.Second
)

// wait gives the replicas time to receive the next record, and reads it from the leader of the log. A leader that does not have it may have been replaced without
// noticing it yet. The record is lost only if such answers go on.
func (p *replaying) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(replicaPatience<<min(p.waits, 10), maxReplicaPatience)):
	}
	p.waits++
	record, found, err := p.log.fromLeader(ctx, p.next)
	switch {
	case err != nil:
		return err
	case found:
		return p.take(ctx, p.next, record)
	}
	state, err := p.log.state(ctx)
	switch {
	case err != nil:
		return err
	case state.FirstSeq > p.next: // it was removed during the replay
		p.next = min(state.FirstSeq, p.last+1)
		return nil
	case p.log.engine.isLost(p.log.stream.CachedInfo().Config.Name, p.next):
		return p.take(ctx, p.next, nil)
	}
	return nil
}

// fromLeader reads a record from the node that answers as the leader of the log. found is false if it does not have the record. The record is nil if it is known to be
// lost.
func (l *openLog) fromLeader(ctx context.Context, seq uint64) (record []byte, found bool, err error) {
	request, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, messageTime)
	defer cancel()
	m, err := l.instance.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+l.stream.CachedInfo().Config.Name, request)
	if err != nil {
		return nil, false, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Header []byte `json:"hdrs"`
			Data   []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return nil, false, fmt.Errorf("answer %.80q: %w", m.Data, err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, false, nil
	case answer.Error != nil:
		return nil, false, answer.Error
	case answer.Message == nil:
		return nil, false, nil
	case bytes.Contains(answer.Message.Header, []byte(lostHeader)):
		return nil, true, nil
	}
	return answer.Message.Data, true, nil
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

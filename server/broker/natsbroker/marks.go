//go:build !nonats

package natsbroker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

const (
	marksFile  = "marks.json"
	lostHeader = "Throng-Lost" // of a message at the number of a record that the store has lost
	fillAhead  = 256           // such messages under way
)

// mark is the number of a committed record of a log. It shows that the store has lost the newest records: after an unclean stop the server
// drops what is behind a damaged record of its newest file, and would use the numbers again. The file of the marks is written each second,
// after the commits, so a mark is never too high.
type mark struct {
	ID   string `json:"id"`
	Last uint64 `json:"last"`
}

// readMarks returns the marks of the last run, by the name of the stream.
func (e *engine) readMarks() map[string]mark {
	marks := map[string]mark{}
	text, err := e.dir.ReadFile(marksFile)
	if err == nil {
		err = json.Unmarshal(text, &marks)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.options.Log.Warn("storage engine: the marks of the last run cannot be read: a loss of the newest records would not be noticed", "error", err)
	}
	return marks
}

// writeMarks writes the marks if they have changed.
func (e *engine) writeMarks() {
	e.mu.Lock()
	changed := false
	for l := range e.logs {
		changed = e.markLocked(l) || changed
	}
	changed = changed || e.unwritten
	text, err := json.Marshal(e.marks)
	e.mu.Unlock()
	if !changed {
		return
	}
	if err == nil {
		err = e.dir.WriteFile(marksFile, text)
	}
	e.mu.Lock()
	e.unwritten = err != nil
	e.mu.Unlock()
	if err != nil && e.Health().Err == nil {
		e.options.Log.Warn("storage engine: the marks cannot be written", "error", err)
	}
}

// markLocked raises the mark of a log to its newest commit.
func (e *engine) markLocked(l *openLog) (changed bool) {
	name, last := l.stream.CachedInfo().Config.Name, l.committed.Load()
	if m := e.marks[name]; m.ID == l.id && m.Last >= last {
		return false
	}
	e.marks[name] = mark{l.id, last}
	return true
}

// checkMark compares a stream with its mark. It stores a message at the number of each lost record, so that no number is used again.
func (e *engine) checkMark(ctx context.Context, i *instance, stream jetstream.Stream, id string) error {
	info := stream.CachedInfo()
	name, last := info.Config.Name, info.State.LastSeq
	e.mu.Lock()
	m := e.marks[name]
	e.mu.Unlock()
	switch {
	case m.Last == 0 || m.ID == id && m.Last <= last:
		return nil
	case m.ID != id:
		e.options.Log.Error("storage engine: a log is lost as a whole, and begins again: restore the data directory from a backup, or go on without it",
			"log", name, "records", m.Last)
		return nil
	}
	e.options.Log.Error("storage engine: the newest records of a log are lost", "log", name, "from", last+1, "to", m.Last)
	return i.fill(ctx, info.Config.Subjects[0], last+1, m.Last)
}

// fill stores a message without a record for each number.
func (i *instance) fill(ctx context.Context, subject string, from, to uint64) error {
	inbox, answers := nats.NewInbox(), make(chan *nats.Msg, fillAhead)
	sub, err := i.conn.ChanSubscribe(inbox+".*", answers)
	if err != nil {
		return err
	}
	defer func() {
		if err := sub.Unsubscribe(); err != nil && i.cause() == nil {
			i.options.Log.Warn("storage engine: end of a request", "error", err)
		}
	}()
	sent, taken := from, from
	for taken <= to {
		for ; sent <= to && sent < taken+fillAhead; sent++ {
			m := nats.NewMsg(subject)
			m.Reply = inbox + "." + strconv.FormatUint(sent, 10)
			m.Header.Set(expectedHeader, strconv.FormatUint(sent-1, 10))
			m.Header.Set(lostHeader, "1")
			if err := i.conn.PublishMsg(m); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case answer := <-answers:
			seq, err := acknowledged(answer)
			if err == nil && strings.TrimPrefix(answer.Subject, inbox+".") != strconv.FormatUint(seq, 10) {
				err = fmt.Errorf("the message for record %s got the number %d: %w", answer.Subject, seq, broker.ErrUnavailable)
			}
			if err != nil {
				return err
			}
			taken++
		}
	}
	return nil
}

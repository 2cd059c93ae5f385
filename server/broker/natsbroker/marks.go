//go:build !nonats

package natsbroker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

const (
	marksFile = "marks.json"
	fillAhead = 256 // such messages under way
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
	text, err := e.dir.ReadFile(marksFile)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]mark{}
	}
	var marks map[string]mark
	if err == nil {
		marks, err = parseMarks(text)
	}
	if err != nil {
		e.options.Log.Warn("storage engine: the marks of the last run cannot be read: a loss of the newest records would not be noticed", "error", err)
		return map[string]mark{}
	}
	return marks
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// formatMarks returns the text of the file: a line of JSON, and a line with its checksum. A mark that is too high would make the next start
// store a message for each number up to it.
func formatMarks(marks map[string]mark) ([]byte, error) {
	text, err := json.Marshal(marks)
	return fmt.Appendf(text, "\n%08x\n", crc32.Checksum(text, castagnoli)), err
}

// parseMarks is the opposite of formatMarks. Older versions wrote no checksum.
func parseMarks(text []byte) (map[string]mark, error) {
	content, sum, checked := bytes.Cut(text, []byte{'\n'})
	if computed := crc32.Checksum(content, castagnoli); checked && string(sum) != fmt.Sprintf("%08x\n", computed) {
		return nil, fmt.Errorf("the checksum is %.9q, its %d bytes have %08x", sum, len(content), computed)
	}
	marks := map[string]mark{}
	return marks, json.Unmarshal(content, &marks)
}

// writeMarks writes the marks if they have changed.
func (e *engine) writeMarks() {
	e.mu.Lock()
	changed := false
	for l := range e.logs {
		changed = e.markLocked(l) || changed
	}
	changed = changed || e.unwritten
	text, err := formatMarks(e.marks)
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
	if info.Config.Storage == jetstream.MemoryStorage {
		return nil
	}
	name, last := info.Config.Name, info.State.LastSeq
	e.mu.Lock()
	m := e.marks[name]
	e.mu.Unlock()
	if e.options.replicated() {
		if err := e.waitForRecords(name, last, m.Last); err != nil {
			return err
		}
	}
	switch {
	case m.Last == 0 || m.ID == id && m.Last <= last:
		return nil
	case m.ID != id && m.Last <= last:
		e.options.Log.Error("storage engine: the settings of a log were damaged: its records are whole, and it has a new identity, so all rooms get new epochs",
			"log", name, "records", m.Last)
		return nil
	case m.ID != id:
		e.options.Log.Error("storage engine: a log is lost as a whole, and begins again: restore the data directory from a backup, or go on without it",
			"log", name, "records", m.Last)
		return nil
	}
	e.options.Log.Error("storage engine: the newest records of a log are lost", "log", name, "from", last+1, "to", m.Last)
	return i.fill(ctx, info.Config.Subjects[0], last+1, m.Last)
}

// short is a log of a cluster whose answers end before its mark.
type short struct {
	since   time.Time
	answers int
}

// A log of a cluster has lost records if that many answers, over that time, end before its mark. A node that was stopped or parted may answer as the leader
// that it was, and one that has just started does not have all records yet.
const (
	shortAnswers = 30
	shortFor     = 30 * time.Second
)

// waitForRecords returns ErrUnavailable if the records of a log up to its mark may still be on a node that does not answer now.
func (e *engine) waitForRecords(name string, last, mark uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if mark <= last {
		delete(e.short, name)
		return nil
	}
	s := e.short[name]
	if s.answers++; s.answers == 1 {
		s.since = time.Now()
		e.options.Log.Warn("storage engine: the node that answers for a log does not have its newest records: it is asked again", "log", name, "has", last, "of", mark)
	}
	e.short[name] = s
	if s.answers >= shortAnswers && time.Since(s.since) >= shortFor {
		return nil
	}
	return fmt.Errorf("log %s: %d of %d records are there: %w", name, last, mark, broker.ErrUnavailable)
}

// missing is a record of a log of a cluster that the node which answers for the log does not have.
type missing struct {
	seq         uint64
	since, last time.Time
	answers     int
}

// answer notes an answer without a record, and reports whether the record is lost: by the rule of short. Answers of a time before do not count.
func (ms *missing) answer(seq uint64, now time.Time) (lost bool) {
	if ms.seq != seq || now.Sub(ms.last) >= shortFor {
		*ms = missing{seq: seq, since: now}
	}
	ms.last = now
	ms.answers++
	return ms.answers >= shortAnswers && now.Sub(ms.since) >= shortFor
}

// isLost reports whether a record of a log is lost, after an answer without it.
func (e *engine) isLost(name string, seq uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	ms := e.missing[name]
	lost := ms.answer(seq, time.Now())
	e.missing[name] = ms
	if ms.answers == 1 {
		e.options.Log.Warn("storage engine: the node that answers for a log does not have a record: it is asked again", "log", name, "record", seq)
	}
	return lost
}

// found forgets the answers without a record, if a replay has passed it.
func (e *engine) found(name string, next uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.missing[name].seq < next {
		delete(e.missing, name)
	}
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

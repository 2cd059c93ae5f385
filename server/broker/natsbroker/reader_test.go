//go:build !nonats

package natsbroker

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A replica does not answer: its process is stopped. The replay must not wait for it, and read from another one.
func TestAReplayReadsFromAnotherReplica(t *testing.T) {
	t.Parallel()
	st, l := newStorage(t)
	reads := 0
	st.answer(t, "$JS.API.DIRECT.GET.LOG", func(m *nats.Msg) error {
		if reads++; reads < 3 {
			return nil
		}
		record := nats.NewMsg(m.Reply)
		record.Data = []byte("record")
		record.Header.Set("Nats-Sequence", "1")
		end := nats.NewMsg(m.Reply)
		end.Header.Set("Status", "204")
		return errors.Join(st.conn.PublishMsg(record), st.conn.PublishMsg(end))
	})
	var got []string
	last, err := l.Replay(t.Context(), 0, func(_ uint64, record []byte) error {
		got = append(got, string(record))
		return nil
	})
	if err != nil || last != 1 || !slices.Equal(got, []string{"record"}) {
		t.Errorf("got %q up to %d, error %v; want the record", got, last, err)
	}
}

// wantOneRecord replays a log that has one record.
func wantOneRecord(t *testing.T, l *openLog) {
	t.Helper()
	var got []string
	last, err := l.Replay(t.Context(), 0, func(_ uint64, record []byte) error {
		got = append(got, string(record))
		return nil
	})
	if err != nil || last != 1 || !slices.Equal(got, []string{"record"}) || l.engine.lost.Load() > 0 {
		t.Errorf("got %q up to %d, %d lost, error %v; want the record", got, last, l.engine.lost.Load(), err)
	}
}

// The leader of a log was parted, and does not know that another node leads: it does not have the newest record, which the others have stored. A replay must not
// report the record as lost, because all rooms of the log would get a new epoch.
func TestARecordThatAnOldLeaderLacksIsNotLost(t *testing.T) {
	t.Parallel()
	st, l := newStorage(t)
	st.answer(t, "$JS.API.DIRECT.GET.LOG", func(m *nats.Msg) error {
		none := nats.NewMsg(m.Reply)
		none.Header.Set("Status", "404")
		return st.conn.PublishMsg(none)
	})
	asked := 0
	st.answer(t, "$JS.API.STREAM.MSG.GET.LOG", func(m *nats.Msg) error {
		if asked++; asked < 3 {
			return m.Respond(fmt.Appendf(nil, `{"error":{"code":404,"err_code":%d,"description":"no message found"}}`, jetstream.JSErrCodeMessageNotFound))
		}
		return m.Respond([]byte(`{"message":{"seq":1,"data":"cmVjb3Jk"}}`))
	})
	wantOneRecord(t, l)
}

// A replica that lacks a record in the middle has a damaged disk. The leader has the record.
func TestARecordThatOneReplicaLacksIsReadFromTheLeader(t *testing.T) {
	t.Parallel()
	st, l := newStorage(t)
	st.answer(t, "$JS.API.DIRECT.GET.LOG", func(m *nats.Msg) error {
		next, end := nats.NewMsg(m.Reply), nats.NewMsg(m.Reply)
		next.Header.Set("Nats-Sequence", "2")
		end.Header.Set("Status", "204")
		return errors.Join(st.conn.PublishMsg(next), st.conn.PublishMsg(end))
	})
	st.answer(t, "$JS.API.STREAM.MSG.GET.LOG", func(m *nats.Msg) error { return m.Respond([]byte(`{"message":{"seq":1,"data":"cmVjb3Jk"}}`)) })
	wantOneRecord(t, l)
}

// The first messages of an answer are lost on the way to a node that has just started. The replay reads on with another request, and does not take the rest of the
// answer for one to that request.
func TestALostMessageIsNoLostRecord(t *testing.T) {
	t.Parallel()
	st, l := newStorage(t)
	const last = 3
	requests := 0
	st.answer(t, "$JS.API.DIRECT.GET.LOG", func(m *nats.Msg) error {
		var request struct{ Seq int }
		if err := json.Unmarshal(m.Data, &request); err != nil {
			return err
		}
		if requests++; requests == 1 {
			request.Seq++
		}
		for seq := request.Seq; seq <= last; seq++ {
			record := nats.NewMsg(m.Reply)
			record.Data = fmt.Append(nil, seq)
			record.Header.Set("Nats-Sequence", strconv.Itoa(seq))
			if err := st.conn.PublishMsg(record); err != nil {
				return err
			}
		}
		end := nats.NewMsg(m.Reply)
		end.Header.Set("Status", "204")
		return st.conn.PublishMsg(end)
	})
	st.answer(t, "$JS.API.STREAM.MSG.GET.LOG", func(m *nats.Msg) error { return m.Respond([]byte(`{"message":{"seq":1,"data":"MQ=="}}`)) })
	var got []string
	p := &replaying{log: l, next: 1, last: last, f: func(_ uint64, record []byte) error {
		got = append(got, string(record))
		return nil
	}}
	if err := p.run(t.Context()); err != nil || p.lost > 0 || !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("got %q, %d lost, error %v; want three records", got, p.lost, err)
	}
	if requests != 2 {
		t.Errorf("the replay has made %d requests, want 2", requests)
	}
}

// A record is lost if answers without it go on.
func TestARecordIsLostAfterManyAnswersWithoutIt(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_800_000_000, 0)
	const step = shortFor / shortAnswers
	lostAfter := func(answers int, every time.Duration) (ms missing, lost int) {
		for n := range answers {
			if ms.answer(7, begin.Add(time.Duration(n)*every)) {
				return ms, n + 1
			}
		}
		return ms, 0
	}
	if _, lost := lostAfter(shortAnswers, step/2); lost > 0 {
		t.Errorf("lost after %d answers in half of %v, want no loss before its end", lost, shortFor)
	}
	ms, lost := lostAfter(2*shortAnswers, step)
	if lost != shortAnswers+1 {
		t.Errorf("lost after %d answers in %v, want after %d", lost, shortFor, shortAnswers+1)
	}
	if ms.answer(8, begin.Add(shortFor)) {
		t.Error("the answers of another record count")
	}
	if _, lost := lostAfter(2*shortAnswers, shortFor); lost > 0 {
		t.Errorf("lost after %d answers, one each %v: such answers do not go on", lost, shortFor)
	}
}

// Answers without a record that was found do not count any more.
func TestAFoundRecordIsNotMissing(t *testing.T) {
	t.Parallel()
	e := &engine{options: joinOptions(t), missing: map[string]missing{}}
	e.isLost("log", 7)
	if e.found("log", 7); len(e.missing) != 1 {
		t.Error("the answers do not count, but record 7 is not found")
	}
	if e.found("log", 8); len(e.missing) != 0 {
		t.Error("the answers count, but record 7 was found")
	}
}

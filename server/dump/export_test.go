package dump

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/record"
)

func TestTheLinesOfAnExport(t *testing.T) {
	t.Parallel()
	tl := &testLog{id: "log"}
	ann := record.Publisher{User: "ann", Client: "c1", ConnInfo: []byte(`{"name":"Ann"}`)}
	full := record.Entry{
		Kind: record.Publish, Room: "a", Generation: 1, Offset: 1, UnixMilli: 1_790_000_000_001, Form: 2, Data: []byte(`{"text":"<hi>"}`), Info: ann.Append(nil),
		Key: "k1", Tags: map[string]string{"b": "2", "a": "1"}, Version: record.PublicationVersion{Number: 3, Epoch: "v"}, Change: true,
	}
	text, binary, broken := publish("a", 1, 2), publish("a", 1, 3), publish("a", 1, 4)
	text.Form, text.Data = 0, []byte("é\n")
	binary.Form, binary.Data = 1, []byte{0, 255}
	broken.Form, broken.Data = 0, []byte{255} // not UTF-8
	tl.append(t, full, text, binary, broken, publish("a", 1, 0))
	tl.append(t, clearTo("a", 1, 4))
	want := `{"kind":"clear","room":"a","offset":4,"epoch":"1r9p3xtnh20xv","generation":1,"time":"2026-09-21T14:13:20.000Z"}
`
	if got, _, ex := export(t, tl); got != want || ex.Cleared != 4 || ex.Publications != 0 {
		t.Errorf("a cleared history: got\n%s%+v", got, ex)
	}
	tl.records = tl.records[:1]
	want = `{"room":"a","offset":1,"epoch":"1r9p3xtnh20xv","generation":1,"time":"2026-09-21T14:13:20.001Z","user":"ann","client":"c1","conn_info":{"name":"Ann"},"form":"json","data":{"text":"<hi>"},"tags":{"a":"1","b":"2"},"key":"k1","version":3,"version_epoch":"v","change":true}
{"room":"a","offset":2,"epoch":"1r9p3xtnh20xv","generation":1,"time":"2026-09-21T14:13:20.002Z","form":"text","data":"é\n"}
{"room":"a","offset":3,"epoch":"1r9p3xtnh20xv","generation":1,"time":"2026-09-21T14:13:20.003Z","form":"binary","b64data":"AP8="}
{"room":"a","offset":4,"epoch":"1r9p3xtnh20xv","generation":1,"time":"2026-09-21T14:13:20.004Z","form":"text","b64data":"/w=="}
`
	if got, problems, ex := export(t, tl); got != want || len(problems) > 0 || ex.Publications != 4 {
		t.Errorf("got\n%swant\n%s%v %+v", got, want, problems, ex)
	}
}

func TestRedactedAndClearedContentIsNotExported(t *testing.T) {
	t.Parallel()
	tl := &testLog{id: "log"}
	secret := func(room string, generation, offset uint64) record.Entry {
		e := publish(room, generation, offset)
		e.Data, e.Tags = []byte(`"secret"`), map[string]string{"secret": "yes"}
		return e
	}
	notice := publish("a", 1, 2)
	notice.Notice = true
	tl.append(t, secret("a", 1, 1))
	tl.append(t, record.Entry{Kind: record.Redact, Room: "a", Generation: 1, Offset: 1}, notice, publish("b", 1, 1))
	tl.append(t, secret("c", 1, 1), secret("c", 1, 2), clearTo("c", 1, 2), publish("c", 1, 3))
	// Rooms whose life begins again: what was removed before has no effect on it.
	tl.append(t, publish("a", 2, 1), publish("c", 2, 1), clearTo("c", 2, 1), publish("c", 2, 2), publish("c", 2, 3), clearTo("c", 1, 9))
	got, _, ex := export(t, tl)
	if strings.Contains(got, "secret") || ex.Redacted != 1 || ex.Cleared != 4 || ex.Publications != 6 {
		t.Errorf("got\n%s%+v", got, ex)
	}
	if n := strings.Count(got, `"data":{"redacted":true}`); n != 1 {
		t.Errorf("%d lines are marked as redacted, want 1:\n%s", n, got)
	}
}

func TestAnExportSkipsAndNamesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	tl := &testLog{id: "log"}
	badInfo, badForm, badJSON := publish("a", 1, 2), publish("a", 1, 3), publish("a", 1, 4)
	badInfo.Info, badForm.Form, badJSON.Data = []byte("?"), 9, []byte("{")
	tl.append(t, publish("a", 1, 1), badInfo, badForm, badJSON)
	tl.append(t, publish("a", 1, 5))
	tl.append(t, publish("a", 1, 6))
	tl.records[1][9] ^= 4
	got, problems, ex := export(t, tl)
	want := []string{`record 1: room "a", offset 2: info: `, `record 1: room "a", offset 3: form 9: `, "record 2: the record is damaged"}
	if !slices.EqualFunc(problems, want, strings.HasPrefix) || ex.Skipped != 2 || ex.Damaged != 1 || ex.Publications != 3 || strings.Count(got, "\n") != 3 {
		t.Errorf("got %q, %+v\n%s", problems, ex, got)
	}
	if !strings.Contains(got, `"form":"json","b64data":"ew=="`) {
		t.Errorf("data that is not JSON is not in base64:\n%s", got)
	}
}

// failingWriter fails at once.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errTest }

func TestAFailedWriteEndsAnExport(t *testing.T) {
	t.Parallel()
	if _, err := Export(t.Context(), wholeLog(t), failingWriter{}, func(Problem) {}); !errors.Is(err, errTest) {
		t.Errorf("got %v, want the error of the writer", err)
	}
}

func TestTimesReadBackAsWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []Time{0, 1_790_000_000_123, -1, 1<<63 - 1, -1 << 63} {
		b, err := want.MarshalJSON()
		var got Time
		if err == nil {
			err = got.UnmarshalJSON(b)
		}
		if err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", b, got, err, want)
		}
	}
}

package dump

import (
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/record"
)

func value(room, key, data string) record.Entry {
	return record.Entry{Kind: record.Value, Room: room, Key: key, Data: []byte(data), UnixMilli: 1_790_000_000_001}
}

func TestAnExportHasTheNewestValues(t *testing.T) {
	t.Parallel()
	tl := &testLog{id: "log"}
	ended := clearTo("was memory", 1, 0)
	ended.Change = true
	tl.append(t, value("a", "m/ann", `"member"`), value("a", "m/bob", `"member"`), value("gone", "m/ann", `"owner"`), value("was memory", "k", `1`))
	tl.append(t, value("a", "m/ann", `"owner"`), value("a", "m/bob", ""), value("", "dnd/ann", `{"a": 1}`), value("gone", "", ""), ended)
	tl.append(t, value("gone", "i", `{}`), value("a", "binary", "\x00\xff"), publish("a", 1, 1))
	const want = `{"kind":"value","room":"a","key":"m/ann","time":"2026-09-21T14:13:20.001Z","data":"owner"}
{"kind":"value","room":"","key":"dnd/ann","time":"2026-09-21T14:13:20.001Z","b64data":"eyJhIjogMX0="}
{"kind":"value","room":"gone","key":"i","time":"2026-09-21T14:13:20.001Z","data":{}}
{"kind":"value","room":"a","key":"binary","time":"2026-09-21T14:13:20.001Z","b64data":"AP8="}
`
	lines, problems, ex := export(t, tl)
	if got, rest, _ := strings.Cut(lines, `{"room":"a"`); got != want || rest == "" || ex.Values != 4 || len(problems) > 0 {
		t.Errorf("got\n%swant\n%s%v %+v", lines, want, problems, ex)
	}
	if _, rep := check(t, tl); rep.Values != 10 || !rep.OK() {
		t.Errorf("got %+v, want 10 changes of values", rep)
	}
	to := &testLog{id: "other"}
	im, err := Import(t.Context(), []broker.Log{to}, nil, nil, strings.NewReader(lines))
	if err != nil || im.Values != 4 || im.Publications != 1 || im.Lines != 5 {
		t.Fatalf("got %+v, %v", im, err)
	}
	again, problems, _ := export(t, to)
	if got, want := ofTheLog.ReplaceAllString(again, ""), ofTheLog.ReplaceAllString(lines, ""); got != want || len(problems) > 0 {
		t.Errorf("got\n%swant\n%s%v", got, want, problems)
	}
}

func TestALineOfAValueIsChecked(t *testing.T) {
	t.Parallel()
	tl := &testLog{id: "log"}
	tl.append(t, value("a", "m/ann", `"member"`))
	for _, c := range []struct{ line, want string }{
		{`{"kind":"value","room":"a","data":1}`, `line 1: room "a": key: has 0 bytes, 1 to 512 are allowed`},
		{`{"kind":"value","room":"a","key":"` + strings.Repeat("k", chat.MaxValueKey+1) + `","data":1}`, `line 1: room "a": key: has 513 bytes`},
		{`{"kind":"value","room":"a","key":"k"}`, `line 1: room "a": data: must not be empty in a value`},
		{`{"kind":"value","room":"a","key":"k","data":1,"b64data":"AA=="}`, `line 1: room "a": data and b64data: only one`},
		{`{"kind":"value","room":"a","key":"k","data":1,"offset":1}`, `line 1: room "a": offset: a value has none`},
		{`{"kind":"value","room":"` + strings.Repeat("r", 300) + `","key":"k","data":1}`, `line 1: room "rrr`},
		{`{"room":"","offset":1,"data":1}`, `line 1: room "": must have 1 to`},
		{`{"kind":"value","room":"a","key":"m/ann","data":1}`, `line 1: room "a": key "m/ann" has a value in the data directory`},
	} {
		im, err := Import(t.Context(), []broker.Log{tl}, nil, nil, strings.NewReader(c.line))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || im.Lines != 0 || len(tl.records) != 1 {
			t.Errorf("%.80s: got %v, %d records, want %q", c.line, err, len(tl.records), c.want)
		}
	}
	if im, err := Import(t.Context(), []broker.Log{tl}, nil, nil, strings.NewReader(`{"kind":"value","room":"a","key":"m/bob","data":"member"}`)); err != nil || im.Values != 1 {
		t.Errorf("another key of the room: got %+v, %v", im, err)
	}
}

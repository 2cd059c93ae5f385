package dump

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

var ofTheLog = regexp.MustCompile(`"epoch":"\w+","generation":\d+`)

// An import keeps all but epochs and generations.
func TestAnImportedLogHasTheLinesOfTheExport(t *testing.T) {
	t.Parallel()
	tl := wholeLog(t)
	ann := record.Publisher{User: "ann", ChanInfo: []byte("1")}
	e := publish("c", 4, 9)
	e.Info, e.Key, e.Form, e.Notice, e.Change, e.Tags, e.Version = ann.Append(nil), "k", 1, true, true, map[string]string{"a": ""}, record.PublicationVersion{Number: 1}
	tl.append(t, e)
	lines, _, _ := export(t, tl)
	to := &testLog{id: "other"}
	im, err := Import(t.Context(), []broker.Log{to}, nil, nil, strings.NewReader(lines+"\n  \n"))
	if err != nil || im.Lines != strings.Count(lines, "\n") || im.Rooms != 3 || im.Gaps != 0 {
		t.Fatalf("got %+v, %v", im, err)
	}
	again, problems, _ := export(t, to)
	got, want := ofTheLog.ReplaceAllString(again, ""), ofTheLog.ReplaceAllString(lines, "")
	if got != want || len(problems) > 0 {
		t.Errorf("got\n%swant\n%s%v", got, want, problems)
	}
	if problems, rep := check(t, to); len(problems) > 0 || !rep.OK() {
		t.Errorf("the imported log has problems: %v", problems)
	}
	for _, m := range ofTheLog.FindAllString(again, -1) {
		if strings.Contains(lines, m) {
			t.Errorf("%s is that of the exported log: a client could recover with a position of another log", m)
		}
	}
}

// jsonLine returns a line of a publication.
func jsonLine(room string, generation, offset uint64, more string) string {
	return fmt.Sprintf(`{"room":%q,"offset":%d,"generation":%d,"time":5,"data":1%s}`+"\n", room, offset, generation, more)
}

func TestALineThatCannotBeImportedStopsAllOfThem(t *testing.T) {
	t.Parallel()
	good := jsonLine("new", 1, 1, "") + "\n"
	large := `,"tags":{"a":"` + strings.Repeat("x", record.MaxRecord/2) + `"}` // a record of its own
	for _, c := range []struct{ lines, want string }{
		{good + "{\n", "line 3: is not a line of throng data export: unexpected EOF"},
		{good + "[]\n", "line 3: is not a line of throng data export: json: cannot unmarshal"},
		{good + jsonLine("new", 1, 2, `,"more":1`), `line 3: is not a line of throng data export: json: unknown field "more"`},
		{good + `{"room":"x"} {}`, "line 3: has more than one JSON object"},
		{good + jsonLine("", 1, 2, ""), `line 3: room "": must have 1 to`},
		{good + jsonLine(strings.Repeat("x", 300), 1, 2, ""), `line 3: room "xxx`},
		{good + jsonLine("new", 1, 2, `,"key":"`+strings.Repeat("k", 200)+`"`), "line 3: key: has 200 bytes, at most 128 are allowed"},
		{good + jsonLine("new", 1, 2, `,"kind":"say"`), `line 3: room "new": kind "say": must be clear, value, sanction or key, or absent`},
		{good + jsonLine("new", 1, 2, `,"form":"xml"`), `line 3: room "new": form "xml": must be json, text or binary`},
		{good + jsonLine("new", 1, 2, `,"form":"text"`), `line 3: room "new": data: must be a string`},
		{good + jsonLine("new", 1, 2, `,"form":"binary"`), `line 3: room "new": data: must be in b64data`},
		{good + jsonLine("new", 1, 2, `,"b64data":"AA=="`), `line 3: room "new": data and b64data: only one`},
		{good + `{"room":"new","offset":2,"b64data":"AA=="}`, `line 3: room "new": data: must be JSON`},
		{good + `{"room":"new","offset":2,"data":1,"time":"noon"}`, "line 3: is not a line of throng data export: time: must be RFC 3339"},
		{good + jsonLine("new", 1, 0, ""), `line 3: room "new": offset 0: must be 1 to 9007199254740992`},
		{good + jsonLine("new", 1, 1<<53+1, ""), `line 3: room "new": offset 9007199254740993: must be 1 to`},
		{good + `{"room":"new","offset":18446744073709551615,"data":1}`, `line 3: room "new": offset 18446744073709551615: must be 1 to`},
		{good + jsonLine("new", 1, 1, ""), `line 3: room "new": offset 1 after 1: lines of a room must be in their order`},
		{good + jsonLine("new", 0, 2, ""), `line 3: room "new": generation 0 after 1: lines of a room must be in their order`},
		{good + jsonLine("a", 5, 1, ""), `line 3: room "a" has publications in the data directory`},
		{good + jsonLine("new", 1, 2, `,"tags":{"a":"`+strings.Repeat("x", record.MaxRecord)+`"}`), `line 3: room "new": entry of`},
		{good + jsonLine("new", 1, 2, large) + jsonLine("new", 1, 3, large) + jsonLine("new", 1, 4, large) + "{\n", "line 6: is not"},
		{good + strings.Repeat("x", MaxLine+1), "line 3: longer than 8388608 bytes"},
	} {
		tl := wholeLog(t)
		im, err := Import(t.Context(), []broker.Log{tl}, nil, nil, strings.NewReader(c.lines))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.100s: got %v, want %q", c.lines, err, c.want)
		}
		if len(tl.records) != 6 || im.Lines != 0 {
			t.Errorf("%.100s: %d records are stored", c.lines, len(tl.records)-6)
		}
	}
}

func TestAGapBeginsAHistoryAnew(t *testing.T) {
	t.Parallel()
	tl := &testLog{id: "log"}
	im, err := Import(t.Context(), []broker.Log{tl}, nil, nil, strings.NewReader(jsonLine("a", 1, 1, "")+jsonLine("a", 1, 5, "")+jsonLine("a", 1, 6, "")))
	if err != nil || im.Gaps != 1 || im.Publications != 3 {
		t.Fatalf("got %+v, %v", im, err)
	}
	if problems, rep := check(t, tl); len(problems) > 0 || rep.Publications != 3 {
		t.Errorf("got %v, %+v", problems, rep)
	}
	got, _, _ := export(t, tl)
	if strings.Count(got, "\n") != 3 || !strings.Contains(got, `"clear","room":"a","offset":4`) || strings.Contains(got, `"offset":1,`) {
		t.Errorf("got\n%s", got)
	}
}

func TestPublicationsWithoutATimeAreCounted(t *testing.T) {
	t.Parallel()
	lines := `{"room":"a","offset":1,"data":1}` + "\n" + `{"room":"a","offset":2,"data":1,"time":5}` + "\n"
	im, err := Import(t.Context(), []broker.Log{&testLog{id: "log"}}, nil, nil, strings.NewReader(lines))
	if err != nil || im.Untimed != 1 || im.Publications != 2 {
		t.Errorf("got %+v, %v, want two publications, one without a time", im, err)
	}
}

func TestAFullDiskNamesTheLinesThatAreStored(t *testing.T) {
	t.Parallel()
	tl := wholeLog(t)
	tl.failFrom = 9
	var lines strings.Builder
	big := `,"tags":{"a":"` + strings.Repeat("x", 400_000) + `"}`
	for i := range uint64(7) { // two in a record
		lines.WriteString(jsonLine("new", 1, i+1, big))
	}
	im, err := Import(t.Context(), []broker.Log{tl}, nil, nil, strings.NewReader(lines.String()))
	if !errors.Is(err, broker.ErrFull) || !strings.HasPrefix(err.Error(), "store the lines after the first 4: ") || im.Lines != 4 || len(tl.records) != 8 {
		t.Errorf("got %+v, %v, %d records", im, err, len(tl.records))
	}
}

func TestADamagedLogIsNotImportedInto(t *testing.T) {
	t.Parallel()
	tl := wholeLog(t)
	tl.records[2][9] ^= 1
	if _, err := Import(t.Context(), []broker.Log{tl}, nil, nil, strings.NewReader(jsonLine("new", 1, 1, ""))); err == nil || !strings.Contains(err.Error(), "1 damaged records") {
		t.Errorf("got %v", err)
	}
}

func TestAnImportFencesTheOwnerOfTheLog(t *testing.T) {
	t.Parallel()
	tl := wholeLog(t)
	if _, err := Import(t.Context(), []broker.Log{tl}, nil, nil, strings.NewReader(jsonLine("new", 1, 1, ""))); err != nil {
		t.Fatal(err)
	}
	h, r, err := record.Open(tl.records[6])
	var fence, e record.Entry
	if err == nil {
		_, err = r.Next(&fence)
	}
	if err == nil {
		_, err = r.Next(&e)
	}
	if err != nil || h != (record.Header{Term: 2, Expected: 6}) || fence.Kind != record.Fence {
		t.Errorf("got %+v %+v, %v", h, fence, err)
	}
	const largest = 3 // generation of the log
	if e.Room != "new" || e.Generation <= largest {
		t.Errorf("got %+v, want a generation that the log never had", e)
	}
}

package importing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// convertSlack converts an archive or a directory and returns the lines.
func convertSlack(t testing.TB, name string, o Options) (string, Report, error) {
	t.Helper()
	export, err := Open(name)
	if err != nil {
		return "", Report{}, err
	}
	defer export.Close()
	var out strings.Builder
	report, err := Slack(t.Context(), export, o, &out)
	return out.String(), report, err
}

func TestASlackExportIsConverted(t *testing.T) {
	t.Parallel()
	files := filesOf(t, "testdata/slack", "")
	for name, path := range map[string]string{
		"directory":           "testdata/slack",
		"archive":             fileWith(t, "export.zip", zipped(t, files)),
		"archive of the root": fileWith(t, "export.zip", zipped(t, filesOf(t, "testdata/slack", "Acme Slack export/"))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, report, err := convertSlack(t, path, options)
			if err != nil {
				t.Fatal(err)
			}
			const want = `value chat:general i {"title":"general","topic":"Everyone is here"}
value chat:general m/ann "owner"
value chat:general m/bob "member"
value chat:general m/carl "member"
value chat:empty i {"title":"empty"}
value chat:empty m/ann "member"
value private:plans i {"title":"plans","topic":"What comes next"}
value private:plans m/ann "owner"
value private:mpdm-ann--bob--carl-1 i {"title":"mpdm-ann--bob--carl-1"}
value private:mpdm-ann--bob--carl-1 m/ann "member"
value private:mpdm-ann--bob--carl-1 m/bob "member"
value private:mpdm-ann--bob--carl-1 m/carl "member"
value dialog#ann,bob m/ann "member"
value dialog#ann,bob m/bob "member"
chat:general 1 ann {"id":"1764410400.000100","text":"First & the plan (https://example.org/a?b=1&c=2), see #empty"}
chat:general 2 bob {"type":"pin","of":"1764410400.000100","on":true}
private:plans 1 ann {"id":"1764410410.000000","text":"A secret"}
dialog#ann,bob 1 ann {"id":"1764410420.000000","text":"Hello Bob"}
private:mpdm-ann--bob--carl-1 1 bob {"id":"1764410430.000000","text":"Hello both"}
chat:general 3 bob {"id":"1764410460.000200","text":"Thanks @ann and @carl. @here 1 < 2","mentions":["ann","carl","@here"]}
chat:general 4 ann {"type":"reaction","of":"1764410460.000200","emoji":"👍","on":true}
chat:general 5 carl {"type":"reaction","of":"1764410460.000200","emoji":"👍","on":true}
chat:general 6 ann {"type":"reaction","of":"1764410460.000200","emoji":":shipit:","on":true}
chat:general 7 U99 {"type":"reaction","of":"1764410460.000200","emoji":"👋🏿","on":true}
chat:general 8 bob {"type":"edit","of":"1764410460.000200","text":"Thanks @ann and @carl. @here 1 < 2","mentions":["ann","carl","@here"]}
chat:general 9 ann {"id":"1764410600.000300","text":"You are welcome","thread":"1764410460.000200"}
chat:general :  {"id":"1764410650.000400","text":"1.2 is live"}
chat:general ; carl {"id":"1764410700.000500","text":"plan.png https://files.example.org/plan.png","thread":"1764410460.000200","meta":{"files":["plan.png https://files.example.org/plan.png"]}}
chat:general < bob {"id":"1764410710.000600","text":"To a thread from before the export"}
chat:general = USLACKBOT {"id":"1764410720.000700","deleted":true}
chat:general > ann {"id":"1764410730.000800","text":"A reply to what was deleted","thread":"1764410720.000700"}
`
			if got := short(t, out); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			reasons(t, report.Skipped, map[string]int{
				`message of subtype "channel_join"`: 1, `element of type "event"`: 1, "message that the export has twice": 1,
				"file in the directory of a channel that is not YYYY-MM-DD.json": 1, "channel without a directory of messages": 1,
			})
			reasons(t, report.Changed, map[string]int{
				"a message has the names of its files, not the files":           1,
				"message or change of a user that the export does not describe": 2,
				"reply without the first message of its thread is a message":    1,
			})
			report.Skipped, report.Changed = nil, nil
			if want := (Report{Users: 3, Rooms: 5, Members: 10, Messages: 11, Replies: 3, Edits: 1, Deleted: 1, Reactions: 4, Pins: 1}); !reflect.DeepEqual(report, want) {
				t.Errorf("got %+v, want %+v", report, want)
			}
		})
	}
}

func TestTheTextOfSlackIsReadable(t *testing.T) {
	t.Parallel()
	sl := &slack{people: newPeople(ByName), channels: map[string]string{"C1": "general"}}
	sl.people.known["U1"] = person{user: "ann"}
	for _, tt := range []struct{ in, want, mentions string }{
		{"plain", "plain", "[]"},
		{"&lt;b&gt; &amp;amp;", "<b> &amp;", "[]"},
		{"<@U1>, <@U1|ann>", "@ann, @ann", "[ann]"},
		{"<@U2|bob> <@U3>", "@bob @U3", "[]"},
		{"<#C1> <#C2|other> <#C3>", "#general #other #C3", "[]"},
		{"<!here> <!channel> <!everyone|everyone>", "@here @channel @everyone", "[@here]"},
		{"<!subteam^S1|@team> <!date^1^{date}|Monday> <!unknown>", "@team Monday !unknown", "[]"},
		{"<https://a.example> <https://a.example|https://a.example> <https://a.example?x=1&amp;y=2|label>", "https://a.example https://a.example label (https://a.example?x=1&y=2)", "[]"},
		{"<mailto:a@example.org|a@example.org>", "a@example.org (mailto:a@example.org)", "[]"},
		{"an open <bracket", "an open <bracket", "[]"},
		{"<>", "", "[]"},
	} {
		text, mentions := sl.text(tt.in)
		if text != tt.want || fmt.Sprint(mentions) != tt.mentions {
			t.Errorf("%s: got %q %v, want %q %s", tt.in, text, mentions, tt.want, tt.mentions)
		}
	}
}

func TestTheTimeOfSlackIsInMicroseconds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"1764410400.000100": 1764410400000100, "0.000001": 1, "": 0, "1764410400": 0, "1764410400.1": 0, "-1.000000": 0, "1.00000x": 0,
		"99999999999999999999.000000": 0, "1.+00001": 0, " 1.000000": 0,
	} {
		if got, ok := parseTS(in); got != want || ok != (want > 0) {
			t.Errorf("%q: got %d %v, want %d", in, got, ok, want)
		}
	}
}

// slackWith returns an archive with one channel, and one file of messages.
func slackWith(messages string) map[string]string {
	return map[string]string{
		"users.json": "[]", "channels.json": `[{"id":"C1","name":"general"}]`, "general/2026-11-29.json": messages,
	}
}

func TestAHostileSlackExportIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no export":      {map[string]string{"a.txt": "x"}, "has no users.json: it is not an export of Slack"},
		"a huge element": {slackWith(`[{"type":"message","text":"` + noise(MaxElement+1<<20) + `"}]`), `"general/2026-11-29.json": element 1: an element has more than 8388608 bytes`},
		"no list":        {slackWith(`{"messages":[]}`), `"general/2026-11-29.json": must be a list of JSON`},
		"cut":            {slackWith(`[{"type":"message"}`), `"general/2026-11-29.json": `},
		"a wrong type":   {slackWith(`[{"type":"message","text":[]}]`), `"general/2026-11-29.json": element 1: json: cannot unmarshal`},
		"reactions":      {slackWith(`[{"type":"message","user":"U1","text":"x","ts":"1.000000","reactions":{}}]`), "reactions: must be a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := convertSlack(t, fileWith(t, "export.zip", zipped(t, tt.files)), options)
			if err == nil || !strings.Contains(err.Error(), tt.want) || out != "" {
				t.Errorf("got %v and %d bytes, want %s", err, len(out), tt.want)
			}
		})
	}
	if _, err := Open(fileWith(t, "export.zip", []byte("no archive"))); err == nil || !strings.Contains(err.Error(), "is not a ZIP archive") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// The content of an archive is counted while it is decompressed.
func TestAZIPBombIsRefused(t *testing.T) {
	t.Parallel()
	content := zipped(t, slackWith(`[{"type":"`+strings.Repeat("x", 1<<20)+`"}]`)) // compressed by 1,000
	export, err := Open(fileWith(t, "export.zip", content))
	if err != nil {
		t.Fatal(err)
	}
	defer export.Close()
	if got, want := export.allow.left, int64(FreeBytes+MaxRatio*len(content)); got != want {
		t.Errorf("got %d bytes that may be read, want %d", got, want)
	}
	export.allow.left -= FreeBytes
	_, err = Slack(t.Context(), export, options, &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "decompresses to more than allowed: the archive has") {
		t.Errorf("got %v", err)
	}
}

// noise is text that does not compress well.
func noise(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[x>>26]
	}
	return string(b)
}

// The names of an export lead to no file outside of it.
func TestNamesOfASlackExportStayInIt(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.MkdirAll(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	const secret = `[{"type":"message","user":"U1","text":"secret","ts":"1.000000"}]`
	if err := os.WriteFile(filepath.Join(outside, "2026-11-29.json"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(outside), "export")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	channels := fmt.Sprintf(`[{"id":"C1","name":"../outside"},{"id":"C2","name":%q},{"id":"C3","name":"linked"},{"id":"C4","name":"."},{"id":"C5","name":""},{"id":".."}]`, outside)
	for name, content := range map[string]string{"users.json": "[]", "channels.json": channels, "dms.json": `[{"id":"../outside","members":["U1","U2"]}]`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, report, err := convertSlack(t, dir, options)
	if err != nil || strings.Contains(out, "secret") || report.Messages != 0 {
		t.Errorf("got %q, %v", out, err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	if out, _, err := convertSlack(t, dir, options); err == nil || out != "" {
		t.Errorf("a link out of the export: got %q, want an error", out)
	}
	if err := os.Remove(filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	// A pipe would block the import.
	if err := os.Mkdir(filepath.Join(dir, "linked"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "linked", "2026-11-29.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := convertSlack(t, dir, options); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("a pipe: got %v", err)
	}
}

func TestAConversionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	export, err := Open("testdata/slack")
	if err != nil {
		t.Fatal(err)
	}
	defer export.Close()
	if _, err := Slack(ctx, export, options, &strings.Builder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Mattermost(ctx, strings.NewReader("{}\n"), options, &strings.Builder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzSlack(f *testing.F) {
	for name, content := range filesOf(f, "testdata/slack", "") {
		if strings.Contains(name, "/") {
			f.Add(content, "[]")
		}
	}
	f.Fuzz(func(t *testing.T, messages, users string) {
		files := slackWith(messages)
		files["users.json"] = users
		out, report, err := convertSlack(t, fileWith(t, "export.zip", zipped(t, files)), options)
		if err != nil {
			return
		}
		if got := strings.Count(out, "\n"); got != report.Messages+report.Edits+report.Reactions+report.Pins+strings.Count(out, `{"kind":"value"`) {
			t.Errorf("got %d lines, want those of the report: %+v", got, report)
		}
	})
}

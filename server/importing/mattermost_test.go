package importing

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// convertMattermost converts an export and returns the lines.
func convertMattermost(t testing.TB, in io.Reader, o Options) (string, Report, error) {
	t.Helper()
	var out strings.Builder
	report, err := Mattermost(t.Context(), in, o, &out)
	return out.String(), report, err
}

func TestAMattermostExportIsConverted(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile("testdata/mattermost.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	out, report, err := convertMattermost(t, bytes.NewReader(sample), options)
	if err != nil {
		t.Fatal(err)
	}
	const want = `value chat:acme/town-square i {"title":"Town Square","topic":"Everyone is here"}
value private:acme/plans i {"title":"Plans","topic":"What comes next"}
value chat:acme/town-square m/ann "moderator"
value private:acme/plans m/ann "member"
value chat:acme/town-square m/bob "member"
value private:group/132e77aa0f2484e9 i {"title":"ann, bob, carl.c"}
value private:group/132e77aa0f2484e9 m/ann "member"
value private:group/132e77aa0f2484e9 m/bob "member"
value private:group/132e77aa0f2484e9 m/carl.c "member"
value dialog#ann,bob m/ann "member"
value dialog#ann,bob m/bob "member"
chat:acme/town-square 1 ann {"id":"m12","text":"First"}
chat:acme/town-square 2  {"type":"pin","of":"m12","on":true}
private:acme/plans 1 ann {"id":"m15","text":"A secret"}
dialog#ann,bob 1 ann {"id":"m19","text":"Hello Bob"}
private:group/132e77aa0f2484e9 1 bob {"id":"m20","text":"Hello both"}
chat:acme/town-square 3 bob {"id":"m11","text":"Second: thanks @ann, and @carl.c. @here we go","mentions":["ann","carl.c","@here"]}
chat:acme/town-square 4 ann {"type":"reaction","of":"m11","emoji":"👍","on":true}
chat:acme/town-square 5 carl.c {"type":"reaction","of":"m11","emoji":"👍","on":true}
chat:acme/town-square 6 ann {"type":"reaction","of":"m11","emoji":":shipit:","on":true}
chat:acme/town-square 7 bob {"type":"edit","of":"m11","text":"Second: thanks @ann, and @carl.c. @here we go","mentions":["ann","carl.c","@here"]}
chat:acme/town-square 8 ann {"id":"m11.1","text":"You are welcome","thread":"m11"}
chat:acme/town-square 9 bob {"type":"reaction","of":"m11.1","emoji":"👋🏿","on":true}
chat:acme/town-square : deploy {"id":"m14","text":"1.2 is live"}
chat:acme/town-square ; carl.c {"id":"m11.2","text":"data/2026/plan.png","thread":"m11","meta":{"files":["data/2026/plan.png"]}}
`
	if got := short(t, out); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, want := range []string{
		`{"room":"chat:acme/town-square","offset":1,"time":1764410400000,"user":"ann","conn_info":{"name":"Ann Ames"},"data":{"id":"m12","text":"First"}}`,
		`"time":1764410500000,"user":"bob","conn_info":{"name":"Bobby"},"data":{"type":"edit"`,
		`"user":"deploy","conn_info":{"name":"Deploy Bot"}`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s, want %s in it", out, want)
		}
	}
	reasons(t, report.Skipped, map[string]int{
		`line of type "role"`: 1, `line of type "emoji"`: 1, `post of type "system_join_channel"`: 1,
		"post in a channel that the export does not have": 1, "reply to a post that is skipped": 1,
	})
	reasons(t, report.Changed, map[string]int{"a message has the names of its files, not the files": 1})
	report.Skipped, report.Changed = nil, nil
	if want := (Report{Users: 4, Rooms: 4, Members: 8, Messages: 8, Replies: 2, Edits: 1, Reactions: 4, Pins: 1}); !reflect.DeepEqual(report, want) {
		t.Errorf("got %+v, want %+v", report, want)
	}
}

func TestUsersAreNamedByTheirEmails(t *testing.T) {
	t.Parallel()
	byEmail := options
	byEmail.Users = ByEmail
	out, report, err := convertMattermost(t, strings.NewReader(`{"type":"version","version":1}
{"type":"user","user":{"username":"ann","email":"Ann@example.org"}}
{"type":"bot","bot":{"username":"deploy"}}
{"type":"direct_post","direct_post":{"channel_members":["deploy","ann"],"user":"ann","message":"@deploy","create_at":1}}
{"type":"direct_post","direct_post":{"channel_members":["deploy","ann"],"user":"deploy","message":"@ann","create_at":2}}
`), byEmail)
	if err != nil {
		t.Fatal(err)
	}
	const want = `value dialog#ann@example.org,deploy m/ann@example.org "member"
value dialog#ann@example.org,deploy m/deploy "member"
dialog#ann@example.org,deploy 1 ann@example.org {"id":"m4","text":"@deploy","mentions":["deploy"]}
dialog#ann@example.org,deploy 2 deploy {"id":"m5","text":"@ann","mentions":["ann@example.org"]}
`
	if got := short(t, out); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	reasons(t, report.Changed, map[string]int{"user without a valid email has the ID of the export": 1})
}

func TestAPostThatCannotBeImportedIsSkipped(t *testing.T) {
	t.Parallel()
	head := `{"type":"version","version":1}
{"type":"channel","channel":{"team":"a","name":"b","type":"O"}}
`
	manyEmojis := make([]string, 25)
	for i := range manyEmojis {
		manyEmojis[i] = fmt.Sprintf(`{"user":"u","emoji_name":"e%d","create_at":1}`, i)
	}
	for name, tt := range map[string]struct {
		post     string
		messages int
		skipped  map[string]int
	}{
		"no time":       {`"user":"u","message":"x"`, 0, map[string]int{"message without a valid time": 1}},
		"too late":      {`"user":"u","message":"x","create_at":9223372036854775807`, 0, map[string]int{"message without a valid time": 1}},
		"no text":       {`"user":"u","message":"","create_at":1`, 0, map[string]int{"message without text": 1}},
		"too long":      {`"user":"u","message":"` + strings.Repeat("x", MaxText+1) + `","create_at":1`, 0, map[string]int{"message with more than 65536 bytes": 1}},
		"longest":       {`"user":"u","message":"` + strings.Repeat("x", MaxText) + `","create_at":1`, 1, nil},
		"a system post": {`"user":"u","type":"system_generic","message":"x","create_at":1,"replies":[{"user":"u","message":"y","create_at":2}]`, 1, map[string]int{`post of type "system_generic"`: 1}},
		"emojis":        {`"user":"u","message":"x","create_at":1,"reactions":[` + strings.Join(manyEmojis, ",") + `]`, 1, map[string]int{"reaction to a message that has 20 emojis": 5}},
		"nobody's":      {`"user":"u","message":"x","create_at":1,"reactions":[{"user":"","emoji_name":"e"},{"user":"u","emoji_name":""}]`, 1, map[string]int{"reaction without a user or an emoji": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			_, report, err := convertMattermost(t, strings.NewReader(head+`{"type":"post","post":{"team":"a","channel":"b",`+tt.post+"}}\n"), options)
			if err != nil || report.Messages != tt.messages {
				t.Errorf("got %d messages, %v, want %d", report.Messages, err, tt.messages)
			}
			reasons(t, report.Skipped, tt.skipped)
		})
	}
}

// A # in the name of a room begins a list of its users.
func TestAPublicChannelIsNoRoomOfUsers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x#ann", "#", "", "a\u202eb", strings.Repeat("x", maxRoomName)} {
		out, report, err := convertMattermost(t, strings.NewReader(fmt.Sprintf(`{"type":"version","version":1}
{"type":"channel","channel":{"team":"a","name":%[1]q,"type":"O"}}
{"type":"post","post":{"team":"a","channel":%[1]q,"user":"u","message":"x","create_at":1}}
`, name)), options)
		if err != nil || out != "" {
			t.Errorf("%q: got %s, %v", name, out, err)
		}
		reasons(t, report.Skipped, map[string]int{"channel without a valid name": 1, "post in a channel that the export does not have": 1})
	}
}

// A reply and a change are not before what they refer to.
func TestTimesFollowReferences(t *testing.T) {
	t.Parallel()
	out, _, err := convertMattermost(t, strings.NewReader(`{"type":"version","version":1}
{"type":"channel","channel":{"team":"a","name":"b","type":"O"}}
{"type":"post","post":{"team":"a","channel":"b","user":"u","message":"x","create_at":500,"edit_at":300,"reactions":[{"user":"u","emoji_name":"e","create_at":200}],"replies":[{"user":"u","message":"y","create_at":100}]}}
`), options)
	if err != nil {
		t.Fatal(err)
	}
	const want = `chat:a/b 1 u {"id":"m3","text":"x"}
chat:a/b 2 u {"type":"edit","of":"m3","text":"x"}
chat:a/b 3 u {"type":"reaction","of":"m3","emoji":":e:","on":true}
chat:a/b 4 u {"id":"m3.1","text":"y","thread":"m3"}
`
	if got := short(t, out); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAHostileMattermostExportIsRefused(t *testing.T) {
	t.Parallel()
	const head = `{"type":"version","version":1}` + "\n"
	for name, tt := range map[string]struct {
		in   io.Reader
		want string
	}{
		"empty":           {strings.NewReader("\n"), "is empty: a bulk export of Mattermost begins with a line of type version"},
		"another format":  {strings.NewReader(`{"room":"a","offset":1}`), `line 1: has type "" and version 0`},
		"another version": {strings.NewReader(`{"type":"version","version":2}`), `line 1: has type "version" and version 2`},
		"no JSON":         {strings.NewReader(head + "\x1b[2J"), "line 2: is not a line of a bulk export of Mattermost: invalid character"},
		"a wrong type":    {strings.NewReader(head + `{"type":"post","post":{"message":1}}`), "line 2: is not a line"},
		"no list":         {strings.NewReader(head + `{"type":"channel","channel":{"team":"a","name":"b","type":"O"}}` + "\n" + `{"type":"post","post":{"team":"a","channel":"b","user":"u","message":"x","create_at":1,"replies":{}}}`), "line 3: must be a list"},
		"a huge line":     {io.MultiReader(strings.NewReader(head), endless('x')), "line 2: has more than 16777216 bytes"},
		"deep":            {strings.NewReader(head + strings.Repeat(`{"type":`, 1<<20)), "line 2: is not a line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := convertMattermost(t, tt.in, options)
			if err == nil || !strings.Contains(err.Error(), tt.want) || out != "" {
				t.Errorf("got %v and %d bytes, want %s", err, len(out), tt.want)
			}
		})
	}
}

// endless is a reader of one byte for ever.
type endless byte

func (en endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(en)
	}
	return len(p), nil
}

// Memory does not grow with the export. The test is serial, because it measures the heap.
func TestMemoryIsBoundedByTheLimits(t *testing.T) {
	const posts, text, run = 20_000, 1000, 1 << 20
	in, w := io.Pipe()
	go func() {
		fmt.Fprintln(w, `{"type":"version","version":1}`)
		fmt.Fprintln(w, `{"type":"channel","channel":{"team":"a","name":"b","type":"O"}}`)
		words := strings.Repeat("x", text)
		for i := range posts {
			fmt.Fprintf(w, `{"type":"post","post":{"team":"a","channel":"b","user":"u","message":"%s","create_at":%d}}`+"\n", words, 1+i*7919%posts)
		}
		w.Close()
	}()
	mm := newMattermost(options)
	defer mm.writer.close()
	mm.writer.sorter.limit = run
	check := &heapCheck{}
	check.measure()
	before := check.most
	if err := mm.read(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	report, err := mm.writer.finish(t.Context(), check)
	if err != nil || report.Messages != posts {
		t.Fatalf("got %d messages, %v", report.Messages, err)
	}
	if grown := check.most - before; grown > 4*run {
		t.Errorf("got %d bytes of heap, want at most %d for %d of text", grown, 4*run, posts*text)
	}
}

// heapCheck is a writer that measures the live heap now and then, in the phase that merges.
type heapCheck struct {
	lines int
	most  uint64
}

func (hc *heapCheck) Write(p []byte) (int, error) {
	if hc.lines++; hc.lines%5000 == 1 {
		hc.measure()
	}
	return len(p), nil
}

func (hc *heapCheck) measure() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	hc.most = max(hc.most, m.HeapAlloc)
}

func FuzzMattermost(f *testing.F) {
	sample, err := os.ReadFile("testdata/mattermost.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Fuzz(func(t *testing.T, in []byte) {
		out, report, err := convertMattermost(t, bytes.NewReader(in), options)
		if err != nil {
			return
		}
		if got := strings.Count(out, "\n"); got != report.Messages+report.Edits+report.Reactions+report.Pins+strings.Count(out, `{"kind":"value"`) {
			t.Errorf("got %d lines, want those of the report: %+v", got, report)
		}
	})
}

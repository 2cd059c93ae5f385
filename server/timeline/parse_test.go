package timeline

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestDataIsReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		data string
		want Entry
	}{
		{`{"id":"a","text":"hi"}`, Entry{ID: "a", Text: "hi"}},
		{` { "text" : "hi" , "id" : "a" } `, Entry{ID: "a", Text: "hi"}},
		{`{"id":"a","text":"hi","type":null,"thread":null,"mentions":null,"meta":null}`, Entry{ID: "a", Text: "hi"}},
		{`{"id":"a","text":"hi","unknown":{"id":"b","text":[1,"}",{}]},"x":-1.5e3,"y":false}`, Entry{ID: "a", Text: "hi"}},
		{`{"\u0069d":"a","text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, Entry{ID: "a", Text: "\"\\/\b\f\n\r\té😀"}},
		{`{"ID":"b","Text":"no","id":"a","text":"hi"}`, Entry{ID: "a", Text: "hi"}},
		{`{"id":"a","text":"hi","reply_to":"#7","thread":"b"}`, Entry{ID: "a", Text: "hi", ReplyTo: "#7", Thread: "b"}},
		{`{"id":"a","text":"hi","mentions":["ann", "@here","ann"],"meta":{"a" : [1,2]}}`, Entry{
			ID: "a", Text: "hi", Mentions: []string{"ann", "@here"}, HasMentions: true, Meta: []byte(`{"a" : [1,2]}`),
		}},
		{`{"id":"a","text":"hi","mentions":[]}`, Entry{ID: "a", Text: "hi", HasMentions: true}},
		{`{"type":"edit","of":"a","text":"ho"}`, Entry{Kind: Edit, ID: "a", Text: "ho"}},
		{`{"type":"edit","of":"#3","text":"ho","mentions":["bob"]}`, Entry{Kind: Edit, ID: "#3", Text: "ho", Mentions: []string{"bob"}, HasMentions: true}},
		{`{"type":"delete","of":"a","id":7}`, Entry{Kind: Delete, ID: "a"}},
		{`{"type":"reaction","of":"a","emoji":"👍","on":true}`, Entry{Kind: Reaction, ID: "a", Emoji: "👍", On: true}},
		{`{"type":"reaction","of":"a","emoji":"👍","on":false}`, Entry{Kind: Reaction, ID: "a", Emoji: "👍"}},
		{`{"type":"pin","of":"a","on":true}`, Entry{Kind: Pin, ID: "a", On: true}},
		{`"just text"`, Entry{Text: "just text"}},
		{fmt.Sprintf(`{"id":%q,"text":"x"}`, strings.Repeat("i", MaxID)), Entry{ID: strings.Repeat("i", MaxID), Text: "x"}},
	} {
		e, err := Parse([]byte(c.data), testLimits)
		if err != nil || !reflect.DeepEqual(e, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.data, e, err, c.want)
		}
		if e, ok := Stored([]byte(c.data)); !ok || !reflect.DeepEqual(e, c.want) {
			t.Errorf("stored %s: got %+v, %v, want %+v", c.data, e, ok, c.want)
		}
	}
}

func TestDataThatBreaksARuleIsRejectedWithTheFieldFoundAndAllowed(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat(`"u",`, MaxMentions+1), ",")
	for _, c := range []struct{ data, want string }{
		{"", "data: found bytes that are not JSON"},
		{"{", "data: found bytes that are not JSON"},
		{"\xff", "data: found bytes that are not UTF-8"},
		{`{"id":"a","text":"` + "\xff" + `"}`, "data: found bytes that are not UTF-8"},
		{`[]`, "allowed: a JSON object or a JSON string"},
		{`7`, "allowed: a JSON object or a JSON string"},
		{`null`, "allowed: a JSON object or a JSON string"},
		{`""`, "text: found 0 bytes, allowed: 1 to 1000"},
		{`"\ud800"`, "data: found half a surrogate pair"},
		{`{}`, "id: not found, required: a string"},
		{`{"text":"hi"}`, "id: not found, required: a string"},
		{`{"id":null,"text":"hi"}`, "id: not found, required: a string"},
		{`{"id":"","text":"hi"}`, "id: found 0 bytes, allowed: 1 to 64"},
		{`{"id":7,"text":"hi"}`, "id: found 7, allowed: a string"},
		{`{"id":"#1","text":"hi"}`, `id: found one that begins with "#"`},
		{`{"id":"\u00231","text":"hi"}`, `id: found one that begins with "#"`},
		{`{"id":"` + strings.Repeat("i", MaxID+1) + `","text":"hi"}`, "id: found 65 bytes, allowed: 1 to 64"},
		{`{"id":"a\udc00","text":"hi"}`, "id: found half a surrogate pair"},
		{`{"id":"a\ud83dx","text":"hi"}`, "id: found half a surrogate pair"},
		{`{"id":"a\ud83d\u0041","text":"hi"}`, "id: found half a surrogate pair"},
		{`{"id":"a","id":"b","text":"hi"}`, "id: found it twice, allowed: once"},
		{`{"id":"a","\u0069d":null,"text":"hi"}`, "id: found it twice, allowed: once"},
		{`{"id":"a"}`, "text: not found, required: a string"},
		{`{"id":"a","text":""}`, "text: found 0 bytes, allowed: 1 to 1000"},
		{`{"id":"a","text":"` + strings.Repeat("é", 501) + `"}`, "text: found 1002 bytes, allowed: 1 to 1000"},
		{`{"id":"a","text":["hi"]}`, `text: found ["hi"], allowed: a string`},
		{`{"id":"a","text":"hi","thread":""}`, "thread: found 0 bytes, allowed: 1 to 64"},
		{`{"id":"a","text":"hi","thread":true}`, "thread: found true, allowed: a string"},
		{`{"id":"a","text":"hi","reply_to":"` + strings.Repeat("i", MaxID+1) + `"}`, "reply_to: found 65 bytes, allowed: 1 to 64"},
		{`{"id":"a","text":"hi","mentions":"ann"}`, `mentions: found "ann", allowed: an array of strings`},
		{`{"id":"a","text":"hi","mentions":[7]}`, "mentions: found 7, allowed: strings"},
		{`{"id":"a","text":"hi","mentions":["ann",null]}`, "mentions: found null, allowed: strings"},
		{`{"id":"a","text":"hi","mentions":[""]}`, "mentions: found a user ID of 0 bytes, allowed: 1 to 255"},
		{`{"id":"a","text":"hi","mentions":["` + strings.Repeat("u", MaxMention+1) + `"]}`, "mentions: found a user ID of 256 bytes, allowed: 1 to 255"},
		{`{"id":"a","text":"hi","mentions":[` + many + `]}`, "mentions: found more than 50, allowed: 50 at most"},
		{`{"id":"a","text":"hi","meta":[]}`, "meta: found [], allowed: a JSON object"},
		{`{"id":"a","text":"hi","meta":{"a":"` + strings.Repeat("m", 200) + `"}}`, "meta: found 208 bytes, allowed: 200 at most"},
		{`{"id":"a","text":"hi","type":"message"}`, `type: found "message", allowed: edit, delete, reaction, pin, or no type for a message`},
		{`{"id":"a","text":"hi","type":7}`, "type: found 7, allowed: a string"},
		{`{"id":"a","text":"hi","deleted":true}`, "deleted: found it, allowed: only in data that the server writes"},
		{`{"id":"a","text":"hi","deleted":false}`, "deleted: found it, allowed: only in data that the server writes"},
		{`{"type":"redact","offset":7}`, `type: found "redact"`},
		{`{"type":"edit","text":"hi"}`, "of: not found, required: a string"},
		{`{"type":"edit","of":"a"}`, "text: not found, required: a string"},
		{`{"type":"edit","of":"a","text":""}`, "text: found 0 bytes, allowed: 1 to 1000"},
		{`{"type":"edit","of":"a","text":"x","mentions":{}}`, "mentions: found {}, allowed: an array of strings"},
		{`{"type":"edit","of":"a","redacted":true}`, "redacted: found it, allowed: only in data that the server writes"},
		{`{"type":"delete"}`, "of: not found, required: a string"},
		{`{"type":"delete","of":""}`, "of: found 0 bytes, allowed: 1 to 64"},
		{`{"type":"reaction","of":"a","on":true}`, "emoji: not found, required: a string"},
		{`{"type":"reaction","of":"a","emoji":"","on":true}`, "emoji: found 0 bytes, allowed: 1 to 64"},
		{`{"type":"reaction","of":"a","emoji":"` + strings.Repeat("e", MaxEmoji+1) + `","on":true}`, "emoji: found 65 bytes, allowed: 1 to 64"},
		{`{"type":"reaction","of":"a","emoji":"x"}`, "on: not found, required: true or false"},
		{`{"type":"reaction","of":"a","emoji":"x","on":1}`, "on: found 1, allowed: true or false"},
		{`{"type":"pin","of":"a"}`, "on: not found, required: true or false"},
	} {
		e, err := Parse([]byte(c.data), testLimits)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v, want the error %q", c.data, e, err, c.want)
		}
	}
}

func TestTextOfAPlainClientIsAMessageWithoutAnID(t *testing.T) {
	t.Parallel()
	e, err := Plain([]byte(`{"id":"a"}`), testLimits)
	if want := (Entry{Text: `{"id":"a"}`}); err != nil || !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v, %v, want %+v", e, err, want)
	}
	for _, text := range []string{"", "\xff", strings.Repeat("x", 1001)} {
		if _, err := Plain([]byte(text), testLimits); err == nil {
			t.Errorf("%.10q: got no error", text)
		}
	}
}

func TestRedactedFormsKeepTheReferencesOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ data, want string }{
		{`{"id":"a","text":"secret","reply_to":"b","thread":"c","mentions":["ann"],"meta":{"x":1}}`, `{"deleted":true,"id":"a","reply_to":"b","thread":"c"}`},
		{`"secret"`, `{"deleted":true}`},
		{`{"type":"edit","of":"a\"b","text":"secret","mentions":["ann"]}`, `{"type":"edit","of":"a\"b","redacted":true}`},
	} {
		e, ok := Stored([]byte(c.data))
		got := Redacted(&e)
		if !ok || string(got) != c.want {
			t.Errorf("%s: got %s, want %s", c.data, got, c.want)
		}
		again, ok := Stored(got)
		e.Text, e.Mentions, e.Meta, e.HasMentions, e.Redacted = "", nil, nil, false, true
		if !ok || !reflect.DeepEqual(again, e) {
			t.Errorf("%s: read again: got %+v, %v, want %+v", got, again, ok, e)
		}
		if _, err := Parse(got, testLimits); err == nil {
			t.Errorf("%s: a publisher may write it", got)
		}
	}
}

// What Parse accepts keeps the limits, is accepted as stored data, and has a redacted form. What it takes from the data is what encoding/json
// takes.
func FuzzParse(f *testing.F) {
	for _, data := range []string{
		`{"id":"a","text":"hi","reply_to":"b","thread":"c","mentions":["ann","@here"],"meta":{"a":[1,{}]}}`, `"text\n\ud83d\ude00"`,
		`{"type":"edit","of":"a","text":"ho","mentions":[]}`, `{"type":"reaction","of":"#3","emoji":"👍","on":true}`, `{"type":"delete","of":"a"}`,
		`{"type":"pin","of":"a","on":false}`, `{"deleted":true,"id":"a"}`, `{"type":"edit","of":"a","redacted":true}`, `{"a":[{"b":"]}"}],"id":"\u0061"}`,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data, testLimits)
		if err != nil {
			if e, ok := Stored(data); ok {
				Redacted(&e)
			}
			return
		}
		if len(e.ID) > MaxID || len(e.Text) > testLimits.Text || len(e.Emoji) > MaxEmoji || len(e.Mentions) > MaxMentions || len(e.Meta) > testLimits.Meta || e.Redacted {
			t.Fatalf("%q: got %+v", data, e)
		}
		if stored, ok := Stored(data); !ok || !reflect.DeepEqual(stored, e) {
			t.Fatalf("%q: stored: got %+v, %v, want %+v", data, stored, ok, e)
		}
		if again, ok := Stored(Redacted(&e)); (e.Kind == Message || e.Kind == Edit) && (!ok || !again.Redacted || again.ID != e.ID) {
			t.Fatalf("%q: redacted: got %+v, %v", data, again, ok)
		}
		var text string
		if json.Unmarshal(data, &text) == nil {
			if text != e.Text {
				t.Fatalf("%q: got the text %q, want %q", data, e.Text, text)
			}
			return
		}
		var want map[string]any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		checkFields(t, &e, want)
	})
}

func checkFields(t *testing.T, e *Entry, want map[string]any) {
	t.Helper()
	id := "id"
	if e.IsChange() {
		id = "of"
	}
	for name, got := range map[string]string{id: e.ID, "text": e.Text, "reply_to": e.ReplyTo, "thread": e.Thread, "emoji": e.Emoji} {
		if w, _ := want[name].(string); got != "" && got != w {
			t.Fatalf("%s of %v: got %q", name, want, got)
		}
	}
	if on, _ := want["on"].(bool); e.On && !on {
		t.Fatalf("on of %v: got true", want)
	}
}

package session

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/centrifugal/fdelta"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// The delta of a long text can take a hundred times as long as all other work for it, so a shard does not compute it.
func TestALongPublicationIsSentInFull(t *testing.T) {
	for length, want := range map[int]bool{4 << 10: true, chat.MaxDelta: true, chat.MaxDelta + 1: false, 64 << 10: false} {
		data := []byte(`"` + strings.Repeat("x", length-2) + `"`)
		p := chat.Publication{Data: data, Form: chat.FormJSON}
		for _, e := range []Encoding{jsonDeltaEncoding, protobufDeltaEncoding} {
			budget := fanout.DeltaBudget
			if got := deltaPublication(&p, &p, e, &budget).Delta; got != want {
				t.Errorf("%d bytes: got a delta: %v, want %v", length, got, want)
			}
		}
	}
}

func FuzzTrimmedDelta(f *testing.F) {
	f.Add([]byte("one two three"), []byte("one 2 three"))
	f.Add([]byte("aaaa"), []byte("aaaaaa"))
	f.Add([]byte("aaaaaa"), []byte("aaaa"))
	f.Add([]byte("ä ö"), []byte("ä ü"))
	f.Add([]byte("\u00e4"), []byte("\u00a4")) // the last byte is the same
	f.Add([]byte(""), []byte("new"))
	f.Add([]byte("old"), []byte(""))
	f.Add(bytes.Repeat([]byte("0123456789"), 1000), append(bytes.Repeat([]byte("0123456789"), 900), "end"...))
	f.Fuzz(func(t *testing.T, was, content []byte) {
		d := trimmedDelta(was, content)
		got, err := fdelta.Apply(was, d)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("got %q, %v of the delta %q; want %q", got, err, d, content)
		}
		if utf8.Valid(was) && utf8.Valid(content) && !utf8.Valid(d) {
			t.Fatalf("the delta %q splits a character", d)
		}
	})
}

// A small change of a long publication is sent as a delta and needs no search.
func TestAChangeOfALongPublicationIsADelta(t *testing.T) {
	was := chat.Publication{Data: []byte(`"` + strings.Repeat("a long text ", 1000) + `"`), Form: chat.FormJSON}
	now := chat.Publication{Data: bytes.Replace(was.Data, []byte("long"), []byte("short"), 1), Form: chat.FormJSON}
	budget := fanout.DeltaBudget
	got := deltaPublication(&now, &was, protobufDeltaEncoding, &budget)
	if !got.Delta || len(got.Data) > 100 {
		t.Errorf("got %d bytes, delta %v; want a short delta", len(got.Data), got.Delta)
	}
	if spent := fanout.DeltaBudget - budget; spent > 5*len(now.Data) {
		t.Errorf("got %d ns spent on %d bytes", spent, len(now.Data))
	}
}

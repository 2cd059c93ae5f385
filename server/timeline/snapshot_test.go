package timeline

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// exampleRoom has messages with all fields.
func exampleRoom(t testing.TB) *room {
	r := newRoom(t)
	p := r.next(ann)
	p.Info = []byte(`{"name":"Ann"}`)
	r.Apply(p, r.parse(`{"id":"root","text":"x"}`))
	r.say(guest, `{"id":"a","text":"x é","mentions":["bob"],"meta":{"x":1},"thread":"root","reply_to":"root"}`)
	r.say(bob, `{"type":"reaction","of":"a","emoji":"👍","on":true}`)
	r.say(ann, `{"type":"reaction","of":"a","emoji":"👍","on":true}`)
	r.say(bob, `{"type":"reaction","of":"a","emoji":"🎉","on":true}`)
	r.say(moderator, `{"type":"pin","of":"a","on":true}`)
	r.say(moderator, `{"type":"edit","of":"a","text":"y","mentions":["ann","@here"]}`)
	r.say(Author{}, `"plain"`)
	r.say(ann, `{"id":"gone","text":"x"}`)
	r.say(ann, `{"type":"delete","of":"gone"}`)
	return r
}

func TestASnapshotIsTheMessage(t *testing.T) {
	t.Parallel()
	r := exampleRoom(t)
	again := newRoom(t)
	for _, offset := range []uint64{8, 2, 9, 1} {
		b := r.Snapshot(offset)
		before := again.Bytes()
		grown, err := again.Restore(b)
		if err != nil || again.Bytes() != before+grown {
			t.Fatalf("%d: %v, grown %d, from %d to %d bytes", offset, err, grown, before, again.Bytes())
		}
		if got := again.Snapshot(offset); !bytes.Equal(got, b) {
			t.Errorf("%d: the snapshot of the restored message is %x, want %x", offset, got, b)
		}
	}
	for _, viewer := range []string{"ann", "bob", ""} {
		if got, want := again.page(Query{Viewer: viewer}), r.page(Query{Viewer: viewer}); !reflect.DeepEqual(got.Messages, want.Messages) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
	if b := r.Snapshot(3); b != nil {
		t.Errorf("the snapshot of a change is %x", b)
	}
}

func TestRestoreKeepsTheNewerState(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"a","text":"1"}`)
	old := r.Snapshot(1)
	r.say(ann, `{"type":"edit","of":"a","text":"2"}`)
	newer := r.Snapshot(1)
	if grown, err := r.Restore(old); grown != 0 || err != nil || r.view(1, "").Text != "2" {
		t.Errorf("the old one: grown %d, %v, %+v", grown, err, r.view(1, ""))
	}
	again := newRoom(t)
	for _, b := range [][]byte{old, newer, newer, old} {
		if _, err := again.Restore(b); err != nil {
			t.Fatal(err)
		}
	}
	if v := again.view(1, ""); v.Text != "2" || again.Count() != 1 || again.Position() != 2 {
		t.Errorf("got %+v, %d messages, position %d", v, again.Count(), again.Position())
	}
	// A replay of a log whose changes are in the snapshot: no effect.
	again.Apply(Published{Offset: 1, User: "ann"}, r.parse(`{"id":"a","text":"1"}`))
	again.Apply(Published{Offset: 2, UnixMilli: 7, User: "ann"}, r.parse(`{"type":"edit","of":"a","text":"2"}`))
	if v := again.view(1, ""); v.Edited != 1_000_002 || again.Count() != 1 {
		t.Errorf("after the replay: got %+v, %d messages", v, again.Count())
	}
	done := again.Apply(Published{Offset: 3, User: "ann"}, r.parse(`{"type":"delete","of":"a"}`))
	if want := []uint64{1, 2}; !reflect.DeepEqual(done.Redact, want) {
		t.Errorf("to redact: got %v, want %v", done.Redact, want)
	}
}

func TestRestoreRejectsWhatSnapshotDoesNotMake(t *testing.T) {
	t.Parallel()
	r := exampleRoom(t)
	for _, offset := range []uint64{1, 2, 8, 9} {
		whole := r.Snapshot(offset)
		for i := range whole {
			var again Timeline
			if _, err := again.Restore(whole[:i]); !errors.Is(err, ErrSnapshot) || again.Count() != 0 || again.Bytes() != 0 {
				t.Fatalf("cut at %d of %d: got %v, %d messages, %d bytes", i, len(whole), err, again.Count(), again.Bytes())
			}
		}
		var again Timeline
		if _, err := again.Restore(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrSnapshot) {
			t.Errorf("a byte more: got %v", err)
		}
		whole[0] = 2
		if _, err := again.Restore(whole); !errors.Is(err, ErrSnapshotVersion) {
			t.Errorf("version 2: got %v", err)
		}
	}
}

// Each of these snapshots differs in one place from one that Restore accepts.
func TestRestoreChecksEachField(t *testing.T) {
	t.Parallel()
	text := func(parts ...string) (b []byte) {
		for _, p := range parts {
			b = appendText(b, p)
		}
		return b
	}
	head := []byte{1, 0, 5, 0, 2, 0} // version, flags, offset 5, folded, time, edited
	join := func(head []byte, parts ...[]byte) []byte { return bytes.Join(append([][]byte{head}, parts...), nil) }
	fields := text("id", "ann", "", "", "text", "", "", "")
	reactions := join([]byte{1}, text("x"), []byte{2}, text("a", "b"))
	none := []byte{0}
	many := bytes.Repeat([]byte{1, 'u'}, MaxMentions+1)
	for _, c := range []struct {
		name  string
		b     []byte
		valid bool
	}{
		{"example", join(head, fields, none, reactions), true},
		{"offset 0", join([]byte{1, 0, 0, 0, 2, 0}, fields, none, reactions), false},
		{"unknown flag", join([]byte{1, 16, 5, 0, 2, 0}, fields, none, reactions), false},
		{"a deleted message with a text", join([]byte{1, flagDeleted, 5, 0, 2, 0}, fields, none, none), false},
		{"a deleted message", join([]byte{1, flagDeleted, 5, 0, 2, 0}, text("id", "ann", "", "", "", "", "", ""), none, none), true},
		{"a deleted message that is pinned", join([]byte{1, flagDeleted | flagPinned, 5, 0, 2, 0}, text("id", "ann", "", "", "", "", "", ""), none, none), false},
		{"an ID with #", join(head, text("#5", "ann", "", "", "text", "", "", ""), none, none), false},
		{"a user and a client", join(head, text("id", "ann", "c", "", "text", "", "", ""), none, none), false},
		{"info without its flag", join(head, text("id", "ann", "", "{}", "text", "", "", ""), none, none), false},
		{"info that is not JSON", join([]byte{1, flagInfo, 5, 0, 2, 0}, text("id", "ann", "", "{", "text", "", "", ""), none, none), false},
		{"meta that is not JSON", join([]byte{1, flagMeta, 5, 0, 2, 0}, text("id", "ann", "", "", "text", "", "", "x"), none, none), false},
		{"a mention twice", join(head, fields, []byte{2}, text("u", "u"), none), false},
		{"an empty mention", join(head, fields, []byte{1}, text(""), none), false},
		{"51 mentions", join(head, fields, []byte{MaxMentions + 1}, many, none), false},
		{"an emoji without users", join(head, fields, none, []byte{1}, text("x"), none), false},
		{"an empty emoji", join(head, fields, none, []byte{1}, text(""), []byte{1}, text("a")), false},
		{"an emoji twice", join(head, fields, none, []byte{2}, text("x"), []byte{1}, text("a"), text("x"), []byte{1}, text("a")), false},
		{"users out of order", join(head, fields, none, []byte{1}, text("x"), []byte{2}, text("b", "a")), false},
		{"a user twice", join(head, fields, none, []byte{1}, text("x"), []byte{2}, text("a", "a")), false},
		{"an empty user", join(head, fields, none, []byte{1}, text("x"), []byte{1}, text("")), false},
		{"a longer number", join([]byte{1, 0, 0x85, 0, 0, 2, 0}, fields, none, reactions), false},
		{"an offset of more than 64 bits", join([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 2, 0}, fields, none, reactions), false},
	} {
		var tl Timeline
		if _, err := tl.Restore(c.b); (err == nil) != c.valid {
			t.Errorf("%s: got the error %v", c.name, err)
		}
	}
}

// What Restore accepts is what Snapshot makes, and a page of it is JSON.
func FuzzRestore(f *testing.F) {
	r := exampleRoom(f)
	for _, offset := range []uint64{1, 2, 8, 9} {
		f.Add(r.Snapshot(offset))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var tl Timeline
		grown, err := tl.Restore(b)
		if err != nil {
			if !errors.Is(err, ErrSnapshot) && !errors.Is(err, ErrSnapshotVersion) || tl.Count() != 0 || tl.Bytes() != 0 {
				t.Fatalf("%v, %d messages, %d bytes", err, tl.Count(), tl.Bytes())
			}
			return
		}
		offset, _ := tl.First()
		if got := tl.Snapshot(offset); !bytes.Equal(got, b) {
			t.Fatalf("%x: the snapshot of the restored message is %x", b, got)
		}
		pageOf(t, &tl, Query{})
		if _, freed := tl.DropOldest(); freed != grown || tl.Bytes() != 0 {
			t.Fatalf("grown %d, freed %d, %d bytes left", grown, freed, tl.Bytes())
		}
	})
}

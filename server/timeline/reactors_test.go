package timeline

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestReactorsAreTheUsersOfEachEmoji(t *testing.T) {
	r := newRoom(t)
	offset := r.say(ann, `{"id":"a","text":"x"}`)
	r.say(ann, `"without an ID"`)
	for _, by := range []Author{bob, ann} {
		r.say(by, `{"type":"reaction","of":"a","emoji":"👍","on":true}`)
	}
	r.say(bob, `{"type":"reaction","of":"a","emoji":"🎉","on":true}`)
	r.say(ann, `{"type":"reaction","of":"a","emoji":"😮","on":true}`)
	r.say(ann, `{"type":"reaction","of":"a","emoji":"😮","on":false}`)
	got, ok := r.Reactors("a")
	if len(got) == 2 && len(got[0].Users) == 2 && got[0].Users[0] == "bob" {
		got[0].Users = []string{"ann", "bob"} // in no order
	}
	if want := []Reactors{{"👍", 2, []string{"ann", "bob"}}, {"🎉", 1, []string{"bob"}}}; !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, ok, want)
	}
	if got, ok := r.Reactors(fmt.Sprintf("#%d", offset+1)); !ok || len(got) != 0 {
		t.Errorf("a message without reactions: got %v, %v, want none", got, ok)
	}
	r.say(ann, `{"type":"delete","of":"a"}`)
	if got, ok := r.Reactors("a"); !ok || len(got) != 0 {
		t.Errorf("a deleted message: got %v, %v, want none", got, ok)
	}
	if got, ok := r.Reactors("b"); ok {
		t.Errorf("an unknown message: got %v, want none", got)
	}
}

// The reply is short whatever users did: it is made on the poller.
func TestReactorsAreBounded(t *testing.T) {
	r := newRoom(t)
	r.say(ann, `{"id":"a","text":"x"}`)
	for i := range 300 {
		long := Author{User: fmt.Sprintf("%03d%s", i, strings.Repeat("u", 250))}
		r.say(long, `{"type":"reaction","of":"a","emoji":"👍","on":true}`)
		r.say(Author{User: fmt.Sprint(i)}, `{"type":"reaction","of":"a","emoji":"🎉","on":true}`)
	}
	all, _ := r.Reactors("a")
	if len(all) != 2 || all[0].Count != 300 || all[1].Count != 300 {
		t.Fatalf("got %d emojis %v, want two with 300 users", len(all), all)
	}
	// 253 bytes of each user, of half of 12 KiB.
	if got, want := len(all[0].Users), 12<<10/2/253; got != want {
		t.Errorf("long user IDs: got %d users, want %d", got, want)
	}
	if got := len(all[1].Users); got != 50 {
		t.Errorf("short user IDs: got %d users, want 50", got)
	}
}

package timeline

import (
	"fmt"
	"strings"
	"testing"
)

// Who may do what to a message of ann, bob, a guest, a plain client and the application.
func TestRightsToChangeAMessage(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"ann's","text":"x"}`)
	r.say(guest, `{"id":"guest's","text":"x"}`)
	r.say(app, `{"id":"app's","text":"x"}`)
	r.say(Author{}, `"a plain client's"`) // #4
	appAsAnn := Author{User: "ann", Application: true}
	authors := []struct {
		name string
		Author
	}{
		{"ann", ann}, {"bob", bob}, {"guest", guest}, {"another guest", Author{Client: "c2"}}, {"nobody", Author{}}, {"moderator", moderator},
		{"app", app}, {"app as ann", appAsAnn}, {"ann on another connection", Author{User: "ann", Client: "c1"}},
	}
	// For each author: the messages that it may edit and delete, whether it may pin and react.
	may := map[string]struct {
		change     string
		pin, react bool
	}{
		"ann": {change: "ann's", react: true}, "bob": {react: true}, "guest": {change: "guest's"}, "another guest": {}, "nobody": {},
		"moderator": {change: "all", pin: true, react: true}, "app": {change: "all", pin: true}, "app as ann": {change: "all", pin: true, react: true},
		"ann on another connection": {change: "ann's", react: true},
	}
	for _, a := range authors {
		for _, id := range []string{"ann's", "guest's", "app's", "#4"} {
			changes := may[a.name].change == "all" || may[a.name].change == id
			for _, c := range []struct {
				data string
				may  bool
			}{
				{`{"type":"edit","of":"%s","text":"y"}`, changes},
				{`{"type":"delete","of":"%s"}`, changes},
				{`{"type":"pin","of":"%s","on":true}`, may[a.name].pin},
				{`{"type":"reaction","of":"%s","emoji":"x","on":true}`, may[a.name].react},
			} {
				data := fmt.Sprintf(c.data, id)
				switch v := r.try(a.Author, data); {
				case c.may && v != accept:
					t.Errorf("%s by %s: got %+v, want accept", data, a.name, v)
				case !c.may && (v.Act != Reject || v.Code != Denied || v.Reason == ""):
					t.Errorf("%s by %s: got %+v, want a rejection with code %d and a reason", data, a.name, v, Denied)
				}
			}
		}
	}
}

func TestRulesOfAPublication(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"root","text":"x"}`)
	r.say(bob, `{"id":"reply","text":"x","thread":"root"}`)
	r.say(ann, `{"id":"gone","text":"x"}`)
	r.say(ann, `{"type":"delete","of":"gone"}`)
	r.say(Author{}, `"plain"`) // #5
	r.say(ann, `{"id":"pinned","text":"x","mentions":["bob"]}`)
	r.say(moderator, `{"type":"pin","of":"pinned","on":true}`)
	r.say(bob, `{"type":"reaction","of":"pinned","emoji":"x","on":true}`)
	r.say(app, `{"id":"app","text":"x"}`)
	denied := func(reason string) Verdict { return Verdict{Reject, 0, Denied, reason} }
	deleted := denied("the message is deleted")
	for _, c := range []struct {
		by   Author
		data string
		want Verdict
	}{
		{ann, `{"id":"new","text":"x"}`, accept},
		{ann, `{"id":"root","text":"another text"}`, Verdict{Act: Repeat, Offset: 1}},
		{ann, `{"id":"gone","text":"x"}`, Verdict{Act: Repeat, Offset: 3}},
		{bob, `{"id":"root","text":"x"}`, denied("id: another author's message has it")},
		{moderator, `{"id":"root","text":"x"}`, denied("id: another author's message has it")},
		{app, `{"id":"root","text":"x"}`, denied("id: another author's message has it")},
		{app, `{"id":"app","text":"x"}`, Verdict{Act: Repeat, Offset: 9}},
		{Author{}, `{"id":"app","text":"x"}`, denied("id: another author's message has it")},
		{ann, `{"id":"new","text":"x","reply_to":"none"}`, denied("reply_to: no such message")},
		{ann, `{"id":"new","text":"x","reply_to":"new"}`, denied("reply_to: no such message")},
		{ann, `{"id":"new","text":"x","reply_to":"reply"}`, accept},
		{ann, `{"id":"new","text":"x","reply_to":"gone"}`, accept},
		{ann, `{"id":"new","text":"x","reply_to":"#5"}`, accept},
		{ann, `{"id":"new","text":"x","reply_to":"#1"}`, denied("reply_to: no such message")},
		{ann, `{"id":"new","text":"x","reply_to":"#05"}`, denied("reply_to: no such message")},
		{ann, `{"id":"new","text":"x","reply_to":"#+5"}`, denied("reply_to: no such message")},
		{ann, `{"id":"new","text":"x","thread":"none"}`, denied("thread: no such message")},
		{ann, `{"id":"new","text":"x","thread":"new"}`, denied("thread: no such message")},
		{ann, `{"id":"new","text":"x","thread":"root"}`, accept},
		{ann, `{"id":"new","text":"x","thread":"gone"}`, accept},
		{ann, `{"id":"new","text":"x","thread":"#5"}`, accept},
		{ann, `{"id":"new","text":"x","thread":"reply"}`, Verdict{
			Act: Reject, Code: Invalid, Reason: `thread: found a message in the thread "root", allowed: the first message of a thread`,
		}},
		{ann, `{"id":"new","text":"x","mentions":["@here"]}`, denied("mentions: @here is not allowed for this user in this room")},
		{ann, `{"type":"edit","of":"root","text":"y","mentions":["@here"]}`, denied("mentions: @here is not allowed for this user in this room")},
		{Author{User: "ann", MayHere: true}, `{"id":"new","text":"x","mentions":["@here"]}`, accept},
		{moderator, `{"id":"new","text":"x","mentions":["@here"]}`, accept},
		{app, `{"id":"new","text":"x","mentions":["@here"]}`, accept},
		{ann, `{"type":"edit","of":"none","text":"y"}`, denied("no such message")},
		{moderator, `{"type":"delete","of":"none"}`, denied("no such message")},
		{ann, `{"type":"reaction","of":"none","emoji":"x","on":true}`, denied("no such message")},
		{moderator, `{"type":"pin","of":"none","on":true}`, denied("no such message")},
		{ann, `{"type":"edit","of":"root","text":"x"}`, Verdict{Act: NoOp}},
		{ann, `{"type":"edit","of":"root","text":"x","mentions":[]}`, Verdict{Act: NoOp}},
		{ann, `{"type":"edit","of":"root","text":"x","mentions":["bob"]}`, accept},
		{ann, `{"type":"edit","of":"pinned","text":"x","mentions":["bob"]}`, Verdict{Act: NoOp}},
		{ann, `{"type":"edit","of":"pinned","text":"x","mentions":[]}`, accept},
		{ann, `{"type":"edit","of":"gone","text":"y"}`, deleted},
		{bob, `{"type":"reaction","of":"gone","emoji":"x","on":true}`, deleted},
		{moderator, `{"type":"pin","of":"gone","on":true}`, deleted},
		{ann, `{"type":"delete","of":"gone"}`, Verdict{Act: NoOp}},
		{bob, `{"type":"delete","of":"gone"}`, denied("only the author or a moderator may delete the message")},
		{bob, `{"type":"reaction","of":"pinned","emoji":"x","on":true}`, Verdict{Act: NoOp}},
		{bob, `{"type":"reaction","of":"pinned","emoji":"x","on":false}`, accept},
		{ann, `{"type":"reaction","of":"pinned","emoji":"x","on":false}`, Verdict{Act: NoOp}},
		{ann, `{"type":"reaction","of":"root","emoji":"x","on":false}`, Verdict{Act: NoOp}},
		{moderator, `{"type":"pin","of":"pinned","on":true}`, Verdict{Act: NoOp}},
		{moderator, `{"type":"pin","of":"pinned","on":false}`, accept},
		{moderator, `{"type":"pin","of":"root","on":false}`, Verdict{Act: NoOp}},
	} {
		if got := r.try(c.by, c.data); got != c.want {
			t.Errorf("%s by %+v: got %+v, want %+v", c.data, c.by, got, c.want)
		}
	}
}

func TestTheNameOfAThreadIsNotGivenAwayWhileItHasReplies(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"root","text":"x"}`)
	r.say(bob, `{"id":"reply","text":"x","thread":"root"}`)
	r.DropOldest()
	for _, by := range []Author{ann, bob} {
		if v := r.try(by, `{"id":"root","text":"mine now"}`); v.Act != Reject || v.Code != Denied {
			t.Errorf("by %+v: got %+v, want a rejection", by, v)
		}
	}
	r.say(ann, `{"id":"reply 2","text":"x","thread":"root"}`) // the thread goes on
	r.DropOldest()
	r.DropOldest()
	r.say(bob, `{"id":"root","text":"x"}`)
}

func TestReactionsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"a","text":"x"}`)
	react := func(user string, emoji string) string {
		v := r.try(Author{User: user}, fmt.Sprintf(`{"type":"reaction","of":"a","emoji":%q,"on":true}`, emoji))
		if v == accept {
			r.say(Author{User: user}, `{"type":"reaction","of":"a","emoji":%q,"on":true}`, emoji)
		}
		return v.Reason
	}
	for i := range MaxEmojis {
		if reason := react("bob", fmt.Sprint("e", i)); reason != "" {
			t.Fatalf("emoji %d: %s", i, reason)
		}
	}
	if got, want := react("bob", "one more"), "found 20 emojis on the message, allowed: 20"; got != want {
		t.Errorf("emoji 21: got %q, want %q", got, want)
	}
	r.say(bob, `{"type":"reaction","of":"a","emoji":"e3","on":false}`)
	if reason := react("bob", "another"); reason != "" {
		t.Errorf("an emoji in place of a removed one: %s", reason)
	}
	for i := range MaxReactions - MaxEmojis {
		if reason := react(fmt.Sprint("user ", i), "e0"); reason != "" {
			t.Fatalf("reaction %d: %s", i, reason)
		}
	}
	if got, want := react("ann", "e0"), "found 10,000 reactions on the message, allowed: 10,000"; got != want {
		t.Errorf("reaction 10,001: got %q, want %q", got, want)
	}
	e := r.parse(`{"type":"reaction","of":"a","emoji":"e0","on":true}`)
	r.Apply(r.next(ann), e) // a publication that no check has seen
	if v, _ := r.At(1, ""); v.Reactions[0].Count != MaxReactions-MaxEmojis+1 {
		t.Errorf("beyond the bound: got %d reactions of e0, want %d", v.Reactions[0].Count, MaxReactions-MaxEmojis+1)
	}
}

func TestUserIDsOfReactionsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"a","text":"x"}`)
	for i := range maxReactionBytes/1000 + 1 {
		by := Author{User: fmt.Sprintf("%0998d", i)}
		v := r.try(by, `{"type":"reaction","of":"a","emoji":"x","on":true}`)
		if full := i == maxReactionBytes/1000; full != (v.Act == Reject) || full && !strings.Contains(v.Reason, "512 KiB") {
			t.Fatalf("user %d: got %+v", i, v)
		}
		if v == accept {
			r.say(by, `{"type":"reaction","of":"a","emoji":"x","on":true}`)
		}
	}
	if n := len(r.Snapshot(1)); n > maxReactionBytes+28<<10 {
		t.Errorf("the snapshot has %d bytes", n)
	}
}

// Each publication of a durable room counts from its proposal on.
func TestPendingPublicationsCountAsFolded(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	hold := func(by Author, data string) (uint64, *Entry) {
		t.Helper()
		e := r.parse(data)
		if v := r.Check(e, by); v != accept {
			t.Fatalf("%s: got %+v, want accept", data, v)
		}
		p := r.next(by)
		r.Hold(p, e)
		return p.Offset, e
	}
	check := func(by Author, data string, want Verdict) {
		t.Helper()
		if got := r.try(by, data); got != want {
			t.Errorf("%s by %+v: got %+v, want %+v", data, by, got, want)
		}
	}
	message, _ := hold(ann, `{"id":"a","text":"x"}`)
	check(ann, `{"id":"a","text":"x"}`, Verdict{Act: Wait, Offset: message})
	check(bob, `{"id":"a","text":"x"}`, denied("id: another author's message has it"))
	check(bob, `{"type":"edit","of":"a","text":"y"}`, denied("only the author or a moderator may edit the message"))
	check(ann, `{"type":"edit","of":"a","text":"x"}`, accept)
	check(bob, `{"id":"b","text":"x","reply_to":"a","thread":"a"}`, accept)
	hold(bob, `{"id":"in a","text":"x","thread":"a"}`)
	check(bob, `{"id":"b","text":"x","thread":"in a"}`, Verdict{
		Act: Reject, Code: Invalid, Reason: `thread: found a message in the thread "a", allowed: the first message of a thread`,
	})
	on, _ := hold(bob, `{"type":"reaction","of":"a","emoji":"x","on":true}`)
	check(bob, `{"type":"reaction","of":"a","emoji":"x","on":true}`, Verdict{Act: Wait, Offset: on})
	check(ann, `{"type":"reaction","of":"a","emoji":"x","on":true}`, accept)
	check(bob, `{"type":"reaction","of":"a","emoji":"y","on":false}`, Verdict{Act: NoOp})
	off, e := hold(bob, `{"type":"reaction","of":"a","emoji":"x","on":false}`)
	check(bob, `{"type":"reaction","of":"a","emoji":"x","on":false}`, Verdict{Act: Wait, Offset: off})
	r.Release(off, e)
	check(bob, `{"type":"reaction","of":"a","emoji":"x","on":true}`, Verdict{Act: Wait, Offset: on})
	pin, _ := hold(moderator, `{"type":"pin","of":"a","on":true}`)
	check(moderator, `{"type":"pin","of":"a","on":true}`, Verdict{Act: Wait, Offset: pin})
	check(moderator, `{"type":"pin","of":"a","on":false}`, accept)
	for i := range MaxEmojis - 1 {
		hold(bob, fmt.Sprintf(`{"type":"reaction","of":"a","emoji":"e%d","on":true}`, i))
	}
	check(ann, `{"type":"reaction","of":"a","emoji":"e3","on":true}`, accept)
	check(ann, `{"type":"reaction","of":"a","emoji":"one more","on":true}`, denied("found 20 emojis on the message, allowed: 20"))
	gone, _ := hold(ann, `{"type":"delete","of":"a"}`)
	check(ann, `{"type":"delete","of":"a"}`, Verdict{Act: Wait, Offset: gone})
	check(ann, `{"type":"edit","of":"a","text":"z"}`, denied("the message is deleted"))
}

func TestAFailedPublicationDoesNotCount(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	e := r.parse(`{"id":"a","text":"x"}`)
	p := r.next(ann)
	grown := r.Hold(p, e)
	if grown <= 0 || r.Bytes() != grown {
		t.Errorf("a pending publication: got %d bytes, and %d in total", grown, r.Bytes())
	}
	r.Release(p.Offset, e)
	if r.Bytes() != 0 {
		t.Errorf("after its end: got %d bytes, want 0", r.Bytes())
	}
	if v := r.try(bob, `{"id":"a","text":"x"}`); v != accept {
		t.Errorf("its ID: got %+v, want accept", v)
	}
	if v := r.try(bob, `{"id":"b","text":"x","thread":"a"}`); v.Act != Reject {
		t.Errorf("a reference to it: got %+v, want a rejection", v)
	}
}

package timeline

import (
	"reflect"
	"testing"
)

// view returns the message with an offset as the viewer sees it.
func (r *room) view(offset uint64, viewer string) View {
	r.t.Helper()
	v, ok := r.At(offset, viewer)
	if !ok {
		r.t.Fatalf("no message has the offset %d", offset)
	}
	return v
}

func TestAnEditKeepsTheMentionsUnlessItHasItsOwn(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"a","text":"x","mentions":["bob","cid"],"meta":{"x":1}}`)
	r.say(ann, `{"type":"edit","of":"a","text":"y"}`)
	v := r.view(1, "")
	if v.Text != "y" || v.Edited != 1_000_002 || !reflect.DeepEqual(v.Mentions, []string{"bob", "cid"}) || string(v.Meta) != `{"x":1}` {
		t.Errorf("got %+v", v)
	}
	r.say(ann, `{"type":"edit","of":"a","text":"y","mentions":["cid","dee"]}`)
	if v = r.view(1, ""); v.Edited != 1_000_003 || !reflect.DeepEqual(v.Mentions, []string{"cid", "dee"}) {
		t.Errorf("got %+v", v)
	}
	for user, want := range map[string]int{"bob": 0, "cid": 1, "dee": 1} {
		if _, mentions := r.Unread(user, 0); mentions != want {
			t.Errorf("mentions of %s: got %d, want %d", user, mentions, want)
		}
	}
	r.say(ann, `{"type":"edit","of":"a","text":"y","mentions":[]}`)
	if v = r.view(1, ""); v.Mentions != nil {
		t.Errorf("got %+v", v)
	}
}

func TestADeletionEndsTheContentAndNamesThePublicationsToRedact(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"root","text":"x"}`)
	r.say(ann, `{"id":"a","text":"x","mentions":["bob"],"meta":{"x":1},"thread":"root","reply_to":"root"}`)
	r.say(bob, `{"type":"reaction","of":"a","emoji":"x","on":true}`)
	r.say(ann, `{"type":"edit","of":"a","text":"y"}`)
	r.say(moderator, `{"type":"pin","of":"a","on":true}`)
	r.say(ann, `{"type":"edit","of":"a","text":"z"}`)
	before := r.Bytes()
	e := r.parse(`{"type":"delete","of":"a"}`)
	done := r.Apply(r.next(ann), e)
	if want := []uint64{2, 4, 6}; !reflect.DeepEqual(done.Redact, want) {
		t.Errorf("to redact: got %v, want %v", done.Redact, want)
	}
	if done.Grown >= 0 || r.Bytes() != before+done.Grown {
		t.Errorf("grown: got %d, from %d to %d bytes", done.Grown, before, r.Bytes())
	}
	want := View{Offset: 2, UnixMilli: 1_000_002, ID: "a", User: "ann", Deleted: true, ReplyTo: "root", Thread: "root"}
	if v := r.view(2, "bob"); !reflect.DeepEqual(v, want) {
		t.Errorf("got %+v, want %+v", v, want)
	}
	if v := r.view(1, ""); v.Replies != 1 || v.LastReply != 2 {
		t.Errorf("a deleted reply is not counted: %+v", v)
	}
	if p := r.page(Query{Pinned: true}); len(p.Messages) != 0 {
		t.Errorf("pinned: got %v", p.Messages)
	}

	// Changes that no check has seen.
	for _, data := range []string{`{"type":"reaction","of":"a","emoji":"x","on":true}`, `{"type":"pin","of":"a","on":true}`, `{"type":"delete","of":"a"}`} {
		if done := r.Apply(r.next(bob), r.parse(data)); done.Grown != 0 || done.Redact != nil {
			t.Errorf("%s: got %+v, want no effect", data, done)
		}
	}
	if done := r.Apply(r.next(ann), r.parse(`{"type":"edit","of":"a","text":"y"}`)); !reflect.DeepEqual(done.Redact, []uint64{r.last}) {
		t.Errorf("an edit after the deletion: got %+v, want to redact %d", done, r.last)
	}
	if v := r.view(2, "bob"); !reflect.DeepEqual(v, want) {
		t.Errorf("got %+v, want %+v", v, want)
	}
}

func TestEditsThatTheRingHasEvictedAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"a","text":"x"}`)
	for i := range 1000 {
		r.say(ann, `{"type":"edit","of":"a","text":"%d"}`, i)
		if r.last > 10 {
			r.ForgetRing(r.last - 10)
		}
	}
	if n := len(r.find("a").rare.edits); n > 40 {
		t.Errorf("got %d edits, want those in the ring, about 10", n)
	}
}

func TestAReactionIsOnceForEachUserAndEmoji(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"a","text":"x"}`)
	for _, by := range []Author{bob, ann} {
		r.say(by, `{"type":"reaction","of":"a","emoji":"👍","on":true}`)
		r.Apply(r.next(by), r.parse(`{"type":"reaction","of":"a","emoji":"👍","on":true}`))
	}
	r.say(bob, `{"type":"reaction","of":"a","emoji":"🎉","on":true}`)
	r.Apply(r.next(guest), r.parse(`{"type":"reaction","of":"a","emoji":"🎉","on":true}`)) // no user
	if got, want := r.view(1, "bob").Reactions, []EmojiCount{{"👍", 2, true}, {"🎉", 1, true}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.say(bob, `{"type":"reaction","of":"a","emoji":"👍","on":false}`)
	if got, want := r.view(1, "bob").Reactions, []EmojiCount{{"👍", 1, false}, {"🎉", 1, true}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.say(ann, `{"type":"reaction","of":"a","emoji":"👍","on":false}`)
	r.say(ann, `{"type":"reaction","of":"a","emoji":"👍","on":true}`) // again: as the last
	if got, want := r.view(1, "").Reactions, []EmojiCount{{"🎉", 1, false}, {"👍", 1, false}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestThreadsCountTheirRepliesThroughEvictions(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"root","text":"x"}`)
	r.say(ann, `{"id":"other","text":"x"}`)
	r.say(bob, `{"id":"r1","text":"x","thread":"root"}`)
	r.say(bob, `{"id":"o1","text":"x","thread":"other"}`)
	r.say(bob, `{"id":"r2","text":"x","thread":"root"}`)
	if v := r.view(1, ""); v.Replies != 2 || v.LastReply != 5 {
		t.Errorf("got %d replies, the last %d, want 2 and 5", v.Replies, v.LastReply)
	}
	thread := func(want ...string) {
		t.Helper()
		p := r.page(Query{Thread: "root"})
		if got := p.names(); !reflect.DeepEqual(got, want) {
			t.Errorf("the thread has %v, want %v", got, want)
		}
	}
	thread("root", "r1", "r2")
	r.DropOldest()
	thread("r1", "r2")
	r.DropOldest()
	r.DropOldest()
	thread("r2")
	r.say(ann, `{"id":"r3","text":"x","thread":"root"}`)
	thread("r2", "r3")
	for range 3 {
		r.DropOldest()
	}
	thread()
	if r.Bytes() != 0 || r.Count() != 0 || len(r.threads) != 0 {
		t.Errorf("empty: got %d bytes, %d messages, %d threads", r.Bytes(), r.Count(), len(r.threads))
	}
}

func TestUnreadCountsWhatOthersWroteAfterTheMarker(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.say(ann, `{"id":"1","text":"x","mentions":["bob"]}`)
	r.say(bob, `{"id":"2","text":"x","mentions":["bob","ann"]}`)
	r.say(bob, `{"type":"reaction","of":"1","emoji":"x","on":true}`)        // 3
	r.say(moderator, `{"id":"4","text":"x","mentions":["@here","bob"]}`)    // once
	r.say(app, `{"id":"5","text":"x","mentions":["ann","bob"]}`)            //
	r.say(moderator, `{"type":"edit","of":"1","text":"y","mentions":[]}`)   // 6: bob is no longer mentioned
	r.say(ann, `{"id":"7","text":"x","mentions":["bob","ann"],"meta":{}}`)  //
	r.say(ann, `{"type":"delete","of":"7"}`)                                // 8
	r.say(ann, `{"type":"edit","of":"1","text":"z","mentions":["cid"]}`)    // 9
	r.say(Author{User: "mod", MayHere: true}, `{"id":"10","text":"@here"}`) // text alone mentions nobody
	for _, c := range []struct {
		user             string
		upto             uint64
		unread, mentions int
	}{
		{"ann", 0, 4, 3}, {"ann", 1, 4, 3}, {"ann", 2, 3, 2}, {"ann", 4, 2, 1}, {"ann", 9, 1, 0}, {"ann", 10, 0, 0}, {"ann", 1 << 63, 0, 0},
		{"bob", 0, 4, 2}, {"bob", 3, 3, 2}, {"bob", 4, 2, 1}, {"mod", 0, 3, 0}, {"mod", 4, 1, 0},
		{"cid", 0, 5, 2}, {"nobody", 0, 5, 1}, {"", 0, 5, 1},
	} {
		if unread, mentions := r.Unread(c.user, c.upto); unread != c.unread || mentions != c.mentions {
			t.Errorf("%q after %d: got %d unread and %d mentions, want %d and %d", c.user, c.upto, unread, mentions, c.unread, c.mentions)
		}
	}
	r.DropOldest()
	r.DropOldest()
	if unread, mentions := r.Unread("cid", 0); unread != 3 || mentions != 1 {
		t.Errorf("after evictions: got %d and %d, want 3 and 1", unread, mentions)
	}
}

func TestTextsOfTheSearchAreTheNewestFirst(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := range 10 {
		r.say(ann, `{"id":"%d","text":"text %d"}`, i, i)
	}
	for _, i := range []int{0, 3, 9} {
		r.say(ann, `{"type":"delete","of":"%d"}`, i)
	}
	var got []uint64
	calls := 0
	for before := uint64(0); ; calls++ {
		texts, next := r.Texts(before, make([]Text, 0, 2))
		for _, text := range texts {
			got = append(got, text.Offset)
		}
		if before = next; before == 0 {
			break
		}
	}
	if want := []uint64{9, 8, 7, 6, 5, 3, 2}; !reflect.DeepEqual(got, want) || calls > 10 {
		t.Errorf("got %v in %d calls, want %v", got, calls, want)
	}
}

func TestAReplyHasTheFieldsOfTheProtocol(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.next(ann)
	p.Info = []byte(`{"name":"Ann"}`)
	r.Apply(p, r.parse(`{"id":"a","text":"\"q\"\n\u0001é"}`))
	r.say(Author{}, `"plain"`)
	r.say(guest, `{"id":"g","text":"x","reply_to":"a","thread":"#2","mentions":["ann"],"meta":{"k":[1]}}`)
	r.say(bob, `{"type":"reaction","of":"g","emoji":"👍","on":true}`)
	r.say(moderator, `{"type":"pin","of":"g","on":true}`)
	r.say(guest, `{"type":"edit","of":"g","text":"y"}`)
	r.say(ann, `{"type":"delete","of":"a"}`)
	page := r.Page(Query{Viewer: "bob", Epoch: "e1"})
	got := string(page.AppendJSON(nil))
	want := `{"messages":[` +
		`{"id":"a","offset":1,"user":"ann","info":{"name":"Ann"},"time":1000001,"text":"","deleted":true,"reactions":[]},` +
		`{"id":"#2","offset":2,"user":"","info":null,"time":1000002,"text":"plain","reactions":[],"replies":1,"last_reply":3},` +
		`{"id":"g","offset":3,"user":"","client":"c1","info":null,"time":1000003,"text":"y","edited":1000006,` +
		`"reactions":[{"emoji":"👍","count":1,"mine":true}],"reply_to":"a","thread":"#2","pinned":true,"mentions":["ann"],"meta":{"k":[1]}}],` +
		`"more":false,"offset":7,"epoch":"e1"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if b := string(appendString(nil, "\"\\\n\u0001é\xff😀")); b != `"\"\\\u000a\u0001é\ufffd😀"` {
		t.Errorf("got %s", b)
	}
}

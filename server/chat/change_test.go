package chat

import (
	"fmt"
	"testing"
)

func TestWhichPublicationsAreChanges(t *testing.T) {
	for data, want := range map[string]bool{
		`{"type":"reaction","of":"a","emoji":"x","on":true}`: true,
		`{"of":"a","text":"b","type":"edit"}`:                true,
		`{"type":"delete","of":7}`:                           true,
		`{"type":"delete"}`:                                  false,
		`{"type":"delete","what":"of"}`:                      false,
		`{"type":"other","of":"a"}`:                          false,
		`{"id":"a","text":"\"of\" {\"type\":\"edit\"}"}`:     false,
		`{"meta":{"type":"edit","of":"a"}}`:                  false,
		`["edit","of"]`:                                      false,
		`"of"`:                                               false,
	} {
		p := Publication{Data: []byte(data), Form: FormJSON}
		if got := p.changesMessage(); got != want {
			t.Errorf("%s: got %v, want %v", data, got, want)
		}
	}
}

// Repeated reactions do not evict messages from a history.
func TestChangesEvictNoMessages(t *testing.T) {
	const most = 100
	o := DefaultRoom()
	o.HistorySize, o.HistoryTTL, o.Recovery = most, MaxHistoryTTL, true
	h := newTestHub(t, o)
	publish := func(data string) {
		h.Publish(h.RoomRef("x"), Publication{Data: []byte(data), Form: FormJSON}, PublishOptions{})
	}
	for n := range most {
		publish(fmt.Sprintf(`{"id":"%d","text":"x"}`, n))
	}
	for n := range changesPerMessage * most {
		publish(fmt.Sprintf(`{"type":"reaction","of":"1","emoji":"x","on":%v}`, n%2 == 0))
	}
	r, unlock := h.Rooms.Find("x")
	first, count := r.History.At(0).Offset, r.History.Count
	unlock()
	if first != 1 || count != (1+changesPerMessage)*most {
		t.Errorf("got %d publications from offset %d, want all %d", count, first, (1+changesPerMessage)*most)
	}
	publish(`{"type":"edit","of":"1","text":"y"}`)
	r, unlock = h.Rooms.Find("x")
	first = r.History.At(0).Offset
	unlock()
	if first == 1 {
		t.Errorf("got %d publications, want the changes bounded, too", count)
	}
}

package timeline

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestAPageIsWhereItsQuerySays(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := range 10 {
		r.say(ann, `{"id":"m%d","text":"x"}`, 2*i+1) // offsets 1, 3, 5, ... 19
		r.say(ann, `{"type":"edit","of":"m%d","text":"y"}`, 2*i+1)
	}
	names := func(offsets ...int) (ids []string) {
		for _, o := range offsets {
			ids = append(ids, fmt.Sprint("m", o))
		}
		return ids
	}
	for _, c := range []struct {
		q             Query
		want          []string
		more, moreNew bool
	}{
		{Query{Limit: 3}, names(15, 17, 19), true, false},
		{Query{Limit: 10}, names(1, 3, 5, 7, 9, 11, 13, 15, 17, 19), false, false},
		{Query{Limit: 11}, names(1, 3, 5, 7, 9, 11, 13, 15, 17, 19), false, false},
		{Query{Direction: Before, At: 7, Limit: 2}, names(3, 5), true, false},
		{Query{Direction: Before, At: 8, Limit: 2}, names(5, 7), true, false},
		{Query{Direction: Before, At: 5, Limit: 2}, names(1, 3), false, false},
		{Query{Direction: Before, At: 1, Limit: 2}, nil, false, false},
		{Query{Direction: Before, At: 0, Limit: 2}, nil, false, false},
		{Query{Direction: Before, At: 1000, Limit: 2}, names(17, 19), true, false},
		{Query{Direction: After, At: 7, Limit: 2}, names(9, 11), true, false},
		{Query{Direction: After, At: 8, Limit: 2}, names(9, 11), true, false},
		{Query{Direction: After, At: 0, Limit: 2}, names(1, 3), true, false},
		{Query{Direction: After, At: 15, Limit: 2}, names(17, 19), false, false},
		{Query{Direction: After, At: 19, Limit: 2}, nil, false, false},
		{Query{Direction: After, At: 1<<64 - 1, Limit: 2}, nil, false, false},
		{Query{Direction: Around, At: 9, Limit: 3}, names(7, 9, 11), true, true},
		{Query{Direction: Around, At: 9, Limit: 4}, names(5, 7, 9, 11), true, true},
		{Query{Direction: Around, At: 8, Limit: 1}, names(9), true, true},
		{Query{Direction: Around, At: 1, Limit: 4}, names(1, 3, 5, 7), false, true},
		{Query{Direction: Around, At: 19, Limit: 4}, names(13, 15, 17, 19), true, false},
		{Query{Direction: Around, At: 1000, Limit: 2}, names(17, 19), true, false},
		{Query{Direction: Around, At: 9, Limit: 100}, names(1, 3, 5, 7, 9, 11, 13, 15, 17, 19), false, false},
	} {
		p := r.page(c.q)
		if got := p.names(); !reflect.DeepEqual(got, c.want) || p.More != c.more {
			t.Errorf("%+v: got %v, more %v, want %v, more %v", c.q, got, p.More, c.want, c.more)
		}
		if around := c.q.Direction == Around; around != (p.MoreNew != nil) || around && *p.MoreNew != c.moreNew {
			t.Errorf("%+v: more_new %v, want %v", c.q, p.MoreNew, c.moreNew)
		}
	}
}

func TestAPageHasAtMostItsLimits(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := range 300 {
		r.say(ann, `{"id":"%d","text":"%s"}`, i, strings.Repeat("x", 500))
	}
	for _, c := range []struct {
		q    Query
		want int
	}{
		{Query{}, DefaultPage}, {Query{Limit: -1}, DefaultPage}, {Query{Limit: 1000}, MaxPage}, {Query{MaxBytes: 1}, 1}, {Query{MaxBytes: 7000}, 10},
		{Query{MaxBytes: 7000, Direction: After}, 10}, {Query{MaxBytes: 7000, Direction: Around, At: 100}, 10}, {Query{MaxBytes: 1, Direction: Around, At: 100}, 1},
	} {
		if p := r.page(c.q); len(p.Messages) != c.want || !p.More {
			t.Errorf("%+v: got %d messages, more %v, want %d", c.q, len(p.Messages), p.More, c.want)
		}
	}
	if p := r.page(Query{MaxBytes: 1, Direction: Around, At: 100}); p.Messages[0]["offset"].(float64) != 100 {
		t.Errorf("a page of one message around 100: got %v", p.Messages[0])
	}
}

// A reader pages through the whole timeline in each direction while others publish and the oldest messages are evicted.
func TestPagingNeitherSkipsNorDoublesWhileOthersWrite(t *testing.T) {
	t.Parallel()
	for _, thread := range []string{"", "0"} {
		for _, direction := range []Direction{Before, After} {
			r := newRoom(t)
			n := 0
			write := func(count int) {
				for range count {
					in := ""
					if n > 0 && n%2 == 0 {
						in = `,"thread":"0"`
					}
					r.say(ann, `{"id":"%d","text":"x"%s}`, n, in)
					r.say(bob, `{"type":"reaction","of":"%d","emoji":"x","on":true}`, n)
					n++
				}
			}
			write(100)
			seen := map[string]int{}
			q := Query{Limit: 7, Direction: direction, Thread: thread}
			if direction == Before {
				q.Direction = Newest
			}
			rounds := 0
			for more := true; more; rounds++ {
				p := r.page(q)
				more = p.More
				for i, m := range p.Messages {
					seen[m["id"].(string)]++
					if at := uint64(m["offset"].(float64)); direction == Before && i == 0 || direction == After && i == len(p.Messages)-1 {
						q.At, q.Direction = at, direction
					}
				}
				if rounds < 10 {
					write(3)
					r.DropOldest()
				}
			}
			for i := range 100 {
				evicted := i < 10
				wanted := thread == "" || i%2 == 0
				if got := seen[fmt.Sprint(i)]; got > 1 || got == 0 && wanted && !evicted || got > 0 && !wanted {
					t.Errorf("direction %d, thread %q: message %d was seen %d times", direction, thread, i, got)
				}
			}
			if direction == After && thread == "" && len(seen) < 120 {
				t.Errorf("paging forward saw %d messages, and not those that were published meanwhile", len(seen))
			}
		}
	}
}

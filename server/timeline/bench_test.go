package timeline

import (
	"fmt"
	"testing"
)

// fill publishes n messages of 100 authors, one of 20 with 5 reactions, one of 30 in a thread.
func fill(r *room, n int) {
	for i := range n {
		by := Author{User: fmt.Sprint("user ", i%100)}
		in := ""
		if i%30 == 29 {
			in = fmt.Sprintf(`,"thread":"%024x"`, i-29)
		}
		p := r.next(by)
		p.Info = []byte(`{"name":"A name of a user","avatar":"https://example.com/a.png"}`)
		r.Apply(p, r.parse(fmt.Sprintf(`{"id":"%024x","text":"A message of a usual length, with two sentences. This is number %d.","mentions":["user %d"]%s}`, i, i, i%77, in)))
		if i%20 == 0 {
			for j := range 5 {
				r.say(Author{User: fmt.Sprint("user ", j)}, `{"type":"reaction","of":"%024x","emoji":"👍","on":true}`, i)
			}
		}
	}
}

// hot adds 1,000 reactions with 20 emojis to the newest message.
func hot(r *room, n int) {
	for i := range 1000 {
		r.say(Author{User: fmt.Sprint("reader ", i)}, `{"type":"reaction","of":"%024x","emoji":"e%d","on":true}`, n-1, i%20)
	}
}

func BenchmarkPageOf100From100000(b *testing.B) {
	r := newRoom(b)
	fill(r, 100_000)
	hot(r, 100_000)
	var reply []byte
	for _, q := range []struct {
		name string
		Query
	}{
		{"newest", Query{Limit: 100, Viewer: "user 7"}},
		{"around", Query{Direction: Around, At: r.last / 2, Limit: 100, Viewer: "user 7"}},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := r.Page(q.Query)
				reply = p.AppendJSON(reply[:0])
			}
			b.ReportMetric(float64(len(reply)), "B/page")
		})
	}
	b.Run("under the lock", func(b *testing.B) {
		for b.Loop() {
			r.Page(Query{Limit: 100, Viewer: "user 7"})
		}
	})
}

func BenchmarkUnreadOf200Rooms(b *testing.B) {
	rooms := make([]*room, 200)
	for i := range rooms {
		rooms[i] = newRoom(b)
		fill(rooms[i], 2000)
	}
	for _, c := range []struct {
		name string
		upto func(last uint64) uint64
	}{{"near the end", func(last uint64) uint64 { return last - 20 }}, {"far from it", func(last uint64) uint64 { return last / 3 }}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, r := range rooms {
					r.Unread("user 7", c.upto(r.last))
				}
			}
		})
	}
}

func BenchmarkMessage(b *testing.B) {
	r := newRoom(b)
	fill(r, 100_000)
	by := Author{User: "user 7"}
	data := make([][]byte, 1<<17)
	for i := range data {
		data[i] = fmt.Appendf(nil, `{"id":"%024x","text":"A message of a usual length, with two sentences. This is another.","mentions":["user 3"]}`, 1<<40+i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e, err := Parse(data[i%len(data)], testLimits)
		if err != nil {
			b.Fatal(err)
		}
		if v := r.Check(&e, by); v.Act != Accept {
			b.Fatal(v)
		}
		r.Apply(r.next(by), &e)
		r.DropOldest()
	}
}

func BenchmarkReaction(b *testing.B) {
	r := newRoom(b)
	fill(r, 1000)
	for i := range 9999 {
		r.say(Author{User: fmt.Sprint("reader ", i)}, `{"type":"reaction","of":"%024x","emoji":"👍","on":true}`, 999)
	}
	b.ReportAllocs()
	on := true
	for b.Loop() {
		e, err := Parse(fmt.Appendf(nil, `{"type":"reaction","of":"%024x","emoji":"👍","on":%v}`, 999, on), testLimits)
		if err != nil {
			b.Fatal(err)
		}
		if v := r.Check(&e, Author{User: "user 7"}); v.Act != Accept {
			b.Fatal(v)
		}
		r.Apply(r.next(Author{User: "user 7"}), &e)
		on = !on
	}
}

package timeline

import (
	"encoding/json"
	"fmt"
	"testing"
)

var testLimits = Limits{Text: 1000, Meta: 200}

// room is a timeline with the part of a room that gives offsets.
type room struct {
	Timeline
	t    testing.TB
	last uint64
}

func newRoom(t testing.TB) *room { return &room{t: t} }

var (
	ann       = Author{User: "ann"}
	bob       = Author{User: "bob"}
	guest     = Author{Client: "c1"}
	moderator = Author{User: "mod", Moderator: true}
	app       = Author{Application: true}
)

// parse reads the data of a publisher; format is for data.
func (r *room) parse(data string) *Entry {
	r.t.Helper()
	e, err := Parse([]byte(data), testLimits)
	if err != nil {
		r.t.Fatalf("%s: %v", data, err)
	}
	return &e
}

// try checks data of an author.
func (r *room) try(by Author, data string) Verdict {
	r.t.Helper()
	return r.Check(r.parse(data), by)
}

// next returns the next publication of an author.
func (r *room) next(by Author) Published {
	r.last++
	return Published{Offset: r.last, UnixMilli: 1_000_000 + int64(r.last), User: by.User, Client: by.Client}
}

// say publishes data, which must be accepted, and returns its offset.
func (r *room) say(by Author, format string, args ...any) uint64 {
	r.t.Helper()
	e := r.parse(fmt.Sprintf(format, args...))
	if v := r.Check(e, by); v != accept {
		r.t.Fatalf("%+v by %+v: got %+v, want accept", *e, by, v)
	}
	r.Apply(r.next(by), e)
	return r.last
}

// reply is the JSON of a page.
type reply struct {
	Messages []map[string]any `json:"messages"`
	More     bool             `json:"more"`
	MoreNew  *bool            `json:"more_new"`
	Offset   uint64           `json:"offset"`
	Epoch    string           `json:"epoch"`
}

func (r *room) page(q Query) (p reply) {
	r.t.Helper()
	return pageOf(r.t, &r.Timeline, q)
}

func pageOf(t testing.TB, from *Timeline, q Query) (p reply) {
	t.Helper()
	page := from.Page(q)
	b := page.AppendJSON(nil)
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return p
}

// names returns the IDs of the messages.
func (p *reply) names() (ids []string) {
	for _, m := range p.Messages {
		ids = append(ids, m["id"].(string))
	}
	return ids
}

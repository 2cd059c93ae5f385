package oracle

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

// run is the three files of a run.
type run struct {
	log   []Stored
	acks  []Ack
	heard []Heard
}

func stored(room, epoch string, offset uint64, id ID) Stored {
	s := Stored{Room: room, Position: Position{offset, epoch}}
	s.Data.ID = id
	return s
}

// goodRun is a run of two rooms, three publishers and three subscribers. One subscriber recovers, one starts again without recovery, one
// leaves early. The first room has a new epoch in the middle, which keeps its history.
func goodRun() *run {
	r := &run{}
	numbers := map[string]uint32{}
	next := func(publisher string) ID {
		numbers[publisher]++
		return ID{publisher, numbers[publisher]}
	}
	publish := func(room, epoch string, offset uint64, publisher string) {
		id := next(publisher)
		r.log = append(r.log, stored(room, epoch, offset, id))
		if publisher != "unacked" {
			r.acks = append(r.acks, Ack{room, id, Position{offset, epoch}})
		}
	}
	for i := range uint64(6) {
		publish("one", "e1", i+1, []string{"ann", "bob", "unacked"}[i%3])
		publish("two", "e1", i+1, []string{"bob", "ann"}[i%2])
	}
	r.log = append(r.log, Stored{Kind: clearKind, Room: "one", Position: Position{4, "e2"}}, Stored{Kind: "generation"})
	for i := range uint64(3) {
		publish("one", "e2", i+7, "ann")
	}
	hear := func(subscriber string, room string, from, to uint64) {
		for _, s := range r.log {
			if s.Room == room && s.Kind == "" && s.Offset > from && s.Offset <= to {
				r.heard = append(r.heard, Heard{Event: Publication, Subscriber: subscriber, Room: room, ID: s.Data.ID, Position: s.Position})
			}
		}
	}
	mark := func(event, subscriber, room, epoch string, offset uint64, recovered bool) {
		r.heard = append(r.heard, Heard{Event: event, Subscriber: subscriber, Room: room, Position: Position{offset, epoch}, Recovered: recovered})
	}
	mark(Subscribed, "sam", "two", "e1", 0, false)
	hear("sam", "two", 0, 3)
	mark(Subscribed, "sam", "two", "e1", 5, true)
	hear("sam", "two", 3, 6)
	mark(Complete, "sam", "two", "", 0, false)
	mark(Subscribed, "sue", "one", "e1", 2, false)
	hear("sue", "one", 2, 4)
	mark(Subscribed, "sue", "one", "e2", 5, false) // the history of the new epoch has 5 and 6
	hear("sue", "one", 5, 9)
	mark(Complete, "sue", "one", "", 0, false)
	mark(Subscribed, "tim", "one", "e1", 0, false)
	hear("tim", "one", 0, 2)
	return r
}

// judge passes a run through its files.
func (r *run) judge(t *testing.T) *Verdict {
	t.Helper()
	o := New()
	for _, in := range []struct {
		read  func(string, io.Reader) error
		lines string
	}{{o.ReadLog, lines(t, r.log)}, {o.ReadAcks, lines(t, r.acks)}, {o.ReadHeard, lines(t, r.heard)}} {
		if err := in.read("file", strings.NewReader(in.lines)); err != nil {
			t.Fatal(err)
		}
	}
	return o.Verdict()
}

func lines[T any](t *testing.T, list []T) string {
	t.Helper()
	var b strings.Builder
	out := json.NewEncoder(&b)
	for _, line := range list {
		if err := out.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestAGoodRunHasNoFindings(t *testing.T) {
	t.Parallel()
	v := goodRun().judge(t)
	if !v.OK() || v.Empty() != "" || v.Stored != 15 || v.Acks != 13 || v.Heard != 14 || v.Subscriptions != 3 || v.Complete != 2 {
		t.Errorf("got %+v", v)
	}
}

// Each fault is planted in a good run, at each place where it can be: the verdict has exactly its finding.
func TestPlantedFaultsAreFoundAndNamed(t *testing.T) {
	t.Parallel()
	isPublication := func(h *Heard) bool { return h.Event == Publication }
	for _, c := range []struct {
		fault string
		plant func(r *run, i int) bool // plants the fault at place i; false if it cannot be there
		want  string                   // the kinds of findings
	}{
		{"an acknowledged publication is lost at the end of its room", func(r *run, i int) bool {
			// Nobody received it, either.
			last := len(r.log) - 1
			r.heard = slices.DeleteFunc(r.heard, func(h Heard) bool { return h.Room == "one" && h.Offset == 9 })
			r.log = r.log[:last]
			return i == 0
		}, "lost"},
		{"a stored publication is gone", func(r *run, i int) bool {
			if i >= len(r.acks) || r.acks[i].Room == "two" || r.acks[i].Offset == 9 {
				return false // the last one leaves no gap
			}
			r.heard = slices.DeleteFunc(r.heard, func(h Heard) bool { return h.Room == "one" })
			at := slices.IndexFunc(r.log, func(s Stored) bool { return s.Data.ID == r.acks[i].ID })
			r.log = slices.Delete(r.log, at, at+1)
			return true
		}, "lost gap"},
		{"two publications are stored in each other's place", func(r *run, i int) bool {
			if i >= 2 {
				return false
			}
			r.heard = nil
			r.log[2*i].Data, r.log[2*i+2].Data = r.log[2*i+2].Data, r.log[2*i].Data
			return true
		}, "moved"},
		{"a publication is stored at a second offset", func(r *run, i int) bool {
			s := r.log[len(r.log)-1]
			s.Offset++
			r.log = append(r.log, s)
			end := slices.IndexFunc(r.heard, func(h Heard) bool { return h.Event == Complete && h.Room == "one" })
			r.heard = slices.Insert(r.heard, end, Heard{Event: Publication, Subscriber: "sue", Room: "one", ID: s.Data.ID, Position: s.Position})
			return i == 0
		}, "twice"},
		{"an offset is used again", func(r *run, i int) bool {
			s := r.log[len(r.log)-1]
			s.Data.ID = ID{"new", 1}
			r.log = append(r.log, s)
			return i == 0
		}, "reused"},
		{"a publication is stored in another room", func(r *run, i int) bool {
			s := &r.log[len(r.log)-1]
			s.Room, s.Offset, s.Epoch = "two", 7, "e1"
			r.heard = slices.DeleteFunc(r.heard, func(h Heard) bool { return h.Event == Complete || h.Room == "one" && h.Offset == 9 })
			return i == 0
		}, "foreign"},
		{"an acknowledgement has another offset", func(r *run, i int) bool {
			if i < len(r.acks) {
				r.acks[i].Offset++
			}
			return i < len(r.acks)
		}, "moved"},
		{"an acknowledgement has another epoch", func(r *run, i int) bool {
			if i < len(r.acks) {
				r.acks[i].Epoch = "e3"
			}
			return i < len(r.acks)
		}, "moved"},
		{"an acknowledged publication has another room", func(r *run, i int) bool {
			if i < len(r.acks) {
				r.acks[i].Room += "?"
			}
			return i < len(r.acks)
		}, "foreign"},
		{"publications of a publisher are stored in the wrong order", func(r *run, i int) bool {
			n := len(r.log)
			r.log[n-1].Data, r.log[n-2].Data = r.log[n-2].Data, r.log[n-1].Data
			r.acks, r.heard = nil, nil
			return i == 0
		}, "order"},
		{"a subscriber misses a publication", func(r *run, i int) bool {
			if i+1 >= len(r.heard) || !isPublication(&r.heard[i]) || r.heard[i+1].Event == Subscribed && !r.heard[i+1].Recovered {
				return false // after the last one of a subscription, nobody knows
			}
			r.heard = slices.Delete(r.heard, i, i+1)
			return true
		}, "missed"},
		{"a subscriber receives a publication again", func(r *run, i int) bool {
			if i < len(r.heard) && isPublication(&r.heard[i]) {
				r.heard = slices.Insert(r.heard, i, r.heard[i])
				return true
			}
			return false
		}, "repeated"},
		{"a subscriber receives publications in the wrong order", func(r *run, i int) bool {
			for j := 1; j < len(r.heard); j++ {
				if isPublication(&r.heard[j-1]) && isPublication(&r.heard[j]) {
					if i--; i < 0 {
						r.heard[j-1], r.heard[j] = r.heard[j], r.heard[j-1]
						return true
					}
				}
			}
			return false
		}, "missed repeated"},
		{"a subscriber receives another publication of the room", func(r *run, i int) bool {
			if i < len(r.heard) && isPublication(&r.heard[i]) {
				r.heard[i].ID = r.log[map[string]int{"one": 16, "two": 11}[r.heard[i].Room]].Data.ID
				return r.heard[i].Offset != 9 && (r.heard[i].Room != "two" || r.heard[i].Offset != 6)
			}
			return false
		}, "differs"},
		{"a subscriber receives a publication of another room", func(r *run, i int) bool {
			if i < len(r.heard) && isPublication(&r.heard[i]) {
				r.heard[i].ID = r.log[map[string]int{"one": 1, "two": 0}[r.heard[i].Room]].Data.ID
				return true
			}
			return false
		}, "foreign"},
		{"a subscriber receives what is not stored", func(r *run, i int) bool {
			at := Position{10, "e2"}
			r.heard = append(r.heard, Heard{Event: Publication, Subscriber: "sue", Room: "one", ID: ID{"new", 1}, Position: at})
			return i == 0
		}, "unstored"},
		{"a subscriber recovers in another epoch", func(r *run, i int) bool {
			at := slices.IndexFunc(r.heard, func(h Heard) bool { return h.Epoch == "e2" })
			r.heard[at].Recovered = true
			return i == 0
		}, "missed"},
		{"a subscriber stays in an old epoch", func(r *run, i int) bool {
			r.heard = append(r.heard, Heard{Event: Complete, Subscriber: "tim", Room: "one"})
			return i == 0
		}, "missed"},
	} {
		planted := 0
		for i := range 100 {
			r := goodRun()
			if !c.plant(r, i) {
				continue
			}
			v := r.judge(t)
			got := strings.Join(slices.Sorted(func(yield func(string) bool) {
				for kind := range maps.Keys(v.Findings) {
					if !yield(string(kind)) {
						return
					}
				}
			}), " ")
			want := strings.Fields(c.want)
			slices.Sort(want)
			if planted++; got != strings.Join(want, " ") {
				t.Errorf("%s (place %d): found %q %v, want %q", c.fault, i, got, v.Examples, c.want)
			}
		}
		if planted == 0 {
			t.Errorf("%s: not planted", c.fault)
		}
	}
}

func TestALineThatIsNotValidIsNamed(t *testing.T) {
	t.Parallel()
	o := New()
	for _, c := range []struct {
		read func(string, io.Reader) error
		line string
		want string
	}{
		{o.ReadLog, "{\n", "file:2: unexpected end of JSON input"},
		{o.ReadLog, `{"data":{"publisher":3}}` + "\n", "file:2: json: cannot unmarshal"},
		{o.ReadAcks, `{"room":"a"}` + "\n", "file:2: room, publisher and number: must not be empty"},
		{o.ReadHeard, `{"event":"said"}` + "\n", `file:2: event "said": must be subscribed, publication or complete`},
		{o.ReadHeard, `{"event":"publication","subscriber":"x","room":"y"}` + "\n", `file:2: publication of subscriber "x" before its subscription of room "y"`},
		{o.ReadLog, strings.Repeat(" ", maxLine+1<<17) + "\n", "file:2: the line is longer than 4194304 bytes"},
	} {
		if err := c.read("file", strings.NewReader("\n"+c.line)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.60q: got %v, want %q", c.line, err, c.want)
		}
	}
	if err := o.ReadAcks("file", strings.NewReader(`{"room":"a"`)); err != nil {
		t.Errorf("a cut line at the end: got %v", err)
	}
}

func TestDataOfOthersHasAnOffsetOnly(t *testing.T) {
	t.Parallel()
	o := New()
	const log = `{"room":"a","offset":1,"epoch":"e","data":"text"}
{"room":"a","offset":2,"epoch":"e","data":{"redacted":true}}
{"room":"a","offset":3,"epoch":"e","data":{"publisher":"ann","number":1,"more":[]}}
{"room":"a","offset":4,"epoch":"e"}
`
	if err := o.ReadLog("file", strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	o.Acked(&Ack{"a", ID{"ann", 1}, Position{3, "e"}})
	o.Acked(&Ack{"a", ID{"ann", 1}, Position{}}) // without a position
	if v := o.Verdict(); !v.OK() || v.Stored != 4 {
		t.Errorf("got %+v", v)
	}
}

func TestAnEmptyRunIsNoProof(t *testing.T) {
	t.Parallel()
	r := goodRun()
	for _, c := range []struct {
		run  run
		want string
	}{
		{run{}, "the log has no publication"},
		{run{log: r.log}, "no publication was acknowledged"},
		{run{log: r.log, acks: r.acks}, "no subscriber received a publication"},
		{run{log: r.log, acks: r.acks, heard: r.heard[:2]}, "no subscriber was connected at the end"},
	} {
		if got := c.run.judge(t).Empty(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestExamplesAreBounded(t *testing.T) {
	t.Parallel()
	o := New()
	for i := range 1000 {
		o.Acked(&Ack{"a", ID{"ann", uint32(i + 1)}, Position{1, "e"}})
	}
	var text strings.Builder
	if err := o.Verdict().WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(text.String(), "\n"); got != 2+maxExamples || !strings.Contains(text.String(), "lost: 1000\n") {
		t.Errorf("got %d lines:\n%s", got, fmt.Sprintf("%.300s", text.String()))
	}
}

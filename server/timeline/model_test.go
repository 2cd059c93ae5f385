package timeline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

// model runs random users against a timeline and the folds of clients.
type model struct {
	t       *testing.T
	random  *rand.Rand
	seed    uint64
	step    int
	durable bool // publications wait for a commit

	timeline Timeline
	live     naive    // a client that has received everything
	log      []stored // the committed publications
	waiting  []waiting
	last     uint64 // offset
	evicted  int    // messages
	grown    int    // sum of what the calls returned
	nextID   int
	failed   bool // a publication has failed: a later one may be a no-op
}

// stored is a publication as a log has it: a redacted one in its redacted form.
type stored struct {
	delivery
	evicted int // messages that were evicted before
}

type waiting struct {
	p    Published
	e    *Entry
	data []byte
}

var modelAuthors = []Author{
	{User: "u0"}, {User: "u1"}, {User: "u2"}, {User: "u3", MayHere: true}, {User: "mod", Moderator: true}, {Client: "c1"}, {Client: "c2"}, {},
	{Application: true}, {User: "u1", Client: "c9", Application: true},
}

// The timeline equals the fold of a client, after each step of a random history with evictions, and so do a fold of the redacted log, a
// timeline from snapshots, and one from snapshots and the log after them.
func TestTheTimelineIsTheFoldOfAClient(t *testing.T) {
	t.Parallel()
	seeds, steps := 200, 120
	if s, err := strconv.Atoi(os.Getenv("THRONG_MODEL_STEPS")); err == nil {
		seeds, steps = 20, s
	}
	for seed := range seeds {
		m := model{t: t, seed: uint64(seed), random: rand.New(rand.NewPCG(uint64(seed), 18)), durable: seed%2 == 1}
		m.timeline.Direct, m.live.direct = seed%3 == 2, seed%3 == 2
		m.run(steps)
	}
}

func (m *model) run(steps int) {
	for m.step = range steps {
		m.act()
		if m.step%10 == 0 {
			m.compare("the timeline", &m.timeline)
		}
	}
	for len(m.waiting) > 0 {
		m.commit()
	}
	m.compare("the timeline at the end", &m.timeline)
	m.compareRestored()
	m.compareRedacted()
	for m.timeline.Count() > 0 {
		m.dropOldest()
	}
	if m.timeline.Bytes() != 0 || m.grown != 0 {
		m.fatalf("empty: got %d bytes, and %d from the sum of the steps", m.timeline.Bytes(), m.grown)
	}
}

func (m *model) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("seed %d, step %d: %s", m.seed, m.step, fmt.Sprintf(format, args...))
}

func (m *model) act() {
	switch n := m.random.IntN(100); {
	case n < 6 && m.timeline.Count() > 0, n < 40 && m.timeline.Count() > 60:
		m.dropOldest()
	case m.durable && n < 30 && len(m.waiting) > 0:
		m.commit()
	case m.durable && n < 32 && len(m.waiting) > 0:
		m.fail()
	default:
		m.publish()
	}
	if m.step%4 == 0 {
		audit(m)
	}
}

func (m *model) publish() {
	by := modelAuthors[m.random.IntN(len(modelAuthors))]
	data := m.data()
	e, err := Parse(data, testLimits)
	if err != nil {
		m.fatalf("%s: %v", data, err)
	}
	switch v := m.timeline.Check(&e, by); v.Act {
	case Accept:
		m.accept(by, &e, data)
	case NoOp:
		m.noOp(by, data)
	case Repeat:
		if i := slices.IndexFunc(m.live.messages, func(n *naiveMessage) bool { return n.id == e.ID }); i < 0 || m.live.messages[i].offset != v.Offset {
			m.fatalf("%s repeats %d, which has another ID", data, v.Offset)
		}
	case Wait:
		if !slices.ContainsFunc(m.waiting, func(w waiting) bool { return w.p.Offset == v.Offset }) {
			m.fatalf("%s waits for %d, which is not pending", data, v.Offset)
		}
	}
}

// noOp checks that a publication which is not delivered would change nothing but the time of an edit.
func (m *model) noOp(by Author, data []byte) {
	edited := map[string]any{}
	for _, v := range m.live.view("u1") {
		edited[v["id"].(string)] = v["edited"]
	}
	before := m.live.view("u1")
	m.live.fold(delivery{m.last + 1, 1, by.User, by.Client, data})
	after := m.live.view("u1")
	for i := range after {
		if v, n := edited[after[i]["id"].(string)], m.live.messages[i]; v == nil {
			delete(after[i], "edited")
			n.edited = 0
		} else {
			after[i]["edited"] = v
			n.edited = int64(v.(float64))
		}
	}
	if !reflect.DeepEqual(before, after) {
		m.fatalf("%s is a no-op, but changes\n%v to\n%v", data, before, after)
	}
}

func (m *model) accept(by Author, e *Entry, data []byte) {
	m.last++
	p := Published{Offset: m.last, UnixMilli: 1000 + int64(m.last), User: by.User, Client: by.Client}
	if by.User != "" {
		p.Client = "" // the fold of the test identifies authors by one of both
	}
	m.waiting = append(m.waiting, waiting{p, e, data})
	if m.durable {
		m.grown += m.timeline.Hold(p, e)
	} else {
		m.commit()
	}
}

// commit applies the oldest publication.
func (m *model) commit() {
	w := m.waiting[0]
	m.waiting = m.waiting[1:]
	done := m.timeline.Apply(w.p, w.e)
	m.grown += done.Grown
	d := delivery{w.p.Offset, w.p.UnixMilli, w.p.User, w.p.Client, w.data}
	before := m.live.view("u1")
	m.live.fold(d)
	if after := m.live.view("u1"); !m.failed && w.e.Kind == Reaction && w.p.User == "u1" && reflect.DeepEqual(before, after) && m.live.find(w.e.ID) != nil {
		m.fatalf("%s by %s was delivered and changes nothing", w.data, w.p.User)
	}
	m.log = append(m.log, stored{d, m.evicted})
	for _, offset := range done.Redact {
		i := slices.IndexFunc(m.log, func(s stored) bool { return s.offset == offset })
		e, ok := Stored(m.log[i].data)
		if !ok {
			m.fatalf("%s cannot be redacted", m.log[i].data)
		}
		m.log[i].data = Redacted(&e)
	}
}

// fail ends the oldest publication without a commit.
func (m *model) fail() {
	w := m.waiting[0]
	m.waiting = m.waiting[1:]
	m.grown += m.timeline.Release(w.p.Offset, w.e)
	m.failed = true
}

func (m *model) dropOldest() {
	offset, freed := m.timeline.DropOldest()
	if oldest := m.live.messages[0].offset; offset != oldest {
		m.fatalf("evicted %d, want %d", offset, oldest)
	}
	m.live.dropOldest()
	m.grown -= freed
	m.evicted++
}

// data returns the data of a random publication. Its references are to recent IDs, and some are wrong.
func (m *model) data() []byte {
	id := func() string {
		if m.random.IntN(8) == 0 {
			return fmt.Sprint("#", m.random.Uint64N(m.last+2)+1)
		}
		return fmt.Sprint("m", max(0, m.nextID-m.random.IntN(15)))
	}
	text := fmt.Sprint("text ", m.random.IntN(4))
	f := map[string]any{}
	switch n := m.random.IntN(20); {
	case n < 1:
		b, _ := json.Marshal(text)
		return b
	case n < 6:
		if m.random.IntN(5) > 0 {
			m.nextID++
		}
		f["id"], f["text"] = fmt.Sprint("m", m.nextID), text
		if m.random.IntN(8) == 0 { // an ID that is taken, or was before an eviction
			f["id"] = fmt.Sprint("m", max(0, m.nextID-m.random.IntN(100)))
		}
		if m.random.IntN(3) == 0 {
			f["thread"] = id()
		}
		if m.random.IntN(4) == 0 {
			f["reply_to"] = id()
		}
		if m.random.IntN(5) == 0 {
			f["meta"] = map[string]any{"n": m.random.IntN(3)}
		}
		m.mentions(f)
	case n < 9:
		f["type"], f["of"], f["text"] = "edit", id(), text
		m.mentions(f)
	case n < 10:
		f["type"], f["of"] = "delete", id()
	case n < 12:
		f["type"], f["of"], f["on"] = "pin", id(), m.random.IntN(3) > 0
	default:
		f["type"], f["of"], f["emoji"], f["on"] = "reaction", id(), fmt.Sprint("e", m.random.IntN(4)), m.random.IntN(3) > 0
	}
	b, _ := json.Marshal(f)
	return b
}

func (m *model) mentions(f map[string]any) {
	if m.random.IntN(3) > 0 {
		return
	}
	all := []string{"u0", "u1", "u2", "nobody", "mod", Here}
	m.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	f["mentions"] = all[:m.random.IntN(4)]
}

// compare checks a timeline against the fold of the client: pages in both directions, unread counts.
func (m *model) compare(what string, got *Timeline) {
	m.t.Helper()
	viewer := fmt.Sprint("u", m.random.IntN(5))
	want := m.live.view(viewer)
	for _, q := range []Query{
		{Limit: 1 + m.random.IntN(9), Direction: Newest, Viewer: viewer},
		{Limit: 1 + m.random.IntN(9), Direction: After, Viewer: viewer, MaxBytes: 1 + m.random.IntN(3000)},
	} {
		if all := allPages(m.t, got, q); !reflect.DeepEqual(all, want) {
			m.fatalf("%s, direction %d:\ngot  %v\nwant %v", what, q.Direction, all, want)
		}
	}
	m.compareFilters(what, got, want, viewer)
	for _, user := range []string{"u0", "u1", "u3", "mod", "", "nobody"} {
		upto := m.random.Uint64N(m.last + 2)
		unread, mentions := got.Unread(user, upto)
		if u, n := m.live.unread(user, upto); unread != u || mentions != n {
			m.fatalf("%s: %q after %d: got %d unread, %d mentions, want %d, %d", what, user, upto, unread, mentions, u, n)
		}
	}
}

// compareFilters checks a thread and the pinned messages.
func (m *model) compareFilters(what string, got *Timeline, want []map[string]any, viewer string) {
	m.t.Helper()
	name := fmt.Sprint("m", max(0, m.nextID-m.random.IntN(15)))
	var thread, pinned []map[string]any
	for _, v := range want {
		if v["id"] == name || v["thread"] == name {
			thread = append(thread, v)
		}
		if v["pinned"] == true {
			pinned = append(pinned, v)
		}
	}
	if all := allPages(m.t, got, Query{Limit: 2, Thread: name, Viewer: viewer}); !reflect.DeepEqual(all, thread) {
		m.fatalf("%s, thread %s:\ngot  %v\nwant %v", what, name, all, thread)
	}
	if all := allPages(m.t, got, Query{Limit: 2, Pinned: true, Viewer: viewer}); !reflect.DeepEqual(all, pinned) {
		m.fatalf("%s, pinned:\ngot  %v\nwant %v", what, all, pinned)
	}
}

// allPages pages through a timeline: backward if q is Newest, else forward.
func allPages(t testing.TB, from *Timeline, q Query) (all []map[string]any) {
	t.Helper()
	for {
		p := pageOf(t, from, q)
		if len(p.Messages) == 0 {
			return all
		}
		if q.Direction == After {
			all = append(all, p.Messages...)
			q.At = uint64(p.Messages[len(p.Messages)-1]["offset"].(float64))
		} else {
			all = append(slices.Clone(p.Messages), all...)
			q.At, q.Direction = uint64(p.Messages[0]["offset"].(float64)), Before
		}
		if !p.More {
			return all
		}
	}
}

// compareRedacted checks that the stored log, in which content of deleted messages is gone, folds to the same state, for a client and for the
// server.
func (m *model) compareRedacted() {
	live := m.live
	server := Timeline{Direct: m.live.direct}
	m.live = naive{direct: m.live.direct}
	evicted := 0
	evict := func(until int) {
		for ; evicted < until; evicted++ {
			m.live.dropOldest()
			server.DropOldest()
		}
	}
	for _, d := range m.log {
		evict(d.evicted)
		m.live.fold(d.delivery)
		e, ok := Stored(d.data)
		if !ok {
			m.fatalf("%s is not an entry", d.data)
		}
		server.Apply(Published{Offset: d.offset, UnixMilli: d.time, User: d.user, Client: d.client}, &e)
	}
	evict(m.evicted)
	if got, want := m.live.view("u1"), live.view("u1"); !reflect.DeepEqual(got, want) {
		m.fatalf("a client's fold of the redacted log:\ngot  %v\nwant %v", got, want)
	}
	m.compare("the redacted log", &server)
	m.live = live
}

// compareRestored checks a timeline from snapshots in a random order, and that a replay of any end of the log changes nothing.
func (m *model) compareRestored() {
	again := Timeline{Direct: m.live.direct}
	snapshots := m.snapshots()
	m.random.Shuffle(len(snapshots), func(i, j int) { snapshots[i], snapshots[j] = snapshots[j], snapshots[i] })
	for _, b := range snapshots {
		if _, err := again.Restore(b); err != nil {
			m.fatalf("%v", err)
		}
	}
	m.compare("from snapshots", &again)
	for _, d := range m.log[m.random.IntN(len(m.log)+1):] {
		if len(m.live.messages) == 0 || d.offset < m.live.messages[0].offset {
			continue
		}
		e, _ := Stored(d.data)
		again.Apply(Published{Offset: d.offset, UnixMilli: d.time, User: d.user, Client: d.client}, &e)
	}
	m.compare("from snapshots and the log", &again)
}

func (m *model) snapshots() (all [][]byte) {
	for i := range m.timeline.order.len() {
		all = append(all, m.timeline.Snapshot(m.timeline.order.at(i).offset))
	}
	return all
}

// audit checks the bytes and the references of a timeline against what its messages need.
func audit(m *model) {
	t := &m.timeline
	bytes, refs := (t.here.len()+t.silent.len())*offsetCost, map[*person]int{}
	for i := range t.order.len() {
		msg := t.order.at(i)
		bytes += msg.bytes()
		refs[msg.author]++
		for _, p := range msg.mentions() {
			refs[p]++
		}
		for _, o := range msg.reactions() {
			for _, number := range o.users {
				refs[t.people.of(number)]++
			}
		}
	}
	for name, th := range t.threads {
		bytes += threadCost + textBytes(name)
		if th.replies.len() == 0 || th.root != t.find(name) {
			m.fatalf("thread %q has %d replies and the root %v", name, th.replies.len(), th.root)
		}
	}
	delete(refs, nil)
	if len(refs) != len(t.people.byUser) {
		m.fatalf("%d people, want %d", len(t.people.byUser), len(refs))
	}
	for p, n := range refs {
		bytes += personCost + textBytes(p.user)
		if p.counts != nil {
			bytes += countsCost + (p.counts.own.len()+p.counts.ownHere.len()+p.counts.mentioned.len())*offsetCost
		}
		if int(p.refs) != n || t.people.find(p.user) != p || t.people.of(p.number) != p {
			m.fatalf("%q has %d references, want %d", p.user, p.refs, n)
		}
	}
	if bytes += len(m.waitingWithID()) * pendingCost; t.Bytes() != bytes || m.grown != bytes {
		m.fatalf("got %d bytes, and %d from the sum of the steps, want %d", t.Bytes(), m.grown, bytes)
	}
}

// waitingWithID returns the pending publications that others can refer to.
func (m *model) waitingWithID() (with []waiting) {
	for _, w := range m.waiting {
		if w.e.ID != "" {
			with = append(with, w)
		}
	}
	return with
}

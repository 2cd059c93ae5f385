package notify

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/webpush"
	"github.com/throng-chat/throng/server/wheel"
)

// house is a Rooms and a Sink for tests. Its rooms have offsets, its users markers.
type house struct {
	rule     Rule
	members  map[string][]string
	batches  map[string]*Batch
	last     map[string]uint64
	mentions map[[2]string]int
	markers  map[[2]string]uint64
	online   map[string]bool
	full     bool
	lookups  int
	values   map[string][]byte
	counts   [Outcomes]int
	sent     []*Notification
}

func newHouse() *house {
	return &house{members: map[string][]string{}, batches: map[string]*Batch{}, last: map[string]uint64{}, mentions: map[[2]string]int{},
		markers: map[[2]string]uint64{}, online: map[string]bool{}, values: map[string][]byte{}}
}

func (h *house) say(room, author string, mentions ...string) {
	if h.batches[room] == nil {
		h.batches[room] = &Batch{}
	}
	h.batches[room].Add(author, mentions)
	h.last[room]++
	for _, user := range mentions {
		h.mentions[[2]string{room, user}]++
	}
}

func (h *house) Changed(do func(Change)) {
	for room, b := range h.batches {
		do(Change{room, b.Take(), slices.Chunk(h.members[room], Part), h.rule})
		delete(h.batches, room)
	}
}

func (h *house) Connected(users []string, is []bool) {
	h.lookups += len(users)
	for i, user := range users {
		is[i] = h.online[user]
	}
}

func (h *house) Rule(string) Rule { return h.rule }

func (h *house) Unread(user, room string) (Unread, bool) {
	if !slices.Contains(h.members[room], user) {
		return Unread{}, false
	}
	read := h.markers[[2]string{room, user}]
	return Unread{Unread: int(h.last[room] - read), Mentions: h.mentions[[2]string{room, user}], Upto: read,
		Last: &Message{ID: "m", Offset: h.last[room], Time: int64(h.last[room]), Text: "good day"}}, true
}

func (h *house) Preferences(user string) []byte { return h.values[PreferencesKey(user)] }

// change changes the preferences of a user, and returns the keys of the values that it changed.
func (h *house) change(t *testing.T, user string, change func(*Preferences) (*Preferences, error)) (keys []string) {
	t.Helper()
	values, err := ChangeValues(func(key string) []byte { return h.values[key] }, user, change)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		keys = append(keys, v.Key)
		if len(v.Data) == 0 {
			delete(h.values, v.Key)
		} else {
			h.values[v.Key] = v.Data
		}
	}
	return keys
}

func (h *house) Ready() bool { return !h.full }

func (h *house) Notify(n *Notification) { h.sent = append(h.sent, n) }

// users returns the users that were notified, in order, and forgets the notifications.
func (h *house) users() (all []string) {
	for _, n := range h.sent {
		all = append(all, n.User)
	}
	h.sent = nil
	slices.Sort(all)
	return all
}

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// passes makes a pass for each second.
func passes(n *Notifier, from, to wheel.Tick) {
	for now := from; now <= to; now++ {
		n.pass(now, noon, false)
	}
}

func start(h *house) *Notifier {
	return New(h, h, slog.New(slog.DiscardHandler), func(o Outcome, n int) { h.counts[o] += n })
}

func TestMembersThatAreNotConnectedAreNotifiedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.members["tea"], h.members["news"] = []string{"ann", "bob", "cat"}, []string{"bob", "cat"}
	h.online["cat"] = true
	n := start(h)
	passes(n, 1, 10)
	h.say("tea", "ann")
	passes(n, 11, 12)
	h.say("tea", "ann")
	h.say("news", "cat", "bob")
	passes(n, 13, 15)
	if got := h.users(); got != nil {
		t.Errorf("got %q before the time is over, want nobody", got)
	}
	passes(n, 16, 40)
	if len(h.sent) != 1 || h.sent[0].User != "bob" || len(h.sent[0].Rooms) != 2 {
		t.Fatalf("got %+v, want one notification of bob about both rooms", h.sent)
	}
	first := h.sent[0].Rooms[0]
	if first.Room != "news" || first.Mentions != 1 || h.sent[0].Rooms[1].Unread.Unread != 2 || !h.sent[0].Urgent() {
		t.Errorf("got %+v, want the mention first, and 2 unread in the other room", h.sent[0].Rooms)
	}
	h.sent = nil
	h.say("tea", "ann")
	passes(n, 41, 60)
	if got := h.users(); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("got %q, want bob again after another message", got)
	}
}

// Several authors between two passes are notified of each other.
func TestAuthorsAreNotifiedOfEachOther(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.members["tea"] = []string{"ann", "bob", "cat"}
	n := start(h)
	for _, authors := range [][]string{{"ann", "bob"}, {"ann", "bob", "ann"}, {"", "ann", "ann"}, {"ann", ""}} {
		for _, author := range authors {
			h.say("tea", author)
		}
		now := n.waiting.wheel.Now()
		passes(n, now+1, now+10)
		if got := h.users(); !slices.Equal(got, []string{"ann", "bob", "cat"}) {
			t.Errorf("authors %q: got %q, want all", authors, got)
		}
	}
}

func TestUsersThatReadOrConnectInTimeAreNotNotified(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.members["tea"] = []string{"bob", "cat", "dan", "eve"}
	n := start(h)
	h.say("tea", "")
	passes(n, 1, 2)
	h.markers[[2]string{"tea", "bob"}] = 1
	h.online["cat"] = true
	h.members["tea"] = []string{"bob", "cat", "eve"}
	passes(n, 3, 20)
	if got := h.users(); !slices.Equal(got, []string{"eve"}) {
		t.Errorf("got %q, want eve only", got)
	}
	if h.counts[Sent] != 1 || h.counts[Read] != 2 || h.counts[Connected] != 1 || n.Waiting() != 0 {
		t.Errorf("got %d sent, %d read, %d connected, %d waiting; want 1, 2, 1, 0", h.counts[Sent], h.counts[Read], h.counts[Connected], n.Waiting())
	}
}

// A room may notify connected members that do not read. A member that disconnects is notified when its time is over.
func TestConnectedMembersThatDoNotReadAreNotified(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.rule.UnreadAfter = 30 * time.Second
	h.members["tea"] = []string{"bob", "cat", "dan"}
	h.online["bob"], h.online["cat"] = true, true
	n := start(h)
	h.say("tea", "ann")
	passes(n, 1, 20)
	if got := h.users(); !slices.Equal(got, []string{"dan"}) {
		t.Errorf("got %q, want dan, who is not connected", got)
	}
	h.markers[[2]string{"tea", "cat"}] = 1
	passes(n, 21, 30)
	if got := h.users(); got != nil {
		t.Errorf("got %q, want nobody yet", got)
	}
	passes(n, 31, 60)
	if got := h.users(); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("got %q, want bob, who has not read", got)
	}
	if len(n.waiting.users) != 0 {
		t.Error("somebody waits still")
	}
}

func TestRoomsMayNotifyOfMentionsOnly(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.rule.OnlyMentions = true
	h.members["tea"] = []string{"bob", "cat"}
	n := start(h)
	h.say("tea", "ann")
	h.say("tea", "ann", "bob")
	passes(n, 1, 20)
	if got := h.users(); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("got %q, want bob, who is mentioned", got)
	}
	h.say("tea", "ann", "cat")
	h.say("tea", "ann", "bob")
	passes(n, 21, 40)
	if got := h.users(); !slices.Equal(got, []string{"bob", "cat"}) {
		t.Errorf("got %q, want both", got)
	}
}

func TestMutesAndDoNotDisturb(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.members["tea"], h.members["news"] = []string{"bob"}, []string{"bob"}
	n := start(h)
	change := func(f func(*Preferences) (*Preferences, error)) {
		t.Helper()
		h.change(t, "bob", f)
	}
	change(func(p *Preferences) (*Preferences, error) { return p.Mute("tea", 0, noon) })
	now := wheel.Tick(1)
	notified := func() (rooms []string) {
		h.say("tea", "ann")
		h.say("news", "ann")
		passes(n, now, now+10)
		now += 11
		for _, sent := range h.sent {
			for _, r := range sent.Rooms {
				rooms = append(rooms, r.Room)
			}
		}
		h.sent = nil
		slices.Sort(rooms)
		return rooms
	}
	if got := notified(); !slices.Equal(got, []string{"news"}) {
		t.Errorf("got %q, want the room that is not muted", got)
	}
	change(func(p *Preferences) (*Preferences, error) { return p.Mute("tea", noon.Unix()+1, noon.Add(-time.Hour)) })
	if got := notified(); !slices.Equal(got, []string{"news"}) {
		t.Errorf("got %q before the end of the mute", got)
	}
	change(func(p *Preferences) (*Preferences, error) { return p.Mute("tea", noon.Unix(), noon.Add(-time.Hour)) })
	if got := notified(); !slices.Equal(got, []string{"news", "tea"}) {
		t.Errorf("got %q after the end of the mute, want both", got)
	}
	change(func(p *Preferences) (*Preferences, error) { return p.Disturb(DoNotDisturb{On: true}) })
	if got := notified(); got != nil {
		t.Errorf("got %q, want none: do not disturb", got)
	}
	change(func(p *Preferences) (*Preferences, error) { return p.Disturb(DoNotDisturb{}) })
	change(func(p *Preferences) (*Preferences, error) { return p.Unmute("tea"), nil })
	if got := notified(); !slices.Equal(got, []string{"news", "tea"}) {
		t.Errorf("got %q, want both", got)
	}
	if len(h.values) != 0 {
		t.Errorf("got %q stored, want nothing: the user has set nothing", h.values)
	}
}

func TestDoNotDisturbHasDailyTimes(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		t.Helper()
		when, err := time.Parse("15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return when.AddDate(2026, 0, 0)
	}
	for _, c := range []struct {
		d          DoNotDisturb
		quiet, not []string
	}{
		{DoNotDisturb{From: "22:00", To: "07:00"}, []string{"22:00", "23:59", "00:00", "06:59"}, []string{"07:00", "12:00", "21:59"}},
		{DoNotDisturb{From: "09:00", To: "17:30"}, []string{"09:00", "17:29"}, []string{"08:59", "17:30", "00:00"}},
		{DoNotDisturb{From: "22:00", To: "07:00", Offset: 120}, []string{"20:00", "04:59"}, []string{"19:59", "05:00"}},
		{DoNotDisturb{From: "22:00", To: "07:00", Offset: -330}, []string{"03:30", "12:29"}, []string{"03:29", "12:30"}},
		{DoNotDisturb{On: true}, []string{"00:00", "12:00"}, nil},
		{DoNotDisturb{On: true, Until: at("12:00").Unix()}, []string{"11:59"}, []string{"12:00"}},
		{DoNotDisturb{}, nil, []string{"00:00"}},
	} {
		if err := c.d.check(); err != nil {
			t.Errorf("%+v: %v", c.d, err)
		}
		for _, text := range c.quiet {
			if !c.d.Quiet(at(text)) {
				t.Errorf("%+v does not hold at %s", c.d, text)
			}
		}
		for _, text := range c.not {
			if c.d.Quiet(at(text)) {
				t.Errorf("%+v holds at %s", c.d, text)
			}
		}
	}
	for _, d := range []DoNotDisturb{{From: "22:00"}, {To: "07:00"}, {From: "24:00", To: "07:00"}, {From: "7:00", To: "08:00"}, {From: "07:00", To: "07:00"},
		{From: "07:00:0", To: "08:00"}, {From: "22:00", To: "07:00", Offset: 900}, {Offset: -900}, {Until: 5}, {On: true, Until: -1}} {
		if err := d.check(); err == nil {
			t.Errorf("%+v is valid", d)
		}
	}
}

// While the sink is full, nothing is lost: users wait and gather.
func TestAFullSinkMakesUsersWait(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.members["tea"], h.members["news"] = []string{"bob", "cat"}, []string{"bob"}
	h.full = true
	n := start(h)
	h.say("tea", "ann")
	passes(n, 1, 20)
	h.say("news", "ann")
	passes(n, 21, 30)
	if h.sent != nil || n.Waiting() != 3 {
		t.Fatalf("got %v and %d waiting, want none sent and 3 waiting", h.sent, n.Waiting())
	}
	h.full = false
	n.pass(31, noon, false)
	if len(h.sent) != 2 || n.Waiting() != 0 {
		t.Errorf("got %d notifications and %d waiting, want 2 and 0", len(h.sent), n.Waiting())
	}
	for _, sent := range h.sent {
		if sent.User == "bob" && len(sent.Rooms) != 2 {
			t.Errorf("got %+v, want both rooms of bob in one notification", sent)
		}
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	t.Parallel()
	w := newWaiting(100)
	for i := range 150 {
		w.Add(fmt.Sprint("user ", i), "tea", 1)
	}
	if w.Len() != 100 || w.dropped != 50 || len(w.users) != 100 {
		t.Errorf("got %d entries of %d users and %d dropped, want 100, 100 and 50", w.Len(), len(w.users), w.dropped)
	}
	w = newWaiting(100)
	for i := range 50 {
		w.Add("bob", fmt.Sprint("room ", i), 1)
	}
	if w.Len() != maxNoticeRooms || w.users["bob"].more != 50-maxNoticeRooms || w.dropped != 0 {
		t.Errorf("got %d entries, %d more and %d dropped, want %d, %d and 0", w.Len(), w.users["bob"].more, w.dropped, maxNoticeRooms, 50-maxNoticeRooms)
	}
}

func TestAFlushSendsWhatWaits(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.members["tea"] = []string{"bob", "cat"}
	h.rule.UnreadAfter = time.Hour
	h.online["cat"] = true
	n := start(h)
	ended := make(chan struct{})
	h.say("tea", "ann")
	go func() {
		n.Run(t.Context())
		close(ended)
	}()
	n.Flush()
	<-ended
	n.Flush() // does not wait
	if got := h.users(); !slices.Equal(got, []string{"bob"}) || h.counts[Connected] != 1 {
		t.Errorf("got %q and %d connected, want bob, and cat connected", got, h.counts[Connected])
	}
}

// Random steps against a simple model: who is offline with unread messages is notified within Gather and a second, once for each Gather.
func TestNotificationsFollowTheModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := newHouse()
		rooms, users := []string{"a", "b", "c"}, []string{"u", "v", "w", "x"}
		for _, room := range rooms {
			h.members[room] = users
		}
		n := start(h)
		since := map[[2]string]wheel.Tick{} // user and room: the first message that the user may have to be notified of
		last := map[string]wheel.Tick{}
		for now := wheel.Tick(1); now < 300; now++ {
			for range r.IntN(3) {
				user, room := users[r.IntN(len(users))], rooms[r.IntN(len(rooms))]
				switch r.IntN(4) {
				case 0:
					h.say(room, "someone else")
					for _, u := range users {
						if at := [2]string{u, room}; since[at] == 0 && !h.online[u] {
							since[at] = now
						}
					}
				case 1:
					h.markers[[2]string{room, user}] = h.last[room]
				default:
					h.online[user] = !h.online[user]
				}
			}
			// A message counts for users that are offline at the pass, at the end of this second.
			for at, first := range since {
				if first == now && h.online[at[0]] {
					delete(since, at)
				}
			}
			for _, u := range users {
				for _, room := range rooms {
					if b := h.batches[room]; b != nil && since[[2]string{u, room}] == 0 && !h.online[u] {
						since[[2]string{u, room}] = now
					}
				}
			}
			n.pass(now, noon, false)
			for _, sent := range h.sent {
				if last[sent.User] != 0 && now-last[sent.User] < gatherTicks {
					t.Fatalf("seed %d, second %d: %s was notified %d s before", seed, now, sent.User, now-last[sent.User])
				}
				last[sent.User] = now
				if h.online[sent.User] {
					t.Fatalf("seed %d, second %d: %s is connected", seed, now, sent.User)
				}
				for _, room := range sent.Rooms {
					if since[[2]string{sent.User, room.Room}] == 0 || room.Unread.Unread == 0 {
						t.Fatalf("seed %d, second %d: %s was notified of %+v", seed, now, sent.User, room)
					}
				}
			}
			done := map[string]bool{}
			for at, first := range since {
				if now-first >= gatherTicks {
					done[at[0]] = true
				}
			}
			for at := range since {
				if !done[at[0]] {
					continue
				}
				unread := h.last[at[1]] > h.markers[[2]string{at[1], at[0]}]
				was := slices.ContainsFunc(h.sent, func(sent *Notification) bool {
					return sent.User == at[0] && slices.ContainsFunc(sent.Rooms, func(r RoomUnread) bool { return r.Room == at[1] })
				})
				if want := unread && !h.online[at[0]]; was != want {
					t.Fatalf("seed %d, second %d: user and room %v: notified %t, want %t", seed, now, at, was, want)
				}
				delete(since, at)
			}
			h.sent = nil
		}
	}
}

func TestNotificationsFitIntoWebPush(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"good day", strings.Repeat("a", 1<<16), strings.Repeat("\x01", 1<<16), strings.Repeat("ü", 1<<15), strings.Repeat("\u2028", 1<<14)} {
		for _, name := range []string{"tea", strings.Repeat("n", 255), strings.Repeat("\"", 255)} {
			for _, rooms := range []int{1, 3, 32} {
				n := &Notification{User: "bob"}
				for i := range rooms {
					n.Rooms = append(n.Rooms, RoomUnread{fmt.Sprint(name, i), Unread{Unread: 7, Last: &Message{ID: "1", User: "ann", Text: text,
						Info: json.RawMessage(`{"name":"Ann"}`)}}})
				}
				b, err := n.Payload()
				if err != nil || len(b) > MaxPayload || !utf8.Valid(b) {
					t.Fatalf("%.10q, %.10q, %d rooms: got %d bytes, %v", text, name, rooms, len(b), err)
				}
				var got struct {
					Channels map[string]Unread
					More     int
				}
				if err := json.Unmarshal(b, &got); err != nil || len(got.Channels)+got.More != rooms || len(got.Channels) == 0 {
					t.Errorf("%.10q, %.10q, %d rooms: got %d and %d more, %v", text, name, rooms, len(got.Channels), got.More, err)
				}
				if b, err = n.JSON(); err != nil || len(b) > rooms*(6*MaxText+3000) {
					t.Errorf("got %d bytes, %v", len(b), err)
				}
			}
		}
	}
	if got := cut("abcdeé", 6); got != "abc…" {
		t.Errorf("got %q", got)
	}
	if got := cut("abc", 3); got != "abc" {
		t.Errorf("got %q", got)
	}
}

// sub returns a subscription with an endpoint.
func sub(endpoint string) webpush.Subscription { return webpush.Subscription{Endpoint: endpoint} }

func TestABrowserBelongsToOneUser(t *testing.T) {
	t.Parallel()
	h := newHouse()
	subscribe := func(user, endpoint string) []string {
		t.Helper()
		return h.change(t, user, func(p *Preferences) (*Preferences, error) { return p.Subscribe(sub(endpoint)), nil })
	}
	of := func(user string) *Preferences { return ParsePreferences(h.Preferences(user)) }
	for i := range MaxSubscriptions + 2 {
		subscribe("ann", fmt.Sprint("https://a/", i))
	}
	if got := of("ann").Push; len(got) != MaxSubscriptions || got[0].Endpoint != "https://a/2" || len(h.values) != 1+MaxSubscriptions {
		t.Errorf("got %v and %d values, want the newest %d", got, len(h.values), MaxSubscriptions)
	}
	if got := subscribe("ann", "https://a/3"); len(got) != 1 {
		t.Errorf("got %q changed by a subscription that is known, want the preferences only", got)
	}
	if got := subscribe("bob", "https://a/3"); len(got) != 3 || !slices.Contains(got, PreferencesKey("ann")) {
		t.Errorf("got %q changed, want the preferences of both, and the browser", got)
	}
	if of("ann").hasBrowser("https://a/3") || !of("bob").hasBrowser("https://a/3") {
		t.Errorf("got %v of ann and %v of bob, want the browser moved", of("ann").Push, of("bob").Push)
	}
	for _, user := range []string{"ann", "bob"} {
		for _, s := range of(user).Push {
			h.change(t, user, func(p *Preferences) (*Preferences, error) { return p.Unsubscribe(s.Endpoint), nil })
		}
	}
	if len(h.values) != 0 {
		t.Errorf("got %q stored at the end, want nothing", h.values)
	}
	h.values[PreferencesKey("ann")] = []byte("{")
	if got := of("ann"); got != nothing {
		t.Errorf("got %+v from a damaged form", got)
	}
}

func TestPreferencesAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse()
	mute := func(room string) error {
		values, err := ChangeValues(func(key string) []byte { return h.values[key] }, "ann", func(p *Preferences) (*Preferences, error) { return p.Mute(room, 0, noon) })
		if err == nil {
			h.values[values[0].Key] = values[0].Data
		}
		return err
	}
	for i := range MaxMutes {
		if err := mute(fmt.Sprint("room ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := mute("one more"); err == nil {
		t.Error("more rooms than MaxMutes are muted")
	}
	if err := mute("room 1"); err != nil {
		t.Errorf("a room that is muted already: %v", err)
	}
	clear(h.values)
	var err error
	for i := 0; err == nil && i < MaxMutes; i++ {
		err = mute(fmt.Sprint(strings.Repeat("n", 250), i))
	}
	if err == nil {
		t.Errorf("got %d bytes, want an error above %d", len(h.values[PreferencesKey("ann")]), maxPreferences)
	}
}

// The cost of a message in a room of 10,000 members, for the notifier: once per second and room.
func BenchmarkCollect(b *testing.B) {
	for _, online := range []int{0, 50, 100} {
		b.Run(fmt.Sprintf("online=%d%%", online), func(b *testing.B) {
			h := newHouse()
			var members []string
			for i := range 10_000 {
				user := fmt.Sprint("user ", i)
				members = append(members, user)
				h.online[user] = i%100 < online
			}
			n := start(h)
			c := Change{Room: "tea", Members: slices.Chunk(members, Part)}
			c.Batch.Add("ann", nil)
			now := wheel.Tick(1)
			b.ReportAllocs()
			for b.Loop() {
				n.collect(&c, now)
			}
		})
	}
}

package fanout

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/ws"
)

// sharing is the format of members with context takeover.
func sharing(t testing.TB) Format {
	t.Helper()
	w, _ := deflate.Negotiate("permessage-deflate", true)
	if !w.Shares() {
		t.Fatal("the window has no context")
	}
	return Format(0).Compressed(w)
}

// testMessage is a publication for one format. If it panics, that is when it is compressed by itself.
type testMessage struct {
	core   *Core
	frame  []byte
	offset uint64
	panics bool
}

func (m *testMessage) ReceivedBy(Format) bool    { return true }
func (m *testMessage) Full(Format, *int) []byte  { return nil }
func (m *testMessage) Offset() uint64            { return m.offset }
func (m *testMessage) Size() int                 { return len(m.frame) }
func (m *testMessage) Frame(Format, *int) []byte { return m.frame }
func (m *testMessage) Compressed(_ Format, frame []byte) []byte {
	if m.panics {
		panic("planted by the test")
	}
	return m.core.CompressFrame(frame)
}

// flakyTransport panics if the test wants it to.
type flakyTransport struct {
	dripTransport
	panics bool
}

func (f *flakyTransport) Write(p []byte) (int, error) {
	if f.panics {
		panic("planted by the test")
	}
	return f.dripTransport.Write(p)
}

// listener is a member with an inflater of its own: the standard library's, with context takeover.
type listener struct {
	echoClient
	transport flakyTransport
	member    Member
	want      []string // the messages since it joined
	got       []string
	left      bool // its membership ended in good order: it has got all of want

	decoder ws.Decoder
	read    int // bytes of transport.sent that were decoded
	window  []byte
	packed  int // compressed messages
}

func (l *listener) Member(i int) *Member {
	if i == 0 && l.member.Topic != nil {
		return &l.member
	}
	return nil
}

// open reports whether the shard still writes to the listener.
func (l *listener) open() bool { return !l.transport.ended && !l.conn.Is(Finishing) }

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// decode reads what was sent.
func (l *listener) decode() error {
	rules := ws.Rules{MaxMessage: 1 << 20, MaxFragments: 1, MaxCompressed: 1 << 20, FromServer: true}
	rest := l.transport.sent[l.read:]
	for len(rest) > 0 {
		m, more, err := l.decoder.Next(&rules, rest)
		if err != nil {
			return err
		}
		if m.Op == ws.OpContinuation {
			break
		}
		rest = more
		if m.Op != ws.OpText && m.Op != ws.OpBinary || string(m.Payload) == reply {
			continue
		}
		payload := m.Payload
		if m.Compressed {
			l.packed++
			end := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
			inflater := inflaters.Get().(io.ReadCloser)
			if err := inflater.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(m.Payload), end), l.window); err != nil {
				return err
			}
			if payload, err = io.ReadAll(inflater); err != nil {
				return fmt.Errorf("message %d, after %d compressed: %w", len(l.got), l.packed, err)
			}
			inflaters.Put(inflater)
			l.window = append(l.window, payload...)
			l.window = l.window[max(0, len(l.window)-32<<10):]
		}
		if string(payload) != reply { // of another room
			l.got = append(l.got, string(payload))
		}
	}
	l.read = len(l.transport.sent)
	return nil
}

// check compares what was received with what was published.
func (l *listener) check(all bool) error {
	if err := l.decode(); err != nil {
		return err
	}
	for i, got := range l.got {
		if i >= len(l.want) || got != l.want[i] {
			return fmt.Errorf("message %d of %d: got %.60q", i, len(l.want), got)
		}
	}
	if all && len(l.got) != len(l.want) {
		return fmt.Errorf("got %d messages, want %d", len(l.got), len(l.want))
	}
	return nil
}

// reply is a frame of one member alone, which is long enough to be compressed.
var reply = strings.Repeat("a reply ", 50)

// sharedRoom is a room whose members share a context. Nothing runs: the test calls the shard.
type sharedRoom struct {
	t         testing.TB
	e         *Engine
	s         *Shard
	audience  *Audience
	topic     *Topic
	alone     *Topic // of members that do not share the context
	listeners []*listener
	r         *rand.Rand
	published int
}

func newSharedRoom(t testing.TB, seed uint64) *sharedRoom {
	t.Helper()
	e := newTestEngine(Config{MaxUnsent: 24 << 10})
	e.Heartbeat = NewHeartbeat(&e.Core, time.Minute, time.Minute)
	room := &sharedRoom{t: t, e: e, s: e.Shards[0], r: rand.New(rand.NewPCG(seed, 1))}
	room.anew()
	return room
}

// anew discards the room and makes another one.
func (room *sharedRoom) anew() {
	room.s.work()
	for _, l := range room.listeners {
		if l.member.At >= 0 {
			room.leave(l)
		}
	}
	room.s.work()
	room.audience = &Audience{Name: "x", Mu: &sync.Mutex{}, Limit: 1 << 30}
	room.topic = room.audience.TopicLocked(room.s, sharing(room.t))
	room.alone = room.audience.TopicLocked(room.s, Format(0).Compressed(sharing(room.t).Window().Alone()))
}

func (room *sharedRoom) join() *listener {
	l := &listener{transport: flakyTransport{dripTransport: dripTransport{t: room.t.(*testing.T), seal: 2 << 10, room: 1 << 30}}}
	room.e.NewConn(&l.conn, &l.transport, l)
	room.listeners = append(room.listeners, l)
	room.rejoin(l)
	return l
}

// rejoin makes a connection that has left a member again.
func (room *sharedRoom) rejoin(l *listener) {
	l.member = Member{Conn: &l.conn, Topic: room.topic, At: -1}
	l.left = false
	room.topic.Members++
	room.s.Push(Job{Do: JoinTopic, Member: &l.member})
	room.s.work() // so that the test knows the messages that it receives
}

// move lets a member share the context, or not.
func (room *sharedRoom) move(l *listener) {
	room.s.work()
	from, to := l.member.Topic, room.topic
	if l.member.At < 0 {
		return
	}
	if from == to {
		if to = room.alone; room.r.IntN(3) > 0 {
			return // so that most of them share
		}
	}
	room.publish(room.chatty(300), false) // by the topic before
	from.Members--
	to.Members++
	room.s.Push(Job{Do: MoveMember, Member: &l.member, Topic: to})
	if room.r.IntN(2) == 0 {
		room.s.work()
	}
}

func (room *sharedRoom) leave(l *listener) {
	room.s.work() // it may be about to move
	l.member.Topic.Members--
	room.s.Push(Job{Do: LeaveTopic, Member: &l.member})
	room.s.work()
	l.left = true
}

// chatty is a message of about n bytes.
func (room *sharedRoom) chatty(n int) string {
	words := strings.Fields("hello everyone the deploy of today is done please look at the dashboard before lunch because we have seen errors")
	text := fmt.Appendf(nil, `{"id":"%016x","user":{"name":"User %d","avatar":"https://cdn.example.com/avatars/%d.png"},"text":"`, room.r.Uint64(), room.r.IntN(50), room.r.IntN(50))
	for len(text) < n {
		text = append(append(text, words[room.r.IntN(len(words))]...), ' ')
	}
	return string(append(text[:max(n-2, 0)], `"}`...))
}

// publish posts a message to the room. It is sent with the next flush.
func (room *sharedRoom) publish(text string, panics bool) {
	room.published++
	m := &testMessage{core: &room.e.Core, frame: EncodeFrame(ws.OpBinary, []byte(text)), panics: panics}
	room.audience.Mu.Lock()
	room.audience.PostLocked(m)
	room.audience.Mu.Unlock()
	if panics {
		room.s.work() // nobody receives it, if it is compressed by itself
		return
	}
	for _, l := range room.listeners {
		if l.member.At >= 0 && !l.left {
			l.want = append(l.want, text)
		}
	}
}

// TestMembersInAContext has the bars of bytes, with a member that joins in each epoch and without.
func TestMembersInAContext(t *testing.T) {
	for _, size := range []int{350, 1000} {
		for _, churn := range []bool{false, true} {
			t.Run(fmt.Sprint(size, churn), func(t *testing.T) {
				room := newSharedRoom(t, 7)
				var first []*listener
				for range 8 {
					first = append(first, room.join())
				}
				const messages = 400
				for i := range messages {
					if churn && i%16 == 8 {
						room.join()
					}
					room.publish(room.chatty(size), false)
					if i%3 == 0 {
						room.s.work()
					}
				}
				room.s.work()
				for i, l := range room.listeners {
					if err := l.check(true); err != nil {
						t.Errorf("member %d: %v", i, err)
					}
				}
				if ratio := float64(len(first[0].transport.sent)) / float64(messages*size); ratio > 0.45 {
					t.Errorf("got %.3f of the bytes, want 0.45 at most", ratio)
				} else {
					t.Logf("%.3f of the bytes", ratio)
				}
				if first[0].packed < messages {
					t.Errorf("got %d of %d messages compressed", first[0].packed, messages)
				}
			})
		}
	}
}

// A newcomer is sent messages that are compressed by themselves, for 16 messages at most.
func TestANewcomerIsMovedAtTheNextEpoch(t *testing.T) {
	room := newSharedRoom(t, 3)
	var members []*listener
	for range 8 {
		members = append(members, room.join())
	}
	for range 5 {
		room.publish(room.chatty(400), false)
	}
	newcomer := room.join()
	shared := func() float64 { return testutil.ToFloat64(room.e.Metrics.CompressionShared) }
	for i := range 30 {
		was, before, theirs := shared(), len(newcomer.transport.sent), len(members[0].transport.sent)
		room.publish(room.chatty(400), false)
		room.s.work()
		mine, others := len(newcomer.transport.sent)-before, len(members[0].transport.sent)-theirs
		switch outside := i < epochMessages-5; {
		case outside && mine <= others:
			t.Errorf("message %d: the newcomer got %d bytes, the members %d; want more", i, mine, others)
		case !outside && mine != others:
			t.Errorf("message %d: the newcomer got %d bytes, the members %d; want the same", i, mine, others)
		case i == epochMessages-5 && shared() != was:
			t.Errorf("message %d: got a context, want the begin of an epoch", i)
		}
	}
	if room.topic.outside != 0 {
		t.Errorf("got %d members outside, want none", room.topic.outside)
	}
	// Without newcomers the epoch does not end.
	for i := range 100 {
		was := shared()
		room.publish(room.chatty(400), false)
		if room.s.work(); shared() != was+1 {
			t.Fatalf("message %d is compressed by itself, want a context", i)
		}
	}
	// If most members are new, they are not sent messages one by one, also early in an epoch.
	room.join()
	for range 2 {
		room.publish(room.chatty(400), false)
		room.s.work()
	}
	for range 10 {
		room.join()
	}
	was := shared()
	room.publish(room.chatty(400), false)
	if room.s.work(); shared() != was || room.topic.outside != 0 {
		t.Errorf("got %d members outside, want the begin of an epoch", room.topic.outside)
	}
	for i, l := range room.listeners {
		if err := l.check(true); err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
}

// A newcomer that is closed while the newcomers are sent a message of their own takes none of the others with it.
func TestAClosedNewcomerTakesNoOther(t *testing.T) {
	for _, tt := range []struct {
		name string
		hurt func(*sharedRoom, *listener)
	}{
		{"slow consumer", func(room *sharedRoom, l *listener) { room.e.Limits().MaxUnsent, l.transport.room = 100, 0 }},
		{"panic", func(_ *sharedRoom, l *listener) { l.transport.panics = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			room := newSharedRoom(t, 9)
			for range 12 {
				room.join()
			}
			room.publish(room.chatty(400), false)
			room.publish(room.chatty(400), false)
			var newcomers []*listener
			for range 4 {
				newcomers = append(newcomers, room.join())
			}
			tt.hurt(room, newcomers[0])
			for range 5 {
				room.publish(room.chatty(400), false)
				room.s.work()
			}
			for i, l := range room.listeners {
				if broken := l == newcomers[0]; broken != l.transport.ended {
					t.Errorf("member %d: closed: %v, want %v", i, l.transport.ended, broken)
				}
				if err := l.check(!l.transport.ended); err != nil {
					t.Errorf("member %d: %v", i, err)
				}
			}
		})
	}
}

// A room of few members has no context, and one without members frees it.
func TestASmallRoomHasNoContext(t *testing.T) {
	room := newSharedRoom(t, 4)
	for range contextMembers {
		room.join()
	}
	room.publish(room.chatty(400), false)
	room.s.work()
	if n := room.s.contexts.recent.Len(); n != 1 {
		t.Fatalf("got %d contexts, want 1", n)
	}
	room.leave(room.listeners[0])
	room.publish(room.chatty(400), false)
	room.s.work()
	if n := room.s.contexts.recent.Len(); n != 0 {
		t.Errorf("got %d contexts of a small room, want none", n)
	}
	room.rejoin(room.listeners[0])
	room.publish(room.chatty(400), false)
	room.anew()
	if n := room.s.contexts.recent.Len(); n != 0 {
		t.Errorf("got %d contexts of a room without members, want none", n)
	}
	for i, l := range room.listeners {
		if err := l.check(true); err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
}

// The rooms of a shard have a limited number of contexts. A room that loses its own begins a new one.
func TestTheLeastRecentContextIsDropped(t *testing.T) {
	first := newSharedRoom(t, 5)
	rooms := []*sharedRoom{first}
	for range 4 {
		other := *first
		other.listeners = nil
		other.anew()
		rooms = append(rooms, &other)
	}
	first.s.contexts.max = 3
	for _, room := range rooms {
		for range contextMembers {
			room.join()
		}
	}
	for range 200 {
		room := rooms[first.r.IntN(len(rooms))]
		room.publish(room.chatty(300), false)
		first.s.work()
		if n := first.s.contexts.recent.Len(); n > 3 {
			t.Fatalf("got %d contexts, want 3 at most", n)
		}
	}
	if testutil.ToFloat64(first.e.Metrics.CompressionEvicted) == 0 || testutil.ToFloat64(first.e.Metrics.CompressionShared) == 0 {
		t.Error("got no context evicted, or none used")
	}
	for _, room := range rooms {
		for i, l := range room.listeners {
			if err := l.check(true); err != nil {
				t.Errorf("member %d: %v", i, err)
			}
		}
	}
}

// runShared does one random sequence of events of a room.
func runShared(t *testing.T, seed uint64, steps int) (packed, shared int) {
	room := newSharedRoom(t, seed)
	for range 8 {
		room.join()
	}
	r := room.r
	pick := func() *listener { return room.listeners[r.IntN(len(room.listeners))] }
	for range steps {
		l := pick()
		switch k := r.IntN(100); {
		case k < 50:
			size := []int{20, 130, 400, 1000, 4000, 5000, 9000}[r.IntN(7)]
			text := room.chatty(size)
			if r.IntN(10) == 0 { // what does not shrink
				noise := make([]byte, size)
				for i := range noise {
					noise[i] = byte(r.Uint32())
				}
				text = string(noise)
			}
			room.publish(text, false)
		case k < 65:
			room.s.work()
		case k < 70:
			room.join()
		case k < 73:
			room.s.work()
			if l.member.At >= 0 {
				room.leave(l)
			} else if l.left && l.open() {
				room.rejoin(l)
			}
		case k < 76: // it stops reading
			l.transport.room = r.IntN(5000)
		case k < 84:
			if !l.transport.ended {
				l.transport.accept(&l.conn, r.IntN(3000))
			}
		case k < 87:
			room.s.Push(Job{Do: SendPing, Conn: &l.conn, Frame: PingFrame})
		case k < 90:
			room.s.Push(Job{Do: SendFrame, Conn: &l.conn, Frame: EncodeFrame(ws.OpText, []byte(reply))})
		case k < 92:
			room.s.Push(Job{Do: SendClose, Conn: &l.conn, Frame: EncodeFrame(ws.OpClose, nil)})
			room.s.work()
		case k < 94:
			room.s.work()
			l.transport.panics = true // the next write to it
		case k < 95:
			room.s.work()
			room.s.contexts.drop(room.topic.context)
		case k < 96:
			room.anew()
		case k < 97:
			room.s.compression = 0
		case k < 99:
			room.move(l)
		case l.member.Topic == room.alone && l.member.At >= 0: // a compressed message of another room
			room.s.Push(Job{Do: SendFrame, Conn: &l.conn, Frame: room.e.CompressFrame(EncodeFrame(ws.OpText, []byte(reply)))})
		}
	}
	room.s.work()
	for i, l := range room.listeners {
		whole := l.open() && !l.transport.panics
		for whole && l.conn.Out != nil {
			l.transport.accept(&l.conn, 1<<20)
		}
		if err := l.check(whole && l.open()); err != nil {
			t.Errorf("seed %d, member %d: %v", seed, i, err)
		}
		packed += l.packed
	}
	return packed, int(testutil.ToFloat64(room.e.Metrics.CompressionShared))
}

// Members that come, leave, return, share the context and end that, lag, are closed as slow consumers, are pinged and answered; a room that is made anew; a context that is
// dropped, and writes that panic: whatever happens, a stock inflater reads what each of them is sent.
func TestNoMemberLosesTheContext(t *testing.T) {
	packed, shared := 0, 0
	for seed := range uint64(25) {
		p, s := runShared(t, seed, 200)
		packed, shared = packed+p, shared+s
		if t.Failed() {
			return
		}
	}
	if shared < 100 {
		t.Errorf("got %d messages with a context, want many", shared)
	}
	t.Logf("%d compressed messages, %d with a context", packed, shared)
}

func FuzzNoMemberLosesTheContext(f *testing.F) {
	f.Add(uint64(1000), uint16(200))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) { runShared(t, seed, int(steps%1000)) })
}

// A panic while a message is compressed loses that message for all, and no more.
func TestAPanicKeepsTheContext(t *testing.T) {
	room := newSharedRoom(t, 8)
	for range 6 {
		room.join()
	}
	for i := range 60 {
		if i%10 == 5 {
			room.join()
		}
		panics := i%4 == 3 && room.topic.outside > 0
		room.publish(room.chatty(400), panics)
		room.s.work()
	}
	if testutil.ToFloat64(room.e.Metrics.Panics) == 0 {
		t.Fatal("got no panic")
	}
	for i, l := range room.listeners {
		if err := l.check(true); err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
}

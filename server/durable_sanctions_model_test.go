package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/token"
)

// sanctionModel is the part of the model of durable rooms with what the tables keep: sanctions, and the keys of guest tokens. A sanction that was
// acknowledged is in effect, also after a restart; one whose change failed is in effect, or is as before.
type sanctionModel struct {
	*durableModel
	values *modelValues // by kind and identity; empty: not in effect
	keys   []token.GuestKey
	clock  atomic.Int64 // of the sanctions, in Unix nanoseconds
	wrote  int          // publishers that tried to publish in slow mode
	stop   func()       // ends the watch of the process; nil before the first start
}

func newSanctionModel(d *durableModel) *sanctionModel {
	sm := &sanctionModel{durableModel: d, values: newModelValues(d.t, d.did)}
	sm.clock.Store(time.Now().UnixNano())
	return sm
}

// start loads the tables into a process that was started.
func (sm *sanctionModel) start() {
	sm.sessions.Moderation.Now = func() time.Time { return time.Unix(0, sm.clock.Load()) }
	ctx, cancel := context.WithCancel(context.Background())
	var owners sync.WaitGroup
	sm.stop = func() {
		cancel()
		owners.Wait()
	}
	table := sm.table(ctx, broker.SanctionTable)
	loadSanctions(ctx, ctx, &owners, table, sm.sessions.Sanctions)
	sm.values.settle(func(k modelKey, may []string) string {
		got := sm.read()[k]
		if !slices.Contains(may, got) {
			sm.t.Errorf("%v is %q after start %d, want one of %q", k, got, sm.starts, may)
		}
		return got
	})
	sm.check()
	sm.loadKeys(ctx)
}

// table opens a table, with faults.
func (sm *sanctionModel) table(ctx context.Context, name string) broker.Table {
	for {
		t, err := sm.node.Table(ctx, name)
		if err == nil {
			return t
		}
		if !errors.Is(err, broker.ErrUnavailable) {
			sm.t.Fatal(err)
		}
	}
}

// loadKeys loads the keys of guest tokens: they are those of the first start.
func (sm *sanctionModel) loadKeys(ctx context.Context) {
	var keys []token.GuestKey
	rotation := guestKeys{table: sm.table(ctx, broker.KeyTable), log: slog.New(slog.DiscardHandler), use: func(k []token.GuestKey) { keys = k }}
	for {
		err := rotation.update(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, broker.ErrUnavailable) {
			sm.t.Fatal(err)
		}
	}
	if sm.keys == nil {
		sm.keys = keys
	}
	if fmt.Sprint(keys) != fmt.Sprint(sm.keys) {
		sm.t.Errorf("start %d has other keys of guest tokens than the first one", sm.starts)
	}
}

// noon is a time before which no sanction of the model ends.
var noon = time.Now().Add(24 * time.Hour).Truncate(time.Hour)

// step imposes or lifts a sanction, and compares all.
func (sm *sanctionModel) step() {
	s, k := sm.any()
	if v := sm.values.keys[k]; v != nil && len(v.maybe) > 0 {
		return // the watch may report the change at any time
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	what, to, change := "imposed", shownSanction(&s), sm.sessions.Sanctions.Impose
	switch {
	case sm.random.IntN(3) == 0:
		what, to, change = "lifted", "", sm.sessions.Sanctions.Lift
	case s.Kind == chat.SanctionRevoke:
		to = mergedRevocation(sm.values.now(k), to)
	case s.Until.Before(time.Now()) && !s.Until.IsZero():
		what, to = "ended before it began", ""
	}
	proposed := sm.values.propose(map[modelKey]string{k: to})
	if err := change(ctx, s); err != nil {
		sm.did["sanction of unknown outcome"]++
		if !errors.Is(err, broker.ErrUnavailable) {
			sm.t.Errorf("%+v: %v", s, err)
		}
		proposed.ended(chat.RejectUnavailable, true)
		return
	}
	proposed.ended(nil, true)
	sm.did[what]++
	sm.check()
}

// any returns a random sanction and its identity.
func (sm *sanctionModel) any() (chat.Sanction, modelKey) {
	s := chat.Sanction{User: fmt.Sprint(sm.random.IntN(3))}
	if n := sm.random.IntN(5); n > 0 {
		s.Until = noon.Add(time.Duration(n) * time.Hour)
	}
	switch sm.random.IntN(4) {
	case 0, 1:
		s.Kind = []chat.SanctionKind{chat.SanctionBan, chat.SanctionMute}[sm.random.IntN(2)]
		s.Room = []string{"", "room0", "room1"}[sm.random.IntN(3)]
		s.Reason = []string{"", " spam", " 洗版"}[sm.random.IntN(3)]
		if sm.random.IntN(10) == 0 {
			s.Until = time.Now().Add(-time.Hour)
		}
	case 2:
		s = chat.Sanction{Kind: chat.SanctionSlowMode, Room: fmt.Sprint("room", sm.random.IntN(3)), Pause: time.Duration(1+sm.random.IntN(9)) * time.Second}
	default:
		s.Kind = chat.SanctionRevoke
		if s.Token = []string{"", "t1"}[sm.random.IntN(2)]; s.Token == "" {
			s.IssuedBefore = noon.Add(-time.Duration(sm.random.IntN(5)) * time.Hour)
		}
	}
	return s, modelKey{string(s.Kind), strings.Join([]string{s.User, s.Room, s.Token}, "/")}
}

// shownSanction returns what a sanction does, as text: its pause, or the time of a revocation, the end and the reason. A later time is a larger text.
func shownSanction(s *chat.Sanction) string {
	if s.Kind == chat.SanctionSlowMode {
		return fmt.Sprint(int64(s.Pause / time.Second))
	}
	if s.Kind == chat.SanctionRevoke {
		return shownTimes(seconds(s.IssuedBefore), seconds(s.Until))
	}
	return shownTimes(0, seconds(s.Until)) + s.Reason
}

func shownTimes(issuedBefore, until int64) string {
	if until == 0 {
		until = 1 << 40
	}
	return fmt.Sprintf("%015d %015d", issuedBefore, until)
}

// mergedRevocation returns the later times of two.
func mergedRevocation(a, b string) string {
	if a == "" {
		return b
	}
	return max(a[:15], b[:15]) + " " + max(a[16:], b[16:])
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// read returns the sanctions in effect.
func (sm *sanctionModel) read() map[modelKey]string {
	got := map[modelKey]string{}
	active := sm.sessions.Moderation.ActiveSanctions("", "")
	for _, b := range active.Bans {
		got[modelKey{string(chat.SanctionBan), b.User + "/" + b.Channel + "/"}] = shownTimes(0, b.Until) + b.Reason
	}
	for _, m := range active.Mutes {
		got[modelKey{string(chat.SanctionMute), m.User + "/" + m.Channel + "/"}] = shownTimes(0, m.Until) + m.Reason
	}
	for room, pause := range active.SlowMode {
		got[modelKey{string(chat.SanctionSlowMode), "/" + room + "/"}] = fmt.Sprint(pause)
	}
	for _, r := range active.Revocations {
		got[modelKey{string(chat.SanctionRevoke), r.User + "//" + r.ID}] = shownTimes(r.IssuedBefore, r.ExpireAt)
	}
	return got
}

// check compares the sanctions with the server, and what they deny.
func (sm *sanctionModel) check() {
	got := sm.read()
	unknown := false
	for k, v := range sm.values.keys {
		if unknown = unknown || len(v.maybe) > 0; len(v.maybe) == 0 && got[k] != v.is {
			sm.t.Errorf("%v is %q, want %q", k, got[k], v.is)
		}
		delete(got, k)
	}
	if len(got) > 0 {
		sm.t.Errorf("got %v, which nobody imposed", got)
	}
	if unknown {
		return
	}
	for _, room := range []string{"room0", "room1", "room2"} {
		sm.publishSlowly(room)
	}
	is := func(kind chat.SanctionKind, identity string) bool {
		return sm.values.now(modelKey{string(kind), identity}) != ""
	}
	for _, user := range []string{"0", "1", "2"} {
		for _, room := range []string{"room0", "room1", "room2"} {
			banned := is(chat.SanctionBan, user+"/"+room+"/") || is(chat.SanctionBan, user+"//")
			muted := is(chat.SanctionMute, user+"/"+room+"/") || is(chat.SanctionMute, user+"//")
			joins := !sm.sessions.Moderation.Denies(user, chat.ToSubscribe, room)
			publishes := !sm.sessions.Moderation.Denies(user, chat.ToPublish, room)
			if joins == banned || publishes == (banned || muted) {
				sm.t.Errorf("%s may join %s: %v, and publish: %v; banned %v, muted %v", user, room, joins, publishes, banned, muted)
			}
		}
		if got, want := sm.sessions.Moderation.IsRevoked(user, chat.TokenIdentity{ID: "t1", IssuedAt: noon}), is(chat.SanctionRevoke, user+"//t1"); got != want {
			sm.t.Errorf("the token t1 of %s is revoked: got %v, want %v", user, got, want)
		}
	}
}

// publishSlowly publishes in a room twice at one time: slow mode rejects the second publication until its time is over.
func (sm *sanctionModel) publishSlowly(room string) {
	pause := time.Duration(0)
	if v := sm.values.now(modelKey{string(chat.SanctionSlowMode), "/" + room + "/"}); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			sm.t.Fatal(err)
		}
		pause = time.Duration(n) * time.Second
	}
	sm.wrote++
	by := chat.Publisher{User: fmt.Sprint("writer ", sm.wrote)}
	publish := func(when string, want bool) {
		if _, ok := sm.sessions.Moderation.AllowInSlowMode(by, room); ok != want {
			sm.t.Errorf("%s with a pause of %v: a publication %s is allowed: %v, want %v", room, pause, when, ok, want)
		}
	}
	publish("for the first time", true)
	publish("at once", pause == 0)
	if pause == 0 {
		return
	}
	sm.did["waited in slow mode"]++
	sm.clock.Add(int64(pause) - 1)
	publish("too early", false)
	sm.clock.Add(1)
	publish("after the pause", true)
}

// bans reports whether a user is banned in a room. known is false if that depends on a change of unknown outcome.
func (sm *sanctionModel) bans(user, room string) (banned, known bool) {
	known = true
	for _, identity := range []string{user + "/" + room + "/", user + "//"} {
		k := modelKey{string(chat.SanctionBan), identity}
		banned = banned || sm.values.now(k) != ""
		if v := sm.values.keys[k]; v != nil && len(v.maybe) > 0 {
			known = false
		}
	}
	return banned && known, known
}

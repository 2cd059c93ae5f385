package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/dump"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/importing"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/timeline"
)

// archive is the log of durable chat rooms, with a hub that writes it.
type archive struct {
	t     *testing.T
	fake  *brokertest.Fake
	rooms []string
	cfg   Config
	hub   *session.Sessions
	node  broker.Engine
}

// archiveUsers are members of the rooms; the first one moderates them.
var archiveUsers = []string{"ann", "bob", "cat"}

func newArchive(t *testing.T) *archive {
	a := &archive{t: t, fake: brokertest.New(brokertest.Options{Seed: 1}), cfg: DefaultConfig()}
	for i, size := range []int{5, 20, 100} {
		o := chat.DefaultRoom()
		o.Pattern, o.HistorySize, o.HistoryTTL, o.Kind, o.Durable, o.Recovery = fmt.Sprint("room", i), size, time.Hour, chat.ChatRoom, true, true
		a.cfg.Rooms, a.rooms = append(a.cfg.Rooms, o), append(a.rooms, o.Pattern)
	}
	return a
}

// start starts a hub on the log. An earlier one ends.
func (a *archive) start() *archive {
	if a.node != nil {
		a.fake.Kill(a.node)
	}
	a.node = a.fake.Start("a")
	a.hub = newHub(a.cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1)
	a.hub.UseLog(home.Config{Engine: a.node, MaxBytes: 64 << 10, Retry: 1}, nil)
	a.fake.StepUntil(func() {
		if err := a.hub.Durable("").Open(a.t.Context()); err != nil {
			a.t.Error(err)
		}
	})
	return a
}

// withLog calls do with the log, which no hub writes meanwhile.
func (a *archive) withLog(do func(broker.Log) error) {
	a.t.Helper()
	if a.node != nil {
		a.fake.Kill(a.node)
	}
	a.node = a.fake.Start("dump")
	a.fake.StepUntil(func() {
		log, err := a.node.Open(a.t.Context(), 0)
		if err == nil {
			err = do(log)
		}
		if err != nil {
			a.t.Error(err)
		}
	})
}

// act does something at random.
func (a *archive) act(random *rand.Rand, n int) {
	room, user := a.rooms[random.IntN(len(a.rooms))], archiveUsers[random.IntN(len(archiveUsers))]
	by := &chat.ClientInfo{User: user, Client: "1", ConnInfo: json.RawMessage(`{"name":"N"}`)}
	done := func(chat.StreamPosition, *chat.Rejection) {} // rejections are part of it
	publish := func(format string, args ...any) {
		a.hub.ProposeTalk(a.hub.RoomRef(room), chat.Publication{Data: fmt.Appendf(nil, format, args...), Form: chat.FormJSON, Info: by}, chat.PublishOptions{}, done)
	}
	of := fmt.Sprint("m", max(0, n-1-random.IntN(30)))
	on := random.IntN(3) > 0
	switch random.IntN(12) {
	case 0:
		publish(`{"type":"edit","of":%q,"text":"edit %d","mentions":["cat"]}`, of, n)
	case 1:
		publish(`{"type":"delete","of":%q}`, of)
	case 2, 3:
		publish(`{"type":"reaction","of":%q,"emoji":"%d","on":%t}`, of, random.IntN(3), on)
	case 4:
		publish(`{"type":"pin","of":%q,"on":%t}`, of, on)
	case 5:
		publish(`{"id":"m%d","text":"reply %d","thread":%q,"reply_to":%q}`, n, n, of, of)
	case 6:
		_, at, _ := a.hub.Read(room, nil, 0, 0, false)
		a.hub.MarkRead(a.hub.RoomRef(room), by, 1+random.Uint64N(at.Offset+1), func(uint64, *chat.Rejection) {})
	case 7:
		change := chat.MemberChange{Room: room, Users: []string{fmt.Sprint("user ", random.IntN(5))}, Role: roster.Role(1 + random.IntN(3)), Add: on}
		if random.IntN(3) == 0 {
			change.Role = roster.None
		}
		a.hub.ChangeMembers(change, done)
	default:
		publish(`{"id":"m%d","text":"message %d %s","mentions":["bob"],"meta":{"n":%d}}`, n, n, strings.Repeat("x", random.IntN(100)), n)
	}
	if random.IntN(3) > 0 {
		return
	}
	a.fake.Settle()
	a.fake.StepUntil(func() {
		for a.hub.Durable("").Due() {
			a.hub.Durable("").Maintain(a.t.Context())
		}
	})
}

var epochOfPage = regexp.MustCompile(`"epoch":"\w+"`)

// state returns all that users see of the rooms, except for epochs.
func (a *archive) state() string {
	var b strings.Builder
	for _, room := range a.rooms {
		page := a.hub.ReadTimeline(room, timeline.Query{Viewer: "ann", Limit: timeline.MaxPage})
		fmt.Fprintf(&b, "%s: %s\n", room, epochOfPage.ReplaceAllString(string(page.AppendJSON(nil)), ""))
		pinned := a.hub.ReadTimeline(room, timeline.Query{Viewer: "bob", Pinned: true})
		fmt.Fprintf(&b, "%s pinned: %s\n", room, epochOfPage.ReplaceAllString(string(pinned.AppendJSON(nil)), ""))
		for _, user := range archiveUsers {
			u := a.hub.UnreadOf(room, user)
			fmt.Fprintf(&b, "%s %s: %d unread, %d mentions, %d\n", room, user, u.Messages, u.Mentions, u.Upto)
		}
		members, _ := a.hub.MembersOf(room, "", roster.Member, 1000)
		for _, m := range members {
			fmt.Fprintf(&b, "%s %s: %v\n", room, m.User, m.Role)
		}
		pubs, at, _ := a.hub.Read(room, nil, -1, 1<<20, false)
		for i := range pubs {
			fmt.Fprintf(&b, "%s %d: %s\n", room, pubs[i].Offset, pubs[i].Data)
		}
		fmt.Fprintf(&b, "%s is at %d\n", room, at.Offset)
	}
	return b.String()
}

// Chat rooms are the same after an export and an import: messages with what they became, also those whose records are removed from the log, threads,
// pins, read markers and members.
func TestChatRoomsAreTheSameAfterAnImport(t *testing.T) {
	t.Parallel()
	snapshots, markers, trims := 0, 0, 0.
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 5))
		from := newArchive(t).start()
		for _, room := range from.rooms {
			from.hub.ChangeMembers(chat.MemberChange{Room: room, Users: archiveUsers[:1], Role: roster.Owner, Add: true}, func(chat.StreamPosition, *chat.Rejection) {})
		}
		for n := range 1500 {
			from.act(random, n)
		}
		from.fake.Settle()
		trims += testutil.ToFloat64(from.hub.Metrics.Durable.Trims)
		var lines bytes.Buffer
		problem := func(p dump.Problem) { t.Errorf("seed %d: %v", seed, p) }
		from.withLog(func(log broker.Log) error {
			if rep, err := dump.Check(t.Context(), log, problem); err != nil || !rep.OK() {
				return fmt.Errorf("check: %+v, %w", rep, err)
			}
			_, err := dump.Export(t.Context(), log, &lines, problem)
			return err
		})
		to := newArchive(t)
		to.withLog(func(log broker.Log) error {
			_, err := dump.Import(t.Context(), []broker.Log{log}, nil, nil, bytes.NewReader(lines.Bytes()))
			return err
		})
		got, want := strings.Split(to.start().state(), "\n"), strings.Split(from.start().state(), "\n")
		for i, line := range want {
			if i >= len(got) || got[i] != line {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got[min(i, len(got)-1)], line)
			}
		}
		snapshots += strings.Count(lines.String(), `"key":"f/`)
		markers += strings.Count(lines.String(), `"key":"r/`)
		again := slices.ContainsFunc(want, func(line string) bool { return strings.Contains(line, "bob: ") && !strings.HasSuffix(line, " 0") })
		if !again {
			t.Errorf("seed %d: no read marker of bob counts", seed)
		}
	}
	if snapshots < 20 || markers < 20 || trims < 10 {
		t.Errorf("got %d messages and %d markers in the exports after %v trims, want many", snapshots, markers, trims)
	}
}

// An export of another server becomes chat rooms with the state of its messages: also with pins, whose users need not moderate the room.
func TestAnExportOfMattermostBecomesChatRooms(t *testing.T) {
	t.Parallel()
	in, err := os.Open("importing/testdata/mattermost.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var lines bytes.Buffer
	if _, err := importing.Mattermost(t.Context(), in, importing.Options{Public: "chat:", Private: "private:", Direct: "dialog", Users: importing.ByName}, &lines); err != nil {
		t.Fatal(err)
	}
	a := newArchive(t)
	for i, pattern := range []string{"chat:*", "private:*", "dialog#*"} {
		a.cfg.Rooms[i].Pattern, a.cfg.Rooms[i].HistorySize, a.cfg.Rooms[i].HistoryTTL = pattern, 100, chat.MaxHistoryTTL
	}
	a.withLog(func(log broker.Log) error {
		_, err := dump.Import(t.Context(), []broker.Log{log}, nil, nil, bytes.NewReader(lines.Bytes()))
		return err
	})
	a.start()
	var got []string
	for _, m := range a.hub.ReadTimeline("chat:acme/town-square", timeline.Query{Viewer: "ann"}).Messages {
		got = append(got, fmt.Sprintf("%s %q pinned=%t edited=%t replies=%d reactions=%d", m.User, m.Text, m.Pinned, m.Edited > 0, m.Replies, len(m.Reactions)))
	}
	want := []string{
		`ann "First" pinned=true edited=false replies=0 reactions=0`,
		`bob "Second: thanks @ann, and @carl.c. @here we go" pinned=false edited=true replies=2 reactions=2`,
		`ann "You are welcome" pinned=false edited=false replies=0 reactions=1`,
		`deploy "1.2 is live" pinned=false edited=false replies=0 reactions=0`,
		`carl.c "data/2026/plan.png" pinned=false edited=false replies=0 reactions=0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if page, _ := a.hub.RoomsOf("bob", "", 10, 1<<20); len(page) != 3 || page[1].Channel != "dialog#ann,bob" {
		t.Errorf("got the rooms %+v of bob, want the channel, the direct room and the group", page)
	}
}

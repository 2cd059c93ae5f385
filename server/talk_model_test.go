package server

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	talkSeeds = 200
	talkSteps = 400 // of one seed; THRONG_MODEL_STEPS changes it, and takes other seeds in each run
)

// The model of chat rooms: random messages, changes, roles and read markers of random users, joins, cuts, evictions, and with durable rooms kills and
// restarts. What each client folds from the timeline that it read, and from the publications that it received and recovered, is the timeline of
// the server. Roles and markers are those that were acknowledged last, and the roles decide who may change what.
func TestEachClientHasTheTimelineOfTheServer(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*testing.T, uint64, map[string]int) *recoveryModel{"memory": newTalkModel, "durable": newDurableTalkModel} {
		t.Run(name, func(t *testing.T) {
			steps, set := stepsOf(talkSteps)
			first, seeds := modelSeeds(t, talkSeeds, set)
			did := map[string]int{}
			for i := range uint64(seeds) {
				runTalkModel(t, run(t, first+i, did), steps)
				if t.Failed() {
					t.Fatalf("seed %d", first+i)
				}
			}
			checkCases(t, did, seeds, talkSeeds, talkCases(name))
		})
	}
}

func runTalkModel(t *testing.T, m *recoveryModel, steps int) {
	for range steps {
		m.talk.step()
		if t.Failed() {
			return
		}
	}
	m.talk.end()
}

// talkCases returns the cases that the models must reach.
func talkCases(name string) []string {
	cases := []string{
		"message", "edit", "delete", "reaction", "pin", "rejected", "repeated", "no effect", "redacted", "compared", "recovered", "came", "told that it missed something",
		"denied", "role", "role denied", "role kept", "room deleted", "direct", "read", "read before", "read too far",
	}
	if name == "durable" {
		cases = append(cases, "restarted", "killed", "failed", "trimmed", "waited", "recovered over a restart", "value of unknown outcome")
	}
	return cases
}

// talkModel is the part of a recovery model that chat rooms need.
type talkModel struct {
	*recoveryModel
	folds   map[*modelClient]map[string]*talkFold
	ids     map[string][]talkID // the newest IDs of each room
	wrote   map[string]bool     // messages that were accepted: room, ID and author. An ID that the room forgot may get another author
	acked   map[string]chat.StreamPosition
	deleted map[string]bool // texts that no publication may have: by room and text
	texts   map[string][]string
	saved   map[string][]timeline.View // before a restart, by room
	people  *talkPeople
	deletes map[string]int // deletions that are proposed, by room and ID
}

// talkID is a message that a client may refer to.
type talkID struct{ id, user string }

func talkRooms(durable bool) (cfg Config) {
	cfg = DefaultConfig()
	cfg.MaxRooms = 10
	cfg.HistoryBytes = 120*(chat.PublicationOverhead+500) + 5*chat.HistoryOverhead
	cfg.UserRooms = "#"
	sizes := []int{1, 2, 5, 30, 100}
	if durable {
		sizes = sizes[:3]
	}
	for i, size := range sizes {
		cfg.Rooms = append(cfg.Rooms, talkRoom(fmt.Sprint("room", i), size, durable))
	}
	cfg.Rooms = append(cfg.Rooms, talkRoom(directRoom, 4, durable))
	return cfg
}

// directRoom is a direct room: its users are members with their first message.
const directRoom = "dialog#0,1"

func talkRoom(pattern string, size int, durable bool) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery, o.Kind, o.Durable = pattern, size, 20*time.Second, true, chat.ChatRoom, durable
	return o
}

func newTalkModel(t *testing.T, seed uint64, did map[string]int) *recoveryModel {
	cfg := talkRooms(false)
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 2)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout)
	m := modelOf(t, rand.New(rand.NewPCG(seed, 3)), h)
	m.did = did
	for _, o := range cfg.Rooms {
		m.names = append(m.names, o.Pattern)
	}
	m.withTalk()
	m.connectAll()
	return m
}

func newDurableTalkModel(t *testing.T, seed uint64, did map[string]int) *recoveryModel {
	d := &durableModel{
		cfg: talkRooms(true), fake: brokertest.New(brokertest.Options{Seed: seed}), maxBytes: 16 << 10,
		texts: map[chat.StreamPosition]string{}, acked: map[string]chat.StreamPosition{}, keys: map[string]ackedKey{}, tried: map[string]wheel.Tick{},
		left: map[*modelClient]map[string]int{},
	}
	if seed%2 == 0 { // no evictions: a restart finds all messages again
		d.cfg.HistoryBytes, d.maxBytes = 1<<20, 64<<10
	}
	m := modelOf(t, rand.New(rand.NewPCG(seed, 4)), nil)
	m.durable, m.did, d.recoveryModel = d, did, m
	for _, o := range d.cfg.Rooms {
		m.names = append(m.names, o.Pattern)
	}
	m.withTalk()
	d.start()
	return m
}

func (m *recoveryModel) withTalk() {
	m.talk = &talkModel{
		recoveryModel: m, folds: map[*modelClient]map[string]*talkFold{}, ids: map[string][]talkID{}, wrote: map[string]bool{},
		acked: map[string]chat.StreamPosition{}, deleted: map[string]bool{}, texts: map[string][]string{}, deletes: map[string]int{},
	}
	m.talk.people = newTalkPeople(m.talk)
}

func (tm *talkModel) step() {
	switch name := tm.names[tm.random.IntN(len(tm.names))]; tm.random.IntN(12) {
	case 0:
		tm.compare(tm.clients[tm.random.IntN(len(tm.clients))], name)
	case 1:
		tm.checkDeleted(name)
	case 2:
		tm.people.step(name)
	default:
		tm.recoveryModel.step()
	}
}

// end delivers all, and compares all.
func (tm *talkModel) end() {
	if tm.durable != nil {
		tm.durable.faults(brokertest.Faults{})
		tm.durable.restart(true)
	}
	for _, s := range tm.sessions.Shards {
		tm.work(s, len(s.Inbox))
	}
	for _, name := range tm.names {
		for _, c := range tm.clients {
			tm.compare(c, name)
		}
		tm.checkDeleted(name)
		tm.people.check(name)
	}
}

// stopping notes what a restart must find again. A nil model does nothing.
func (tm *talkModel) stopping() {
	if tm == nil {
		return
	}
	tm.saved = map[string][]timeline.View{}
	for _, room := range tm.names {
		tm.saved[room] = tm.all(room)
	}
}

// started checks that the rooms have their messages again. They may have older ones, which were evicted.
func (tm *talkModel) started() {
	if tm == nil {
		return
	}
	tm.deletes = map[string]int{}
	tm.people.restarted()
	_, bytes, evicted := tm.sessions.HistoryBudget.Counts()
	for room, saved := range tm.saved {
		list := tm.all(room)
		found := map[string]*timeline.View{}
		for i := range list {
			found[list[i].ID] = &list[i]
		}
		for i := range saved {
			want := shown(&saved[i])
			switch got := found[saved[i].ID]; {
			case got == nil && evicted > 0: // the histories of all rooms exceeded their budget
			case got == nil:
				tm.t.Errorf("%s: after a restart, with %d bytes in the histories: lost %s", room, bytes, want)
			case shown(got) != want:
				tm.t.Errorf("%s: after a restart: got\n%s, want\n%s", room, shown(got), want)
			default:
				tm.did["kept over a restart"]++
			}
		}
	}
	tm.saved = nil
}

// reopened notes that the log was replayed after a failure. A nil model does nothing.
func (tm *talkModel) reopened() {
	if tm != nil {
		tm.people.reopened()
	}
}

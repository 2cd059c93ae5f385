package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	talkSeeds = 200
	talkSteps = 400 // of one seed; THRONG_MODEL_STEPS changes it, and takes other seeds in each run
)

// The model of chat rooms: random messages and changes by random users, joins, cuts, evictions, and with durable rooms kills and restarts. What
// each client folds from the timeline that it read, and from the publications that it received and recovered, is the timeline of the server.
func TestEachClientHasTheTimelineOfTheServer(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*testing.T, uint64, map[string]int) *recoveryModel{"memory": newTalkModel, "durable": newDurableTalkModel} {
		t.Run(name, func(t *testing.T) {
			first, steps := uint64(1), talkSteps
			if n, err := strconv.Atoi(os.Getenv("THRONG_MODEL_STEPS")); err == nil {
				first, steps = uint64(time.Now().UnixNano()), n
			}
			did := map[string]int{}
			for i := range uint64(talkSeeds) {
				seed := first + i
				if i == 0 {
					seed = 1795976796056482440 // a replay gave a message the replies of an older one with its ID
				}
				m := run(t, seed, did)
				for range steps {
					m.talk.step()
					if t.Failed() {
						t.Fatalf("seed %d", seed)
					}
				}
				m.talk.end()
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			checkTalkDid(t, name, did)
		})
	}
}

// checkTalkDid fails the test if the models never reached a case: then they prove nothing about it.
func checkTalkDid(t *testing.T, name string, did map[string]int) {
	cases := []string{
		"message", "edit", "delete", "reaction", "pin", "rejected", "repeated", "no effect", "redacted", "compared", "recovered", "came", "told that it missed something",
	}
	if name == "durable" {
		cases = append(cases, "restarted", "killed", "failed", "trimmed", "waited", "recovered over a restart")
	}
	for _, what := range cases {
		if did[what] < talkSeeds/5 {
			t.Errorf("only %d times: %s", did[what], what)
		}
	}
	t.Log(did)
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
}

// talkID is a message that a client may refer to.
type talkID struct{ id, user string }

func talkRooms(durable bool) (cfg Config) {
	cfg = DefaultConfig()
	cfg.MaxRooms = 10
	cfg.HistoryBytes = 120*(chat.PublicationOverhead+500) + 5*chat.HistoryOverhead
	for i, size := range []int{1, 2, 5, 30, 100} {
		o := chat.DefaultRoom()
		o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery, o.Kind, o.Durable = fmt.Sprint("room", i), size, 20*time.Second, true, chat.ChatRoom, durable
		cfg.Rooms = append(cfg.Rooms, o)
	}
	return cfg
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
	d.cfg.Rooms = d.cfg.Rooms[:3]
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
		acked: map[string]chat.StreamPosition{}, deleted: map[string]bool{}, texts: map[string][]string{},
	}
}

func (tm *talkModel) step() {
	switch name := tm.names[tm.random.IntN(len(tm.names))]; tm.random.IntN(10) {
	case 0:
		tm.compare(tm.clients[tm.random.IntN(len(tm.clients))], name)
	case 1:
		tm.checkDeleted(name)
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

// publish publishes a random message or change by a random user.
func (tm *talkModel) publish(room string) {
	user := fmt.Sprint(tm.random.IntN(4))
	text := fmt.Sprint("text ", tm.said)
	data := map[string]any{}
	of := tm.target(room)
	kind, id := "message", of.id
	if of.user != "" && tm.random.IntN(3) > 0 {
		user = of.user
	}
	switch n := tm.random.IntN(100); {
	case n < 35:
		id = fmt.Sprint("id", tm.said)
		if tm.random.IntN(8) == 0 && of.id != "" {
			id = of.id // again, or that of another user
		}
		data["id"], data["text"] = id, text
		switch to := tm.target(room).id; tm.random.IntN(6) {
		case 0:
			data["thread"] = to
		case 1:
			data["reply_to"] = to
		case 2:
			data["mentions"] = []string{"1", "2"}
		case 3:
			data["meta"] = map[string]any{"a": tm.said}
		}
	case n < 55:
		kind, data["type"], data["of"], data["text"] = "edit", "edit", id, text
	case n < 65:
		kind, data["type"], data["of"] = "delete", "delete", id
	case n < 95:
		kind, data["type"], data["of"], data["emoji"], data["on"] = "reaction", "reaction", id, fmt.Sprint("e", tm.random.IntN(3)), tm.random.IntN(3) > 0
	default:
		kind, data["type"], data["of"], data["on"] = "pin", "pin", id, tm.random.IntN(2) == 0
	}
	tm.send(room, kind, id, text, data, user)
	if tm.random.IntN(20) == 0 {
		tm.send(room, kind, id, text, data, user)
	}
}

// target returns a message that was published in a room, perhaps one that is gone.
func (tm *talkModel) target(room string) talkID {
	if tm.random.IntN(4) > 0 {
		if list := tm.sessions.ReadTimeline(room, timeline.Query{}).Messages; len(list) > 0 {
			v := &list[tm.random.IntN(len(list))]
			return talkID{v.ID, v.User}
		}
	}
	ids := tm.ids[room]
	if len(ids) == 0 {
		return talkID{}
	}
	n := min(len(ids), 1+tm.random.IntN(30))
	return ids[len(ids)-1-tm.random.IntN(n)]
}

func (tm *talkModel) send(room, kind, id, text string, data map[string]any, user string) {
	encoded, _ := json.Marshal(data)
	pub, _ := session.PublicationOf(encoded)
	pub.Info = &chat.ClientInfo{User: user, Client: "c" + user}
	if kind == "pin" || tm.random.IntN(20) == 0 {
		pub.Info = nil // the application
		user = ""
	}
	key := room + " " + id
	in := tm.sessions.RoomRef(room)
	known := tm.stands(room, id)
	published, texts := false, tm.texts[key]
	done := func(at chat.StreamPosition, e *chat.Rejection) {
		switch {
		case e != nil && e.Cause == chat.CauseUnavailable:
			tm.did["unavailable"]++
			delete(tm.acked, key) // it may be stored all the same
			return
		case e != nil:
			tm.did["rejected"]++
			return
		case kind == "message" && known && !published:
			tm.did["repeated"]++
			if first := tm.acked[key]; first != (chat.StreamPosition{}) && first != at {
				tm.t.Errorf("%s: acknowledged at %v, and before at %v", key, at, first)
			}
		case kind == "message" && !published:
			tm.did["waited"]++
			return
		case !published:
			tm.did["no effect"]++
			return
		}
		tm.did[kind]++
		switch kind {
		case "message":
			tm.acked[key] = at
		case "delete":
			for _, text := range texts {
				tm.deleted[room+" "+text] = true
			}
		}
	}
	note := func() {
		published = true
		switch kind {
		case "message":
			delete(tm.acked, key) // of a message that the room forgot; a kill may lose the acknowledgement of this one
			tm.ids[room] = append(tm.ids[room], talkID{id, user})
			tm.wrote[key+" "+user] = true
			tm.texts[key] = []string{text}
		case "edit":
			tm.texts[key] = append(tm.texts[key], text)
			fallthrough
		case "delete":
			if user != "" && !tm.wrote[key+" "+user] {
				tm.t.Errorf("%s of %s by %q was accepted, who did not write it", kind, key, user)
			}
		}
	}
	if tm.durable != nil {
		r := tm.sessions.ProposeTalk(in, pub, chat.PublishOptions{}, done)
		if r != nil {
			note()
		}
		return
	}
	r, at, e := tm.sessions.PublishTalk(in, pub, chat.PublishOptions{})
	if r != nil {
		note()
	}
	done(at, e)
}

// stands reports whether the timeline has a message.
func (tm *talkModel) stands(room, id string) bool { return tm.sessions.FindMessage(room, id) != 0 }

func (tm *talkModel) redact(what chat.Redaction) {
	if tm.durable != nil {
		tm.sessions.ProposeRedaction(what, nil, func(_ chat.StreamPosition, e *chat.Rejection) {
			if e == nil {
				tm.did["redacted"]++
			}
		})
		return
	}
	if in, _ := tm.sessions.Redact(what, nil); in != nil {
		tm.did["redacted"]++
	}
}

// checkDeleted checks that the content of deleted messages is neither in the history nor in the timeline.
func (tm *talkModel) checkDeleted(room string) {
	pubs, _, _ := tm.sessions.Read(room, nil, -1, 1<<20, false)
	for i := range pubs {
		var data struct{ Text string }
		if json.Unmarshal(pubs[i].Data, &data) == nil && tm.deleted[room+" "+data.Text] {
			tm.t.Errorf("%s: offset %d has the text %q of a deleted message", room, pubs[i].Offset, data.Text)
		}
	}
	for _, v := range tm.all(room) {
		if tm.deleted[room+" "+v.Text] {
			tm.t.Errorf("%s: the timeline has the text %q of a deleted message", room, v.Text)
		}
	}
}

// all returns the whole timeline of a room, by pages.
func (tm *talkModel) all(room string) (list []timeline.View) {
	q := timeline.Query{Direction: timeline.After, Limit: 1 + tm.random.IntN(20)}
	for {
		p := tm.sessions.ReadTimeline(room, q)
		list = append(list, p.Messages...)
		if !p.More {
			return list
		}
		q.At = list[len(list)-1].Offset
	}
}

// talkFold is what a client knows of a room.
type talkFold struct {
	from     uint64 // offset of the oldest message that the server had
	upto     uint64 // offset of the last publication in the messages
	messages map[string]*timeline.View
}

// load makes a client read the timeline. A nil model does nothing.
func (tm *talkModel) load(c *modelClient, room string) {
	if tm == nil {
		return
	}
	f := &talkFold{messages: map[string]*timeline.View{}}
	f.upto = tm.sessions.ReadTimeline(room, timeline.Query{Limit: 1}).Position
	f.from = f.upto + 1
	for _, v := range tm.all(room) {
		f.messages[v.ID] = &v
		f.from = min(f.from, v.Offset)
	}
	if tm.folds[c] == nil {
		tm.folds[c] = map[string]*talkFold{}
	}
	tm.folds[c][room] = f
}

// hear folds a publication that a client received or recovered, by the rules of CHAT.md.
func (tm *talkModel) hear(c *modelClient, room string, p *chat.Publication) {
	f := tm.folds[c][room]
	if f == nil || p.Offset <= f.upto {
		return
	}
	f.upto = p.Offset
	var data struct {
		Type, ID, Of, Text, Emoji string
		On, Deleted, Redacted     bool
		ReplyTo                   string `json:"reply_to"`
		Thread                    string
		Mentions                  []string
		Meta                      json.RawMessage
	}
	if err := json.Unmarshal(p.Data, &data); err != nil {
		tm.t.Errorf("%s: offset %d: %s: %v", room, p.Offset, p.Data, err)
		return
	}
	user := ""
	if p.Info != nil {
		user = p.Info.User
	}
	if data.Type == "" {
		f.add(&timeline.View{
			Offset: p.Offset, UnixMilli: p.UnixMilli, ID: data.ID, User: user, Text: data.Text, Deleted: data.Deleted, ReplyTo: data.ReplyTo, Thread: data.Thread,
			Mentions: data.Mentions, Meta: data.Meta,
		})
		return
	}
	m := f.messages[data.Of]
	if m == nil || m.Deleted || data.Redacted {
		return
	}
	switch data.Type {
	case "edit":
		m.Text, m.Edited = data.Text, p.UnixMilli
		if data.Mentions != nil {
			m.Mentions = data.Mentions
		}
	case "delete":
		m.Deleted, m.Text, m.Edited, m.Pinned, m.Mentions, m.Meta, m.Reactions = true, "", 0, false, nil, nil, nil
	case "pin":
		m.Pinned = data.On
	case "reaction":
		react(m, data.Emoji, data.On)
	}
}

func (f *talkFold) add(m *timeline.View) {
	f.messages[m.ID] = m
	if root := f.messages[m.Thread]; root != nil && m.Thread != "" {
		root.Replies++
		root.LastReply = m.Offset
	}
}

// react counts a reaction: each that is published has an effect.
func react(m *timeline.View, emoji string, on bool) {
	i := slices.IndexFunc(m.Reactions, func(r timeline.EmojiCount) bool { return r.Emoji == emoji })
	if i < 0 {
		m.Reactions = append(m.Reactions, timeline.EmojiCount{Emoji: emoji})
		i = len(m.Reactions) - 1
	}
	if on {
		m.Reactions[i].Count++
	} else if m.Reactions[i].Count--; m.Reactions[i].Count <= 0 {
		m.Reactions = slices.Delete(m.Reactions, i, i+1)
	}
}

// compare compares what a client knows of a room with the server, if the client has received all.
func (tm *talkModel) compare(c *modelClient, room string) {
	f := tm.folds[c][room]
	q := tm.sessions.ReadTimeline(room, timeline.Query{Limit: 1, Direction: timeline.After})
	if place := c.places[room]; f == nil || place.Epoch != q.Epoch || place.Offset != q.Position || f.upto > place.Offset {
		return
	}
	tm.did["compared"]++
	left := maps.Clone(f.messages)
	list := tm.all(room)
	for i := range list {
		if list[i].Offset < f.from {
			continue // evicted before the client came; a restart has it again
		}
		want, got := shown(&list[i]), "nothing"
		if m := left[list[i].ID]; m != nil {
			got = shown(m)
		}
		if got != want {
			tm.t.Errorf("%s at %v: a client has\n%s, the server\n%s", room, c.places[room], got, want)
			return
		}
		delete(left, list[i].ID)
	}
	for _, m := range left {
		if len(list) > 0 && m.Offset >= list[0].Offset {
			tm.t.Errorf("%s at %v: a client has %s, which the server does not have", room, c.places[room], shown(m))
		}
	}
}

// shown returns a message as text, to compare it.
func shown(m *timeline.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s by %q at %d: %q edited %d deleted %v pinned %v reply to %q in %q mentions %v meta %s replies %d last %d", m.Offset, m.ID, m.User,
		m.UnixMilli, m.Text, m.Edited, m.Deleted, m.Pinned, m.ReplyTo, m.Thread, m.Mentions, m.Meta, m.Replies, m.LastReply)
	for _, r := range slices.SortedFunc(slices.Values(m.Reactions), func(a, b timeline.EmojiCount) int { return strings.Compare(a.Emoji, b.Emoji) }) {
		fmt.Fprintf(&b, " %s×%d", r.Emoji, r.Count)
	}
	return b.String()
}

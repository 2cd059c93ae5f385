package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/timeline"
)

// What the clients of the model of chat rooms know, and its comparison with the server.

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

// hear folds a publication that a client received or recovered, by the rules of docs/chat.md.
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

package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/timeline"
)

// clusterTalks is the part of the model of a cluster with chat rooms.
type clusterTalks struct {
	model   *clusterModel
	folds   map[*modelClient]map[string]*talkFold
	deleted map[string]bool     // texts that no publication may have: by room and text
	texts   map[string][]string // that were sent, by room and ID
	ids     map[string][]talkID // by room
	upto    map[string]uint64   // acknowledged markers, by room and user
	epochs  map[string]string   // of upto
}

func newClusterTalks(m *clusterModel) *clusterTalks {
	return &clusterTalks{
		model: m, folds: map[*modelClient]map[string]*talkFold{}, deleted: map[string]bool{}, texts: map[string][]string{}, ids: map[string][]talkID{},
		upto: map[string]uint64{}, epochs: map[string]string{},
	}
}

func isTalk(room string) bool { return strings.HasPrefix(room, "talk") }

// on returns the model of chat rooms on a node. Its clients are those of all nodes.
func (ct *clusterTalks) on(s *session.Sessions) *talkModel {
	m := ct.model
	return &talkModel{recoveryModel: &recoveryModel{t: m.t, random: m.random, sessions: s, did: m.did}, folds: ct.folds, deleted: ct.deleted}
}

// publish publishes a message or a change by the user of a client.
func (ct *clusterTalks) publish(c *clusterClient, room string) {
	m := ct.model
	kind, text, data := "message", fmt.Sprint("text", m.said), map[string]any{}
	of := talkID{id: fmt.Sprint("id", m.said), user: c.name}
	if ids, n := ct.ids[room], m.random.IntN(100); len(ids) > 0 && n >= 40 {
		of = ids[len(ids)-1-m.random.IntN(min(len(ids), 8))]
		switch {
		case n < 60:
			kind, data["text"] = "edit", text
		case n < 70:
			kind = "delete"
		default:
			kind, data["emoji"], data["on"] = "reaction", fmt.Sprint("e", m.random.IntN(3)), m.random.IntN(3) > 0
		}
		data["type"], data["of"] = kind, of.id
	} else {
		data["id"], data["text"] = of.id, text
		ct.ids[room] = append(ids, of)
	}
	key := room + " " + of.id
	if data["text"] != nil {
		ct.texts[key] = append(ct.texts[key], text)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	pub, _ := session.PublicationOf(encoded)
	pub.Info = c.session.Info()
	conn := c.conn
	conn.open++
	m.propose(conn.node, room, pub, chat.PublishOptions{}, func(_ chat.StreamPosition, e *chat.Rejection) {
		conn.open--
		switch {
		case e != nil && kind != "reaction" && kind != "message" && of.user != c.name && e.Cause != chat.CauseDenied && e.Cause != chat.CauseInvalid && e.Cause != chat.CauseUnavailable:
			m.t.Errorf("%s of %s by %s: %+v", kind, key, c.name, e)
		case e != nil:
			return
		}
		m.did[kind]++
		if kind != "delete" || !isDurable(room) { // a room in memory may lose a deletion with its owner
			return
		}
		for _, text := range ct.texts[key] {
			ct.deleted[room+" "+text] = true
		}
	})
}

// people changes the role of a user or a read marker.
func (ct *clusterTalks) people(c *clusterClient, room *chat.RoomOptions) {
	m := ct.model
	if !isTalk(room.Pattern) || c.conn == nil {
		return
	}
	h := c.conn.node.sessions
	if m.random.IntN(2) == 0 {
		change := chat.MemberChange{Room: room.Pattern, Users: []string{c.name}, Role: roster.Role(m.random.IntN(4)), Add: m.random.IntN(2) == 0}
		if change.Role == roster.None {
			change.Add = false
		}
		h.ChangeMembers(change, func(_ chat.StreamPosition, e *chat.Rejection) {
			m.result(func() {
				if e == nil {
					m.did["role"]++
				}
			})
		})
		return
	}
	page := h.ReadTimeline(room.Pattern, timeline.Query{Limit: 1})
	if page.Position == 0 {
		return
	}
	h.MarkRead(h.RoomRef(room.Pattern), c.session.Info(), 1+m.random.Uint64N(page.Position), func(upto uint64, e *chat.Rejection) {
		m.result(func() {
			if e == nil {
				m.did["read"]++
				isHere := h.ReadTimeline(room.Pattern, timeline.Query{Limit: 1}).Epoch == page.Epoch && h.UnreadOf(room.Pattern, c.name).Upto >= upto
				if !room.Durable && !isHere {
					return // the room in memory has another owner since the request: the marker is one of its epoch
				}
				key := room.Pattern + " " + c.name
				if ct.epochs[key] != page.Epoch { // a room in memory may lose a marker with its owner
					ct.upto[key], ct.epochs[key] = 0, page.Epoch
				}
				ct.upto[key] = max(ct.upto[key], upto)
			}
		})
	})
}

// compare compares the timelines of the nodes, their members and markers, and what the clients know.
func (ct *clusterTalks) compare(room string) {
	m := ct.model
	var first []string
	for i, n := range m.nodes {
		list := ct.shown(n, room)
		if i == 0 {
			first = list
		} else if !slices.Equal(first, list) {
			m.t.Errorf("%s: node %s has\n%s\nnode %s has\n%s", room, m.nodes[0].name, strings.Join(first, "\n"), n.name, strings.Join(list, "\n"))
		}
		n.talk.checkDeleted(room)
	}
	for _, c := range m.clients {
		c.conn.node.talk.compare(c.modelClient, room)
	}
}

// shown returns what a node has of a room.
func (ct *clusterTalks) shown(n *clusterNode, room string) (list []string) {
	for _, v := range n.talk.all(room) {
		list = append(list, shown(&v))
	}
	members, _ := n.sessions.MembersOf(room, "", roster.Member, 100)
	list = append(list, fmt.Sprint(members))
	_, at, _ := n.sessions.Read(room, nil, 0, 1<<20, false)
	for _, c := range ct.model.clients {
		u := n.sessions.UnreadOf(room, c.name)
		list = append(list, fmt.Sprint(u.Upto, u.Messages, u.Mentions))
		if key := room + " " + c.name; u.Upto < ct.upto[key] && ct.epochs[key] == at.Epoch {
			ct.model.t.Errorf("%s: %s has read up to %d, want %d at least", room, c.name, u.Upto, ct.upto[key])
		}
	}
	return list
}

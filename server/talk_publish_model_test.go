package server

import (
	"encoding/json"
	"fmt"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/timeline"
)

// Publications of the model of chat rooms.

// publish publishes a random message or change by a random user.
func (tm *talkModel) publish(room string) {
	user := tm.people.user(room)
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
	if tm.random.IntN(20) == 0 || kind == "pin" && tm.random.IntN(2) == 0 {
		pub.Info = nil // the application
		user = ""
	}
	s := &talkSending{
		talkModel: tm, room: room, kind: kind, id: id, key: room + " " + id, user: user, text: text,
		known: tm.stands(room, id), want: tm.wants(room, kind, id, user), texts: tm.texts[room+" "+id], first: tm.acked[room+" "+id],
	}
	in := tm.sessions.RoomRef(room)
	if tm.durable != nil {
		if r := tm.sessions.ProposeTalk(in, pub, chat.PublishOptions{}, s.done); r != nil {
			s.note()
		}
		return
	}
	r, at, e := tm.sessions.PublishTalk(in, pub, chat.PublishOptions{})
	if r != nil {
		s.note()
	}
	s.done(at, e)
}

// wants returns what must become of a change of a message: "" for any, as far as the model knows.
func (tm *talkModel) wants(room, kind, id, user string) string {
	v, ok := tm.sessions.MessageAt(room, tm.sessions.FindMessage(room, id), "")
	if !ok || kind == "message" || tm.deletes[room+" "+id] > 0 {
		return ""
	}
	moderates := user == "" || tm.people.moderates(room, user)
	may := false
	switch kind {
	case "edit", "delete":
		may = moderates || v.User == user
	case "pin":
		may = moderates || room == directRoom
	case "reaction":
		may = user != ""
	}
	if may && (!v.Deleted || kind == "delete") {
		return "done"
	}
	return "denied"
}

// talkSending is a publication on its way.
type talkSending struct {
	*talkModel
	room, kind, id, key, user, text string

	known     bool                // the room has the message
	want      string              // what must become of it: talkModel.wants
	published bool                // it is accepted
	texts     []string            // of the message before
	first     chat.StreamPosition // that was acknowledged for a message with the ID before
	joins     *modelChange
}

// note notes that it is accepted.
func (ts *talkSending) note() {
	ts.published = true
	ts.joins = ts.people.joined(ts.room)
	switch ts.kind {
	case "message":
		delete(ts.acked, ts.key) // of a message that the room forgot; a kill may lose the acknowledgement of this one
		ts.ids[ts.room] = append(ts.ids[ts.room], talkID{ts.id, ts.user})
		ts.wrote[ts.key+" "+ts.user] = true
		ts.talkModel.texts[ts.key] = []string{ts.text}
		return
	case "edit":
		ts.talkModel.texts[ts.key] = append(ts.talkModel.texts[ts.key], ts.text)
	case "delete":
		ts.deletes[ts.key]++
	default:
		return
	}
	if ts.user != "" && !ts.wrote[ts.key+" "+ts.user] && !ts.people.moderates(ts.room, ts.user) {
		ts.t.Errorf("%s of %s by %q was accepted, who did not write it and does not moderate", ts.kind, ts.key, ts.user)
	}
}

// done is its end.
func (ts *talkSending) done(at chat.StreamPosition, e *chat.Rejection) {
	ts.joins.ended(e, ts.published)
	if ts.published && ts.kind == "delete" {
		ts.deletes[ts.key]--
	}
	switch {
	case e != nil && e.Cause == chat.CauseUnavailable:
		ts.did["unavailable"]++
		delete(ts.acked, ts.key) // it may be stored all the same
		return
	case e != nil:
		ts.did["rejected"]++
		if ts.want == "done" {
			ts.t.Errorf("%s of %s by %q was rejected: %v", ts.kind, ts.key, ts.user, e)
		}
		if ts.want == "denied" && e.Cause == chat.CauseDenied {
			ts.did["denied"]++
		}
		return
	case ts.want == "denied":
		ts.t.Errorf("%s of %s by %q was accepted", ts.kind, ts.key, ts.user)
	}
	switch {
	case ts.kind == "message" && ts.known && !ts.published:
		ts.did["repeated"]++
		if ts.first != (chat.StreamPosition{}) && ts.first != at {
			ts.t.Errorf("%s: acknowledged at %v, and before at %v", ts.key, at, ts.first)
		}
		return
	case ts.kind == "message" && !ts.published:
		ts.did["waited"]++
		return
	case !ts.published:
		ts.did["no effect"]++
		return
	}
	ts.did[ts.kind]++
	switch ts.kind {
	case "message":
		ts.acked[ts.key] = at
	case "delete":
		for _, text := range ts.texts {
			ts.deleted[ts.room+" "+text] = true
		}
	}
}

// stands reports whether the timeline has a message.
func (tm *talkModel) stands(room, id string) bool { return tm.sessions.FindMessage(room, id) != 0 }

func (tm *talkModel) redact(what chat.Redaction) {
	if tm.durable == nil {
		if in, _ := tm.sessions.Redact(what, nil); in != nil {
			tm.people.joined(what.Channel).ended(nil, true)
			tm.did["redacted"]++
		}
		return
	}
	v, _ := tm.sessions.MessageAt(what.Channel, what.Offset, "")
	key, proposed := what.Channel+" "+v.ID, false
	var joins *modelChange
	if r := tm.sessions.ProposeRedaction(what, nil, nil, func(_ chat.StreamPosition, e *chat.Rejection) {
		joins.ended(e, proposed)
		if e == nil {
			tm.did["redacted"]++
		}
		if proposed {
			tm.deletes[key]--
		}
	}); r != nil {
		proposed, joins = true, tm.people.joined(what.Channel)
		tm.deletes[key]++
	}
}

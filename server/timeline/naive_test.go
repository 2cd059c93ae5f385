package timeline

import (
	"encoding/json"
	"slices"
)

// delivery is a publication as a client receives it.
type delivery struct {
	offset uint64
	time   int64
	user   string
	client string
	data   []byte
}

// naive is the fold of a client, as docs/chat.md describes it, with the users of all reactions. It shares no code with the timeline.
type naive struct {
	direct   bool // a message without a user counts as read
	messages []*naiveMessage
}

type naiveMessage struct {
	id, user, client, text, replyTo, thread string
	offset                                  uint64
	time, edited                            int64
	deleted, pinned                         bool
	mentions                                []any
	meta                                    any
	reactions                               []naiveReaction // in the order of their first user
}

type naiveReaction struct {
	emoji string
	users map[string]bool
}

func (n *naive) find(id string) *naiveMessage {
	for _, m := range n.messages {
		if m.id == id {
			return m
		}
	}
	return nil
}

func str(v any) string { s, _ := v.(string); return s }

// fold is the whole rule.
func (n *naive) fold(d delivery) {
	var data any
	if json.Unmarshal(d.data, &data) != nil {
		return
	}
	if text, ok := data.(string); ok {
		data = map[string]any{"text": text}
	}
	f := data.(map[string]any)
	m := n.find(str(f["of"]))
	switch str(f["type"]) {
	case "":
		n.message(d, f)
	case "edit":
		if m != nil && !m.deleted && f["redacted"] != true {
			m.text, m.edited = str(f["text"]), d.time
			if mentions, ok := f["mentions"].([]any); ok {
				m.mentions = mentions
			}
		}
	case "delete":
		if m != nil && !m.deleted {
			*m = naiveMessage{id: m.id, user: m.user, client: m.client, offset: m.offset, time: m.time, replyTo: m.replyTo, thread: m.thread, deleted: true}
		}
	case "pin":
		if m != nil && !m.deleted {
			m.pinned = f["on"] == true
		}
	case "reaction":
		if m != nil && !m.deleted && d.user != "" {
			m.react(str(f["emoji"]), d.user, f["on"] == true)
		}
	}
}

func (n *naive) message(d delivery, f map[string]any) {
	id := str(f["id"])
	if id == "" {
		id = "#" + string(uintText(d.offset))
	}
	if was := n.find(id); was != nil { // the server no longer had it
		n.messages = slices.DeleteFunc(n.messages, func(m *naiveMessage) bool { return m == was })
	}
	mentions, _ := f["mentions"].([]any)
	n.messages = append(n.messages, &naiveMessage{
		id: id, user: d.user, client: d.client, text: str(f["text"]), replyTo: str(f["reply_to"]), thread: str(f["thread"]), offset: d.offset, time: d.time,
		deleted: f["deleted"] == true, mentions: mentions, meta: f["meta"],
	})
}

func (n *naiveMessage) react(emoji, user string, on bool) {
	i := slices.IndexFunc(n.reactions, func(r naiveReaction) bool { return r.emoji == emoji })
	if i < 0 {
		if !on {
			return
		}
		n.reactions, i = append(n.reactions, naiveReaction{emoji, map[string]bool{}}), len(n.reactions)
	}
	if on {
		n.reactions[i].users[user] = true
	} else if delete(n.reactions[i].users, user); len(n.reactions[i].users) == 0 {
		n.reactions = slices.Delete(n.reactions, i, i+1)
	}
}

func uintText(v uint64) []byte { b, _ := json.Marshal(v); return b }

// dropOldest is what the timeline evicts.
func (n *naive) dropOldest() { n.messages = n.messages[1:] }

// view returns the messages in the form of the protocol.
func (n *naive) view(viewer string) (messages []map[string]any) {
	for _, m := range n.messages {
		reactions := []any{}
		for _, r := range m.reactions {
			reactions = append(reactions, map[string]any{"emoji": r.emoji, "count": float64(len(r.users)), "mine": r.users[viewer]})
		}
		v := map[string]any{
			"id": m.id, "offset": float64(m.offset), "user": m.user, "info": nil, "time": float64(m.time), "text": m.text, "reactions": reactions,
		}
		for name, value := range map[string]string{"client": m.client, "reply_to": m.replyTo, "thread": m.thread} {
			if value != "" {
				v[name] = value
			}
		}
		if m.edited != 0 {
			v["edited"] = float64(m.edited)
		}
		if m.deleted {
			v["deleted"] = true
		}
		if m.pinned {
			v["pinned"] = true
		}
		if len(m.mentions) > 0 {
			v["mentions"] = m.mentions
		}
		if m.meta != nil {
			v["meta"] = m.meta
		}
		replies := 0
		for _, other := range n.messages {
			if other.thread == m.id {
				replies++
				v["last_reply"] = float64(other.offset)
			}
		}
		if replies > 0 {
			v["replies"] = float64(replies)
		}
		messages = append(messages, v)
	}
	return messages
}

// unread counts what Unread returns, one message after the other.
func (n *naive) unread(user string, upto uint64) (unread, mentions int) {
	for _, m := range n.messages {
		if m.offset <= upto || m.deleted || user != "" && m.user == user || n.direct && m.user == "" {
			continue
		}
		unread++
		if slices.ContainsFunc(m.mentions, func(v any) bool { return v == Here || user != "" && v == user }) {
			mentions++
		}
	}
	return unread, mentions
}

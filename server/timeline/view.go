package timeline

// View is one message as a client sees it: a copy, which shares immutable texts with the timeline.
type View struct {
	Offset    uint64
	UnixMilli int64
	ID        string // or "#" and the offset
	User      string
	Client    string // connection ID of an author without a user
	Info      []byte // JSON, nil for none
	Text      string
	Edited    int64 // time of the last edit in milliseconds since 1970; 0 for none
	Deleted   bool
	Pinned    bool
	Mentions  []string // user IDs and Here
	Meta      []byte   // a JSON object, nil for none
	ReplyTo   string
	Thread    string
	Reactions []EmojiCount
	Replies   int    // in the thread that the message begins, deleted ones included
	LastReply uint64 // offset of the newest of them; 0 for none
}

// EmojiCount is the reactions of a message with one emoji.
type EmojiCount struct {
	Emoji string
	Count int
	Mine  bool // the viewer is one of the users
}

// At returns the message with an offset, as the viewer (a user ID, or empty) sees it.
func (t *Timeline) At(offset uint64, viewer string) (v View, ok bool) {
	m := t.order.find(offset)
	if m == nil {
		return View{}, false
	}
	return t.view(m, t.people.find(viewer)), true
}

func (t *Timeline) view(m *message, viewer *person) View {
	v := View{
		Offset: m.offset, UnixMilli: m.unixMilli, ID: m.name(), User: m.user(), Client: m.client, Info: m.info, Text: m.text, Edited: m.edited,
		Deleted: m.deleted, Pinned: m.pinned, ReplyTo: m.replyTo,
	}
	if m.in != nil {
		v.Thread = m.in.name
	}
	if th := m.begins; th != nil {
		v.Replies = th.replies.len()
		v.LastReply = th.replies.at(v.Replies - 1).offset
	}
	r := m.rare
	if r == nil {
		return v
	}
	v.Meta = r.meta
	for _, p := range r.mentions {
		v.Mentions = append(v.Mentions, p.user)
	}
	if len(r.reactions) > 0 {
		v.Reactions = make([]EmojiCount, len(r.reactions))
		for i := range r.reactions {
			o := &r.reactions[i]
			v.Reactions[i] = EmojiCount{o.text, len(o.users), o.has(viewer)}
		}
	}
	return v
}

// size estimates the bytes of the message in a reply.
func (m *message) size() int {
	const fixed = 160 // names of fields, numbers
	n := fixed + len(m.id) + len(m.text) + len(m.info) + len(m.replyTo)
	if m.in != nil {
		n += len(m.in.name)
	}
	if r := m.rare; r != nil {
		n += len(r.meta) + len(r.mentions)*40
		for i := range r.reactions {
			n += 40 + len(r.reactions[i].text)
		}
	}
	return n
}

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

// At returns the message with an offset, as a user sees it; an empty user ID is no user.
func (t *Timeline) At(offset uint64, user string) (v View, ok bool) {
	m := t.order.find(offset)
	if m == nil {
		return View{}, false
	}
	u := viewer{who: t.people.find(user)}
	return u.view(m), true
}

// viewer makes the views of one user. Their lists share two arrays: a page of messages with mentions needs few allocations.
type viewer struct {
	who      *person
	mentions []string
	counts   []EmojiCount
}

func (u *viewer) view(m *message) View {
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
	if n := len(u.mentions); len(r.mentions) > 0 {
		for _, p := range r.mentions {
			u.mentions = append(u.mentions, p.user)
		}
		v.Mentions = u.mentions[n:len(u.mentions):len(u.mentions)]
	}
	if n := len(u.counts); len(r.reactions) > 0 {
		for i := range r.reactions {
			o := &r.reactions[i]
			u.counts = append(u.counts, EmojiCount{o.text, len(o.users), o.has(u.who)})
		}
		v.Reactions = u.counts[n:len(u.counts):len(u.counts)]
	}
	return v
}

// size estimates the bytes of the message in a reply.
func (m *message) size() int {
	const fixed = 160 // names of fields, numbers
	n := fixed + len(m.id) + len(m.user()) + len(m.text) + len(m.info) + len(m.replyTo)
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

// Size estimates the bytes of a page in a reply.
func (p *Page) Size() (n int) {
	for i := range p.Messages {
		n += p.Messages[i].Size()
	}
	return n
}

// Size estimates the bytes of the message in a reply, as message.size does.
func (v *View) Size() int {
	const fixed = 160
	n := fixed + len(v.ID) + len(v.Text) + len(v.Info) + len(v.ReplyTo) + len(v.Thread) + len(v.Meta) + len(v.Mentions)*40
	for i := range v.Reactions {
		n += 40 + len(v.Reactions[i].Emoji)
	}
	return n
}

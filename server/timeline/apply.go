package timeline

import "slices"

// Hold notes a publication that Check accepted and that has the offset of p. Apply or Release ends it.
func (t *Timeline) Hold(p Published, e *Entry) (grown int) {
	before := t.pending.bytes()
	t.pending.hold(p, e)
	return t.pending.bytes() - before
}

// Release ends the Hold of a publication that will not be committed.
func (t *Timeline) Release(offset uint64, e *Entry) (grown int) {
	before := t.pending.bytes()
	t.pending.release(offset, e)
	return t.pending.bytes() - before
}

// Effect is what Apply did.
type Effect struct {
	Grown  int      // bytes, may be negative
	Added  bool     // a message was added
	Redact []uint64 // offsets of publications whose content must go, ascending: see Redacted. They may be evicted already
}

// Apply folds a committed publication into the state, and ends its Hold. Offsets ascend, except during a replay. It has no effect on a
// timeline that has a newer state of the message.
func (t *Timeline) Apply(p Published, e *Entry) (done Effect) {
	before := t.Bytes()
	t.pending.release(p.Offset, e)
	t.position = max(t.position, p.Offset)
	if e.Kind == Message {
		done.Added = t.append(p, e)
	} else if m := t.find(e.ID); m != nil && p.Offset > m.offset {
		done.Redact = t.change(m, p, e)
	}
	done.Grown = t.Bytes() - before
	return done
}

// append adds a message. An older one with the ID ends: the room had evicted it when it accepted the new one, and has it again after a replay.
func (t *Timeline) append(p Published, e *Entry) (added bool) {
	if t.order.find(p.Offset) != nil {
		return false
	}
	if was := t.byID[e.ID]; e.ID != "" && was != nil {
		if was.offset > p.Offset {
			return false
		}
		t.remove(was)
	}
	m := &message{offset: p.Offset, folded: p.Offset, unixMilli: p.UnixMilli, id: e.ID, text: e.Text, info: p.Info, replyTo: e.ReplyTo, deleted: e.Redacted}
	if len(p.Info) == 0 {
		m.info = nil
	}
	m.author = t.people.refer(p.User)
	if m.author == nil {
		m.client = p.Client
	}
	if e.Meta != nil {
		m.more().meta = e.Meta
	}
	t.mention(m, e.Mentions)
	t.add(m, e.Thread)
	return true
}

// add adds a message that is complete, except for its thread.
func (t *Timeline) add(m *message, thread string) {
	t.order.add(m)
	if m.id != "" {
		if t.byID == nil {
			t.byID = map[string]*message{}
		}
		t.byID[m.id] = m
	}
	t.joinThread(m, thread)
	if m.pinned {
		t.pins.add(m)
	}
	if m.deleted {
		t.silence(m)
	} else {
		t.count(m)
	}
	t.bytes += m.bytes()
}

// silence makes a message unread for nobody.
func (t *Timeline) silence(m *message) {
	if t.silent.add(m.offset) {
		t.bytes += offsetCost
	}
}

// mention sets the mentions of a message that has none. They are not counted.
func (t *Timeline) mention(m *message, users []string) {
	var mentions []*person
	for _, user := range users {
		m.here = m.here || user == Here
		mentions = append(mentions, t.people.refer(user))
	}
	if mentions != nil {
		m.more().mentions = mentions
	}
}

// change folds a change of a message. It returns the offsets of publications whose content must go.
func (t *Timeline) change(m *message, p Published, e *Entry) (redact []uint64) {
	if e.Kind == Edit {
		redact = t.noteEdit(m, p.Offset, e)
	}
	if p.Offset <= m.folded || m.deleted || e.Redacted {
		return redact
	}
	m.folded = p.Offset
	t.bytes -= m.bytes()
	switch e.Kind {
	case Edit:
		t.edit(m, p, e)
	case Delete:
		redact = t.delete(m)
	case Reaction:
		t.react(m, p.User, e)
	case Pin:
		t.pin(m, e.On)
	}
	t.bytes += m.bytes()
	return redact
}

// noteEdit remembers that the publication of an edit has content of the message. If the message is deleted, the content must go at once.
func (t *Timeline) noteEdit(m *message, offset uint64, e *Entry) (redact []uint64) {
	if e.Redacted {
		return nil
	}
	if m.deleted {
		return []uint64{offset}
	}
	t.bytes -= m.bytes()
	defer func() { t.bytes += m.bytes() }()
	r := m.more()
	if len(r.edits) == cap(r.edits) {
		r.edits = slices.DeleteFunc(r.edits, func(edit uint64) bool { return edit < t.ringFrom })
	}
	if i, found := slices.BinarySearch(r.edits, offset); !found {
		r.edits = slices.Insert(r.edits, i, offset)
	}
	return nil
}

func (t *Timeline) edit(m *message, p Published, e *Entry) {
	m.text, m.edited = e.Text, p.UnixMilli
	if !e.HasMentions {
		return
	}
	t.uncount(m)
	was := m.mentions()
	m.here = false
	if m.rare != nil {
		m.rare.mentions = nil
	}
	t.mention(m, e.Mentions)
	for _, user := range was {
		t.people.release(user)
	}
	t.count(m)
}

// delete ends the content of a message. It returns the offsets of its publication and of those of its edits.
func (t *Timeline) delete(m *message) (redact []uint64) {
	redact = append(redact, m.offset)
	if m.rare != nil {
		redact = append(redact, m.rare.edits...)
	}
	t.uncount(m)
	t.clearContent(m)
	m.deleted = true
	t.silence(m)
	return redact
}

// react adds or removes a user's reaction.
func (t *Timeline) react(m *message, user string, e *Entry) {
	if user == "" {
		return
	}
	if !e.On {
		t.unreact(m, t.people.find(user), e.Emoji)
		return
	}
	if m.rare.find(e.Emoji).has(t.people.find(user)) || reactionBound(m.rare, nil, e.Emoji, user) != "" {
		return
	}
	r := m.more()
	o := r.find(e.Emoji)
	if o == nil {
		r.reactions = append(r.reactions, emoji{text: e.Emoji})
		o = &r.reactions[len(r.reactions)-1]
	}
	who := t.people.refer(user)
	i, _ := slices.BinarySearch(o.users, who.number)
	o.users = slices.Insert(o.users, i, who.number)
	r.bytes += len(user) + reactionOverhead
}

func (t *Timeline) unreact(m *message, who *person, text string) {
	o := m.rare.find(text)
	if !o.has(who) {
		return
	}
	i, _ := slices.BinarySearch(o.users, who.number)
	o.users = slices.Delete(o.users, i, i+1)
	m.rare.bytes -= len(who.user) + reactionOverhead
	t.people.release(who)
	if len(o.users) == 0 {
		m.rare.reactions = slices.DeleteFunc(m.rare.reactions, func(o emoji) bool { return len(o.users) == 0 })
	}
}

func (t *Timeline) pin(m *message, on bool) {
	if m.pinned == on {
		return
	}
	m.pinned = on
	if on {
		t.pins.add(m)
	} else {
		t.pins.drop(m)
	}
}

// NewMentions returns the users that a publication mentions, and its message did not mention before. Call it before Apply.
func (t *Timeline) NewMentions(e *Entry) (users []string) {
	switch e.Kind {
	case Message:
		return e.Mentions
	case Edit:
	default:
		return nil
	}
	m := t.find(e.ID)
	if m == nil || m.deleted || e.Redacted {
		return nil
	}
	for _, user := range e.Mentions {
		if !slices.ContainsFunc(m.mentions(), func(p *person) bool { return p.user == user }) {
			users = append(users, user)
		}
	}
	return users
}

// sameText reports whether an edit leaves a message as it is.
func (m *message) sameText(e *Entry) bool {
	if m.text != e.Text {
		return false
	}
	if !e.HasMentions {
		return true
	}
	return slices.EqualFunc(e.Mentions, m.mentions(), func(user string, p *person) bool { return user == p.user })
}

package timeline

// Timeline is the messages of one room. The zero value is empty and ready. Not safe for concurrent use: the lock of the room guards it.
type Timeline struct {
	Direct bool // the room is of two users: a message without a user is a notice, which counts as read. Constant

	order    messages            // all messages
	byID     map[string]*message // those with an ID
	threads  map[string]*thread  // those with replies, by name
	pins     messages
	people   people
	here     offsets // messages that mention Here and are not deleted
	silent   offsets // messages that are unread for nobody: deleted ones, and notices
	pending  pending
	position uint64 // offset of the last publication that was applied
	ringFrom uint64 // offset of the oldest publication in the recovery ring
	bytes    int    // of messages, threads, here, silent; Bytes has the total
}

// Count returns the number of messages, deleted ones included.
func (t *Timeline) Count() int { return t.order.len() }

// Bytes returns the memory of the timeline: an estimate that depends on its state only.
func (t *Timeline) Bytes() int { return t.bytes + t.people.bytes + t.pending.bytes() }

// Position returns the offset of the last publication that was applied; 0 for none.
func (t *Timeline) Position() uint64 { return t.position }

// First returns the offset and the time of the oldest message; 0 if there is none.
func (t *Timeline) First() (offset uint64, unixMilli int64) {
	if t.order.len() == 0 {
		return 0, 0
	}
	m := t.order.at(0)
	return m.offset, m.unixMilli
}

// Last returns the offset and the time of the newest message; 0 if there is none.
func (t *Timeline) Last() (offset uint64, unixMilli int64) {
	n := t.order.len()
	if n == 0 {
		return 0, 0
	}
	m := t.order.at(n - 1)
	return m.offset, m.unixMilli
}

// Find returns the offset of the message with a name: its ID, or "#" and the offset of a message without one.
func (t *Timeline) Find(name string) (offset uint64, ok bool) {
	m := t.find(name)
	if m == nil {
		return 0, false
	}
	return m.offset, true
}

func (t *Timeline) find(name string) *message {
	if offset := offsetOf(name); offset != 0 {
		if m := t.order.find(offset); m != nil && m.id == "" {
			return m
		}
		return nil
	}
	return t.byID[name]
}

// Taken returns the offset of the newest message before an offset that keeps others from using an ID: the message with the ID, or a reply in
// its thread; 0 for none.
func (t *Timeline) Taken(id string, before uint64) (newest uint64) {
	if m := t.byID[id]; m != nil && m.offset < before {
		newest = m.offset
	}
	if th := t.threads[id]; th != nil {
		if i := th.replies.from(before); i > 0 {
			newest = max(newest, th.replies.at(i-1).offset)
		}
	}
	return newest
}

// DropOldest evicts the oldest message with all that belongs to it. It returns the offset of the message, 0 if there is none, and the bytes
// that this frees.
func (t *Timeline) DropOldest() (offset uint64, freed int) {
	if t.order.len() == 0 {
		return 0, 0
	}
	before := t.Bytes()
	m := t.order.at(0)
	t.remove(m)
	if t.order.len() == 0 {
		t.byID, t.threads = nil, nil // maps keep their size
	}
	return m.offset, before - t.Bytes()
}

// remove removes a message with all that belongs to it.
func (t *Timeline) remove(m *message) {
	t.order.drop(m)
	t.bytes -= m.bytes()
	t.leaveThread(m)
	t.uncount(m)
	t.clearContent(m)
	t.people.release(m.author)
	if m.id != "" {
		delete(t.byID, m.id)
	}
	if (m.deleted || t.isNotice(m)) && t.silent.drop(m.offset) {
		t.bytes -= offsetCost
	}
}

// ForgetRing notes the offset of the oldest publication in the recovery ring. Edits before it need no redaction any more.
func (t *Timeline) ForgetRing(from uint64) { t.ringFrom = from }

// joinThread adds a message to its thread, and to the thread that it begins.
func (t *Timeline) joinThread(m *message, name string) {
	if len(t.threads) > 0 {
		if th := t.threads[m.name()]; th != nil && th.root == nil {
			th.root, m.begins = m, th
		}
	}
	if name == "" {
		return
	}
	th := t.threads[name]
	if th == nil {
		th = &thread{name: name, root: t.find(name)}
		if th.root != nil {
			th.root.begins = th
		}
		if t.threads == nil {
			t.threads = map[string]*thread{}
		}
		t.threads[name] = th
		t.bytes += threadCost + textBytes(name)
	}
	m.in = th
	th.replies.add(m)
}

// leaveThread removes a message that is evicted from its thread, and from the thread that it begins.
func (t *Timeline) leaveThread(m *message) {
	if m.begins != nil {
		m.begins.root = nil
	}
	th := m.in
	if th == nil {
		return
	}
	th.replies.drop(m)
	if th.replies.len() > 0 {
		return
	}
	if th.root != nil {
		th.root.begins = nil
	}
	delete(t.threads, th.name)
	t.bytes -= threadCost + textBytes(th.name)
}

// isNotice reports whether a message is a notice of the application to the users of a direct room.
func (t *Timeline) isNotice(m *message) bool { return t.Direct && m.author == nil }

// count adds a message that is not deleted to the lists of unread messages and mentions.
func (t *Timeline) count(m *message) {
	if t.isNotice(m) {
		t.silence(m)
		return
	}
	t.people.add(m.author, ownList, m.offset)
	if m.here {
		if t.here.add(m.offset) {
			t.bytes += offsetCost
		}
		t.people.add(m.author, ownHereList, m.offset)
		return
	}
	for _, p := range m.mentions() {
		if p != m.author {
			t.people.add(p, mentionedList, m.offset)
		}
	}
}

// uncount removes a message from the lists of unread messages and mentions.
func (t *Timeline) uncount(m *message) {
	if t.isNotice(m) {
		return
	}
	t.people.drop(m.author, ownList, m.offset)
	if m.here {
		if t.here.drop(m.offset) {
			t.bytes -= offsetCost
		}
		t.people.drop(m.author, ownHereList, m.offset)
		return
	}
	for _, p := range m.mentions() {
		t.people.drop(p, mentionedList, m.offset)
	}
}

// clearContent ends the references of a message to mentioned users and to those of its reactions, and its pin. uncount comes before it.
func (t *Timeline) clearContent(m *message) {
	for _, p := range m.mentions() {
		t.people.release(p)
	}
	for _, o := range m.reactions() {
		for _, number := range o.users {
			t.people.release(t.people.of(number))
		}
	}
	if m.pinned {
		t.pins.drop(m)
	}
	m.text, m.rare, m.edited, m.pinned, m.here = "", nil, 0, false, false
}

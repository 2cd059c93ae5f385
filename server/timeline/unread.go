package timeline

// Unread returns the number of messages with an offset greater than upto that a user has not read, and how many of them mention the user, by
// user ID or Here. Deleted messages, those of the user, and the notices of a direct room count as read. It needs O(log n) steps.
func (t *Timeline) Unread(user string, upto uint64) (unread, mentions int) {
	newer := t.order.len() - t.order.search(func(m *message) bool { return m.offset > upto })
	unread = newer - t.silent.after(upto)
	mentions = t.here.after(upto)
	if p := t.people.find(user); p != nil && p.counts != nil {
		unread -= p.counts.own.after(upto)
		mentions += p.counts.mentioned.after(upto) - p.counts.ownHere.after(upto)
	}
	return unread, mentions
}

// Written returns the number of messages of a user that are not deleted. A user ID that is empty has none.
func (t *Timeline) Written(user string) int {
	if p := t.people.find(user); p != nil && p.counts != nil {
		return p.counts.own.len()
	}
	return 0
}

// Text is the text of one message, for the search.
type Text struct {
	Offset    uint64
	UnixMilli int64
	User      string // empty: the author has none
	Text      string
}

// Texts appends the texts of messages before an offset (0: from the newest), the newest first, until dst is full or there are no more. Deleted
// messages have none. It looks at 4 times the capacity of dst at most, and returns the offset of the last message that it looked at: the
// argument of the next call, 0 at the end.
func (t *Timeline) Texts(before uint64, dst []Text) (texts []Text, next uint64) {
	i := t.order.len()
	if before != 0 {
		i = t.order.from(before)
	}
	for steps := 4 * cap(dst); i > 0 && steps > 0 && len(dst) < cap(dst); steps-- {
		i--
		m := t.order.at(i)
		if next = m.offset; !m.deleted {
			dst = append(dst, Text{m.offset, m.unixMilli, m.user(), m.text})
		}
	}
	if i == 0 {
		next = 0
	}
	return dst, next
}

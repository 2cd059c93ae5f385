package timeline

import (
	"strconv"
)

// message is one message as it stands. Its strings and slices are immutable: a change replaces them.
type message struct {
	offset    uint64
	unixMilli int64
	folded    uint64 // offset of its last change that was folded; its own offset if there is none
	edited    int64  // time of the last edit, 0 for none
	id        string // empty: see name
	text      string
	author    *person // nil for none
	client    string  // connection ID of an author without a user
	info      []byte
	replyTo   string
	in        *thread // of which it is a reply; nil for none
	begins    *thread // that it begins; nil while it has no replies
	rare      *rare   // nil for none

	deleted, pinned bool
	here            bool // mentions Here
}

// rare are the fields that few messages have.
type rare struct {
	mentions  []*person
	meta      []byte
	edits     []uint64 // offsets of its edits that are still in the recovery ring, ascending
	reactions []emoji  // in the order of their first reaction
	bytes     int      // of the user IDs of its reactions: see maxReactionBytes
}

// thread is a message with replies, or the replies to an evicted message.
type thread struct {
	name    string
	root    *message // nil if it is evicted
	replies messages
}

// name returns the ID of a message, or "#" and its offset.
func (m *message) name() string {
	if m.id == "" {
		return "#" + strconv.FormatUint(m.offset, 10)
	}
	return m.id
}

// offsetOf returns the offset of a name of the form "#" and an offset; 0 for other names.
func offsetOf(name string) uint64 {
	if len(name) < 2 || name[0] != '#' || name[1] == '0' || name[1] == '+' {
		return 0
	}
	offset, err := strconv.ParseUint(name[1:], 10, 64)
	if err != nil {
		return 0
	}
	return offset
}

// by reports whether the author is the one of the message.
func (m *message) by(who *Author) bool {
	return sameAuthor(m.user(), m.client, who)
}

// sameAuthor reports whether an author has this user, or without a user this connection. The application is the author of what has neither.
func sameAuthor(user, client string, who *Author) bool {
	if user != "" || who.User != "" {
		return user == who.User
	}
	return client == who.Client && (client != "" || who.Application)
}

// user returns the user ID of the author, empty for none.
func (m *message) user() string {
	if m.author == nil {
		return ""
	}
	return m.author.user
}

// more returns the rare fields, which it creates.
func (m *message) more() *rare {
	if m.rare == nil {
		m.rare = &rare{}
	}
	return m.rare
}

// mentions returns the mentioned users, and Here.
func (m *message) mentions() []*person {
	if m.rare == nil {
		return nil
	}
	return m.rare.mentions
}

// reactions returns the emojis of the message.
func (m *message) reactions() []emoji {
	if m.rare == nil {
		return nil
	}
	return m.rare.reactions
}

// bytes returns the cost of the message without its users and its thread.
func (m *message) bytes() int {
	n := messageCost + textBytes(m.text) + textBytes(m.client) + textBytes(m.info) + textBytes(m.replyTo)
	if m.id != "" {
		n += idCost + textBytes(m.id)
	}
	if m.in != nil {
		n += offsetCost
	}
	if m.pinned {
		n += offsetCost
	}
	if r := m.rare; r != nil {
		n += rareCost + len(r.mentions)*mentionCost + textBytes(r.meta) + len(r.edits)*offsetCost
		for i := range r.reactions {
			n += r.reactions[i].memory()
		}
	}
	return n
}

// messages is a list of messages in the order of their offsets.
type messages struct{ deque[*message] }

// from returns the index of the first message with an offset of at least x.
func (l *messages) from(x uint64) int {
	return l.search(func(m *message) bool { return m.offset >= x })
}

// find returns the message with an offset, nil if there is none.
func (l *messages) find(x uint64) *message {
	if i := l.from(x); i < l.len() && l.at(i).offset == x {
		return l.at(i)
	}
	return nil
}

// add inserts a message.
func (l *messages) add(m *message) { l.insert(l.from(m.offset), m) }

// drop removes a message, if the list has it.
func (l *messages) drop(m *message) {
	if l.len() > 0 && l.at(0) == m { // an eviction
		l.popFront()
		return
	}
	if i := l.from(m.offset); i < l.len() && l.at(i) == m {
		l.remove(i)
	}
}

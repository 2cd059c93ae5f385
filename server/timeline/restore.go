package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrSnapshot is the error of Restore for bytes that Snapshot does not make. It is wrapped in an error that gives the field.
var ErrSnapshot = errors.New("the snapshot of a message is malformed")

// ErrSnapshotVersion is the error of Restore for a snapshot of a newer throng.
var ErrSnapshotVersion = errors.New("the snapshot of a message has an unknown version")

// Restore adds the message of a Snapshot, in the order of its offset. If the timeline has the message in an older state, it is replaced; if it
// has the same or a newer state, or another message with the ID, nothing changes. On an error nothing changes either. It returns the growth in
// bytes. A replay of the log comes after it.
func (t *Timeline) Restore(b []byte) (grown int, err error) {
	s, err := readSnapshot(b)
	if err != nil {
		return 0, err
	}
	before := t.Bytes()
	was := t.order.find(s.offset)
	switch {
	case was != nil && (was.folded >= s.folded || was.id != s.id), was == nil && s.id != "" && t.byID[s.id] != nil:
		return 0, nil
	case was != nil:
		t.remove(was)
	}
	t.restore(s)
	t.position = max(t.position, s.folded)
	return t.Bytes() - before, nil
}

func (t *Timeline) restore(s *snapshot) {
	m := &message{
		offset: s.offset, folded: s.folded, unixMilli: s.unixMilli, edited: s.edited, id: s.id, text: s.text, client: s.client, info: s.info,
		replyTo: s.replyTo, deleted: s.deleted, pinned: s.pinned,
	}
	m.author = t.people.refer(s.user)
	if s.meta != nil {
		m.more().meta = s.meta
	}
	t.mention(m, s.mentions)
	for _, o := range s.emojis {
		r := m.more()
		users := make([]uint32, len(o.users))
		for i, user := range o.users {
			users[i] = t.people.refer(user).number
			r.bytes += len(user) + reactionOverhead
		}
		slices.Sort(users)
		r.reactions = append(r.reactions, emoji{o.text, users})
	}
	t.add(m, s.thread)
}

// snapshot is a message as read from bytes.
type snapshot struct {
	offset, folded                          uint64
	unixMilli, edited                       int64
	id, user, client, text, replyTo, thread string
	info, meta                              []byte
	deleted, pinned                         bool
	mentions                                []string
	emojis                                  []snapshotEmoji
}

type snapshotEmoji struct {
	text  string
	users []string
}

func readSnapshot(b []byte) (*snapshot, error) {
	c := cursor{b: b}
	if v := c.byte("version"); c.err == nil && v != snapshotVersion {
		return nil, fmt.Errorf("%w: found %d, this throng reads %d: start the version that wrote it", ErrSnapshotVersion, v, snapshotVersion)
	}
	flags := c.byte("flags")
	if flags > knownFlags {
		c.fail("flags", "found %#x", flags)
	}
	s := &snapshot{deleted: flags&flagDeleted != 0, pinned: flags&flagPinned != 0}
	s.offset = c.uvarint("offset")
	if s.folded = s.offset + c.uvarint("folded"); s.folded < s.offset || s.offset == 0 {
		c.fail("folded", "found offsets %d and %d", s.offset, s.folded)
	}
	s.unixMilli, s.edited = c.varint("time"), c.varint("edited")
	s.id, s.user, s.client = c.text("id", MaxID), c.text("user", len(b)), c.text("client", len(b))
	s.info = c.json("info", flags&flagInfo != 0)
	s.text, s.replyTo, s.thread = c.text("text", len(b)), c.text("reply_to", MaxID), c.text("thread", MaxID)
	s.meta = c.json("meta", flags&flagMeta != 0)
	s.readMentions(&c)
	s.readEmojis(&c)
	switch {
	case s.id != "" && s.id[0] == '#', s.user != "" && s.client != "":
		c.fail("id", "found the ID %q of the user %q and the client %q", s.id, s.user, s.client)
	case s.deleted && (s.text != "" || s.edited != 0 || s.pinned || s.meta != nil || s.mentions != nil || s.emojis != nil):
		c.fail("flags", "found content of a deleted message")
	case c.at < len(b):
		c.fail("end", "found %d bytes more", len(b)-c.at)
	}
	return s, c.err
}

func (sn *snapshot) readMentions(c *cursor) {
	for range c.count("mentions", MaxMentions) {
		user := c.text("mention", MaxMention)
		if user == "" || slices.Contains(sn.mentions, user) {
			c.fail("mention", "found %q twice, or an empty one", user)
			return
		}
		sn.mentions = append(sn.mentions, user)
	}
}

func (sn *snapshot) readEmojis(c *cursor) {
	total, size := 0, 0
	for range c.count("emojis", MaxEmojis) {
		o := snapshotEmoji{text: c.text("emoji", MaxEmoji)}
		n := c.count("users", MaxReactions)
		for range n {
			user := c.text("user of an emoji", len(c.b))
			if c.err != nil {
				return
			}
			if user == "" || len(o.users) > 0 && o.users[len(o.users)-1] >= user {
				c.fail("users", "found %q out of order, or an empty one", user)
				return
			}
			size += len(user) + reactionOverhead
			o.users = append(o.users, user)
		}
		if total += n; total > MaxReactions || size > maxReactionBytes || n == 0 || o.text == "" {
			c.fail("emojis", "found %d reactions with %d bytes of user IDs, or an emoji without users", total, size)
			return
		}
		for i := range sn.emojis {
			if sn.emojis[i].text == o.text {
				c.fail("emoji", "found %q twice", o.text)
				return
			}
		}
		sn.emojis = append(sn.emojis, o)
	}
}

// json reads a text that is JSON if it is present, and empty if it is not.
func (c *cursor) json(field string, present bool) []byte {
	v := c.text(field, len(c.b))
	switch {
	case !present && v != "", present && c.err == nil && !json.Valid([]byte(v)):
		c.fail(field, "found %d bytes that are not JSON, or an absent field with bytes", len(v))
	case present:
		return []byte(v)
	}
	return nil
}

package cluster

import (
	"encoding/binary"
	"slices"

	"github.com/throng-chat/throng/server/chat"
)

// presenceKey is a client in a room.
type presenceKey struct{ room, client string }

// countsVersion is the first version of the messages that has numbers of members and connections.
const countsVersion = 3

// Flags of a message of presence.
const (
	presenceBegins = 1 << iota // of the whole presence: what is not in it up to its end has ended
	presenceEnds
)

// Kinds of changes.
const (
	changeLeft   = iota // a client has left a room: room, client
	changeJoined        // or has joined it: room, client, user, connection info, channel info
	changeRoom          // a room has so many members: room, members, plain members
	changeUser          // a user has so many connections: user, their number, and when each began, in milliseconds since 1970
)

// presenceChange is one change. The kind decides which fields are set.
type presenceChange struct {
	kind  byte
	room  string
	info  *chat.ClientInfo // of a leave only the client counts
	count chat.Count
	user  string
	since []int64
}

// appendChange appends a change: its kind and its fields, texts or uvarints.
func appendChange(b []byte, c *presenceChange) []byte {
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	number := func(n uint64) { b = binary.AppendUvarint(b, n) }
	b = append(b, c.kind)
	if c.kind == changeUser {
		text(c.user)
		number(uint64(len(c.since)))
		for _, at := range c.since {
			number(uint64(at))
		}
		return b
	}
	text(c.room)
	switch c.kind {
	case changeRoom:
		number(uint64(c.count.Members))
		number(uint64(c.count.Plain))
	case changeLeft:
		text(c.info.Client)
	default:
		text(c.info.Client)
		text(c.info.User)
		text(string(c.info.ConnInfo))
		text(string(c.info.ChanInfo))
	}
	return b
}

// nextChange decodes the first change of b, without shared memory, and returns the rest. ok is false if it cannot be read.
func nextChange(b []byte) (c presenceChange, rest []byte, ok bool) {
	if len(b) == 0 || b[0] > changeUser {
		return c, nil, false
	}
	d := changeDecoder{b[1:], true}
	c.kind = b[0]
	if c.kind == changeUser {
		c.user = d.text()
		for n := d.number(); n > 0 && d.ok; n-- {
			c.since = append(c.since, int64(d.number()))
		}
		return c, d.b, d.ok
	}
	c.room = d.text()
	switch c.kind {
	case changeRoom:
		c.count = chat.Count{Members: int(d.number()), Plain: int(d.number())}
	case changeLeft:
		c.info = &chat.ClientInfo{Client: d.text()}
	default:
		c.info = &chat.ClientInfo{Client: d.text(), User: d.text()}
		c.info.ConnInfo, c.info.ChanInfo = bytesOf(d.text()), bytesOf(d.text())
	}
	return c, d.b, d.ok
}

// changeDecoder reads the fields of a change. After a field that cannot be read, ok is false and all others are empty.
type changeDecoder struct {
	b  []byte
	ok bool
}

func (d *changeDecoder) number() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.b, d.ok = nil, false
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *changeDecoder) text() string {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.b, d.ok = nil, false
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

// bytesOf returns nil for an empty text.
func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// maxPresence is the size of a message of presence, about.
const maxPresence = 256 << 10

// changesToAll is changes that several nodes get. They are encoded once for each kind of reader.
type changesToAll struct {
	changes  []presenceChange
	old, new []changesPart // for nodes that do not read numbers, and for the others
}

// changesPart is the body of one message, and the version that its reader needs.
type changesPart struct {
	body    []byte
	version byte
}

// readableBy returns the changes that a node with a version of the messages reads: at least one part.
func (all *changesToAll) readableBy(version int) []changesPart {
	if version >= countsVersion {
		if all.new == nil {
			all.new = encodeChanges(all.changes)
		}
		return all.new
	}
	if all.old == nil {
		all.old = encodeChanges(slices.DeleteFunc(slices.Clone(all.changes), func(c presenceChange) bool { return c.kind >= changeRoom }))
	}
	return all.old
}

// encodeChanges returns changes in parts of about maxPresence. Without changes it is one empty part.
func encodeChanges(changes []presenceChange) []changesPart {
	parts := []changesPart{{version: oldestVersion}}
	for i := range changes {
		p := &parts[len(parts)-1]
		if len(p.body) >= maxPresence {
			parts = append(parts, changesPart{version: oldestVersion})
			p = &parts[len(parts)-1]
		}
		p.body = appendChange(p.body, &changes[i])
		if changes[i].kind >= changeRoom {
			p.version = countsVersion
		}
	}
	return parts
}

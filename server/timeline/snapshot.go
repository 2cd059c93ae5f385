package timeline

import (
	"encoding/binary"
	"slices"
	"strings"
)

// snapshotVersion is the first byte of a snapshot. A change of the format below needs a new number; Restore must still read the old ones.
const snapshotVersion = 1

// Bits of the byte flags of a snapshot.
const (
	flagDeleted = 1 << iota
	flagPinned
	flagInfo // Info is not nil
	flagMeta
	knownFlags = 1<<iota - 1
)

// Snapshot encodes one message as it stands, with its reactions; nil if the timeline does not have it. The bytes depend only on the state:
//
//	| bytes   | field     | contents                                                                                     |
//	|---------|-----------|----------------------------------------------------------------------------------------------|
//	| 1       | version   | 1                                                                                            |
//	| 1       | flags     | bit 0 deleted, 1 pinned, 2 has info, 3 has meta; others 0                                    |
//	| uvarint | offset    |                                                                                              |
//	| uvarint | folded    | offset of the last change that is folded in, less the offset of the message                  |
//	| varint  | time      | milliseconds since 1970                                                                      |
//	| varint  | edited    | time of the last edit; 0 for none                                                            |
//	| text    | 8 texts   | id, user, client, info, text, reply_to, thread, meta; without the flag, info and meta are    |
//	|         |           | empty                                                                                        |
//	| uvarint | mentions  | number, then a text for each                                                                 |
//	| uvarint | emojis    | number, then for each: a text, the number of users, a text for each user. Users ascend       |
//
// Numbers and texts are as in package record. It has at most the bytes of info, text, meta, and 540 KiB.
func (t *Timeline) Snapshot(offset uint64) []byte {
	m := t.order.find(offset)
	if m == nil {
		return nil
	}
	thread := ""
	if m.in != nil {
		thread = m.in.name
	}
	r := m.rare
	if r == nil {
		r = &rare{}
	}
	b := []byte{snapshotVersion, m.flags()}
	b = binary.AppendUvarint(b, m.offset)
	b = binary.AppendUvarint(b, m.folded-m.offset)
	b = binary.AppendVarint(b, m.unixMilli)
	b = binary.AppendVarint(b, m.edited)
	for _, text := range [...]string{m.id, m.user(), m.client, string(m.info), m.text, m.replyTo, thread, string(r.meta)} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(r.mentions)))
	for _, p := range r.mentions {
		b = appendText(b, p.user)
	}
	b = binary.AppendUvarint(b, uint64(len(r.reactions)))
	for i := range r.reactions {
		b = t.appendEmoji(b, &r.reactions[i])
	}
	return b
}

func (m *message) flags() (b byte) {
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{m.deleted, flagDeleted}, {m.pinned, flagPinned}, {m.info != nil, flagInfo}, {m.rare != nil && m.rare.meta != nil, flagMeta}} {
		if f.set {
			b |= f.bit
		}
	}
	return b
}

// appendEmoji appends an emoji and its users.
func (t *Timeline) appendEmoji(b []byte, o *emoji) []byte {
	users := make([]string, len(o.users))
	for i, number := range o.users {
		users[i] = t.people.of(number).user
	}
	slices.SortFunc(users, strings.Compare)
	b = appendText(b, o.text)
	b = binary.AppendUvarint(b, uint64(len(users)))
	for _, user := range users {
		b = appendText(b, user)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

package chat

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/server/record"
)

// What an export and an import of the log know of values (package dump): two kinds of them depend on the positions of their room.

// SnapshotOf returns the offset of the message whose snapshot an entry of the log is; ok is false for other entries. The offset and the generation
// of the entry are the position of the room.
func SnapshotOf(e *record.Entry) (offset uint64, ok bool) {
	if e.Room == "" || !isSnapshot(e) {
		return 0, false
	}
	offset, err := strconv.ParseUint(e.Key[len(snapshotPrefix):], 10, 64)
	return offset, err == nil && offset > 0
}

// MoveMarker returns the data of a read marker in another epoch: with the epoch to, if it counts in the epoch from. Other data, and that of other
// values, stays. It does not change data.
func MoveMarker(room, key string, data []byte, from, to uint64) []byte {
	if room == "" || from == 0 || !strings.HasPrefix(key, readPrefix) {
		return data
	}
	number, n := binary.Uvarint(data)
	if n <= 0 || len(data) != n+8 || binary.LittleEndian.Uint64(data[n:]) != from {
		return data
	}
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, number), to)
}

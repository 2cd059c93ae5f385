package chat

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/server/marker"
)

// Keys of the values that a markerFamily keeps.
const (
	readPrefix = "r/" // and the user: how far it has read the room
	seenPrefix = "s/" // and the user, in the room "": when it was last connected
)

// markerFamily keeps one number for each user: the read markers of a room, or when users were last connected. The data of a value is the number
// as a uvarint; that of a read marker has also the epoch in 8 bytes.
type markerFamily struct {
	marker.Table
	prefix string
}

// markerPrefix returns the prefix of the keys in a room.
func markerPrefix(room string) string {
	if room == "" {
		return seenPrefix
	}
	return readPrefix
}

// has reports whether the family keeps the values of a key.
func (mf *markerFamily) has(key string) bool {
	return len(key) > len(mf.prefix) && strings.HasPrefix(key, mf.prefix)
}

func (mf *markerFamily) set(v Value, at valueAt) (before int) {
	e := markerOf(v.Data)
	e.User, e.At = v.Key[len(mf.prefix):], uint32(at)
	was := mf.Set(e)
	if was.Number == 0 {
		return -1
	}
	return len(mf.data(was))
}

func (mf *markerFamily) get(key string) []byte { return mf.data(mf.Get(key[len(mf.prefix):])) }

func (mf *markerFamily) each(do func(v Value, at valueAt) bool) {
	for e := range mf.All() {
		if !do(Value{mf.prefix + e.User, mf.data(e)}, valueAt(e.At)) {
			return
		}
	}
}

func (mf *markerFamily) drop() { mf.Table = marker.Table{} }

// data returns the data of an entry; nil if its number is 0.
func (mf *markerFamily) data(e marker.Entry) []byte {
	if e.Number == 0 {
		return nil
	}
	b := binary.AppendUvarint(nil, e.Number)
	if mf.prefix == readPrefix {
		b = binary.LittleEndian.AppendUint64(b, e.Epoch)
	}
	return b
}

// markerOf returns the entry that data has. Its number is 0 without data only.
func markerOf(data []byte) (e marker.Entry) {
	if len(data) == 0 {
		return e
	}
	number, n := binary.Uvarint(data)
	e.Number = max(number, 1)
	if n > 0 && len(data) == n+8 {
		e.Epoch = binary.LittleEndian.Uint64(data[n:])
	}
	return e
}

// epochNumber returns the number of an epoch; 0 for none.
func epochNumber(epoch string) uint64 {
	n, err := strconv.ParseUint(epoch, epochBase, 64)
	if err != nil {
		return 0
	}
	return n
}

// droppedAtOnce is the number of entries that a full table loses at a time: to find them takes time in proportion to the table.
const droppedAtOnce = 256

// roomFor returns the changes that make room for a new user in a full table. The room's lock is held.
func (mf *markerFamily) roomFor(user string, epoch uint64) (changes []Value) {
	if mf.Len() < marker.MaxMarkers || mf.Get(user).Number > 0 {
		return nil
	}
	for _, lowest := range mf.Lowest(droppedAtOnce, epoch) {
		changes = append(changes, Value{Key: mf.prefix + lowest})
	}
	return changes
}

package chat

import (
	"cmp"
	"math"
	"slices"

	"github.com/throng-chat/throng/server/notify"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/wheel"
)

// talkRoom is what a chat room has beyond other rooms: the messages as they stand, with their changes folded in. The history has the
// publications as well, for recovery. It may lose the oldest ones because of many changes: their messages stay here. Guarded by Stripe.Mu.
//
// State and its life: a restart clears it in a room in memory, and a replay folds it again in a durable room. A reload changes its bounds,
// history-size and history-ttl. A second node has its own.
type talkRoom struct {
	timeline timeline.Timeline
	times    []messageTime // of all messages in the timeline, the oldest first
	orphans  orphans       // of a replay
	notices  notify.Batch  // messages since the notifier looked

	// Of a durable room.
	disk   *snapshotBudget
	stored int64 // bytes of snapshots in the log, and of those that are proposed
}

// messageTime is the time of publication of a message.
type messageTime struct {
	offset uint64
	at     wheel.Tick

	// Of a durable room.
	since   valueAt // the records from this one on have all of the message
	stored  uint32  // bytes of its snapshot in the log; 0 for none
	carried bool    // a snapshot is proposed
}

const messageTimeCost = 24 // bytes

// newTalkRoom returns what a room with these options has; nil if it is not a chat room.
func newTalkRoom(name string, o *Options) *talkRoom {
	if !o.IsChat() {
		return nil
	}
	_, _, direct := o.from.Names.direct(name)
	return &talkRoom{timeline: timeline.Timeline{Direct: direct}}
}

// The methods below accept nil, which is a room of another kind. Those that change bytes return the growth: the caller adds it to the history.

// isEmpty reports whether there is nothing that keeps the room.
func (ta *talkRoom) isEmpty() bool { return ta == nil || ta.timeline.Count() == 0 }

// bytes returns the bytes of the messages.
func (ta *talkRoom) bytes() int { return ta.timeline.Bytes() + len(ta.times)*messageTimeCost }

// oldest returns the offset of the oldest message and its time; 0 for none.
func (ta *talkRoom) oldest() messageTime {
	if ta.isEmpty() {
		return messageTime{}
	}
	return ta.times[0]
}

// newest returns the offset of the newest message and its time; 0 for none.
func (ta *talkRoom) newest() messageTime {
	if ta.isEmpty() {
		return messageTime{}
	}
	return ta.times[len(ta.times)-1]
}

// dropOldest drops the oldest message, which exists.
func (ta *talkRoom) dropOldest() (grown int) {
	_, freed := ta.timeline.DropOldest()
	ta.unstore(&ta.times[0])
	ta.times = ta.times[1:]
	if len(ta.times) == 0 {
		ta.times = nil
	}
	return -freed - messageTimeCost
}

// dropWhile drops the oldest messages as long as drop is true for them.
func (ta *talkRoom) dropWhile(drop func(messageTime) bool) (grown int) {
	for !ta.isEmpty() && drop(ta.times[0]) {
		grown += ta.dropOldest()
	}
	return grown
}

// dropTo drops the messages up to an offset.
func (ta *talkRoom) dropTo(offset uint64) (grown int) {
	return ta.dropWhile(func(m messageTime) bool { return m.offset <= offset })
}

// expire drops the messages from before a tick.
func (ta *talkRoom) expire(before wheel.Tick) (grown int) {
	return ta.dropWhile(func(m messageTime) bool { return m.at < before })
}

// shrink drops the oldest messages beyond maxMessages.
func (ta *talkRoom) shrink(maxMessages int) (grown int) {
	return ta.dropWhile(func(messageTime) bool { return len(ta.times) > maxMessages })
}

// apply folds a publication that the room has committed, and drops the oldest messages beyond maxMessages. It returns the offsets of the
// publications whose content must go.
func (ta *talkRoom) apply(pub *Publication, e *timeline.Entry, maxMessages int) (grown int, redact []uint64) {
	if e.Kind == timeline.Message {
		grown = ta.dropForgotten(pub.Offset, e.ID)
	}
	done := ta.timeline.Apply(publishedAs(pub), e)
	grown += done.Grown
	if done.Added {
		ta.times = slices.Insert(ta.times, ta.index(pub.Offset), messageTime{offset: pub.Offset, at: pub.At})
		grown += messageTimeCost
	}
	return grown + ta.shrink(maxMessages), done.Redact
}

// dropForgotten drops what the room had evicted when it accepted a message with an ID that was taken before: a replay has it again.
func (ta *talkRoom) dropForgotten(offset uint64, id string) (grown int) {
	if id == "" {
		return 0
	}
	return ta.dropTo(ta.timeline.Taken(id, offset))
}

// index returns the index of the first message with an offset of at least the given one.
func (ta *talkRoom) index(offset uint64) int {
	i, _ := slices.BinarySearchFunc(ta.times, offset, func(m messageTime, offset uint64) int { return cmp.Compare(m.offset, offset) })
	return i
}

// find returns the time of a message; nil if there is none.
func (ta *talkRoom) find(offset uint64) *messageTime {
	if i := ta.index(offset); i < len(ta.times) && ta.times[i].offset == offset {
		return &ta.times[i]
	}
	return nil
}

// restore adds the message of a snapshot. A message that the room has already, in this or a newer state, stays.
func (ta *talkRoom) restore(b []byte, m messageTime) (grown int, err error) {
	before := ta.timeline.Count()
	grown, err = ta.timeline.Restore(b)
	if err != nil || ta.timeline.Count() == before {
		return grown, err
	}
	ta.times = slices.Insert(ta.times, ta.index(m.offset), m)
	ta.disk.count(ta, int64(m.stored))
	return grown + messageTimeCost, nil
}

// unstore ends the snapshot of a message that is dropped.
func (ta *talkRoom) unstore(m *messageTime) {
	if m.stored > 0 {
		ta.disk.count(ta, -int64(m.stored))
	}
}

// publishedAs returns the context of a publication for the timeline.
func publishedAs(pub *Publication) timeline.Published {
	p := timeline.Published{Offset: pub.Offset, UnixMilli: pub.UnixMilli}
	if pub.Info != nil {
		p.User, p.Client, p.Info = pub.Info.User, pub.Info.Client, pub.Info.ConnInfo
	}
	return p
}

// storedEntry returns what a stored publication says; nil if it is not chat data, so that it has no effect.
func storedEntry(pub *Publication) *timeline.Entry {
	switch pub.Form {
	case FormJSON:
		if e, ok := timeline.Stored(pub.Data); ok {
			return &e
		}
	case FormText:
		if e, err := timeline.Plain(pub.Data, timeline.Limits{Text: math.MaxInt}); err == nil {
			return &e
		}
	}
	return nil
}

// redactedData returns the data of a publication whose content must go. It folds to the same state.
func redactedData(pub *Publication) []byte {
	if e := storedEntry(pub); e != nil {
		return timeline.Redacted(e)
	}
	return Redacted
}

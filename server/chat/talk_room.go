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
}

// messageTime is the time of publication of a message.
type messageTime struct {
	offset uint64
	at     wheel.Tick
}

const messageTimeCost = 16 // bytes

// newTalkRoom returns what a room with these options has; nil if it is not a chat room.
func newTalkRoom(o *Options) *talkRoom {
	if !o.IsChat() {
		return nil
	}
	return &talkRoom{}
}

// The methods below accept nil, which is a room of another kind. Those that change bytes return the growth: the caller adds it to the history.

// isEmpty reports whether there is nothing that keeps the room.
func (ta *talkRoom) isEmpty() bool { return ta == nil || ta.timeline.Count() == 0 }

// oldest returns the offset of the oldest message and its time; 0 for none.
func (ta *talkRoom) oldest() messageTime {
	if ta.isEmpty() {
		return messageTime{}
	}
	return ta.times[0]
}

// dropOldest drops the oldest message, which exists.
func (ta *talkRoom) dropOldest() (grown int) {
	_, freed := ta.timeline.DropOldest()
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
	done := ta.timeline.Apply(publishedAs(pub), e)
	grown = done.Grown
	if done.Replaced > 0 {
		ta.times = slices.Delete(ta.times, ta.index(done.Replaced), ta.index(done.Replaced)+1)
		grown -= messageTimeCost
	}
	if done.Added {
		ta.times = slices.Insert(ta.times, ta.index(pub.Offset), messageTime{pub.Offset, pub.At})
		grown += messageTimeCost
	}
	return grown + ta.shrink(maxMessages), done.Redact
}

// index returns the index of the first message with an offset of at least the given one.
func (ta *talkRoom) index(offset uint64) int {
	i, _ := slices.BinarySearchFunc(ta.times, offset, func(m messageTime, offset uint64) int { return cmp.Compare(m.offset, offset) })
	return i
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

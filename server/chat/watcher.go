package chat

import (
	"time"

	"github.com/throng-chat/throng/server/fanout"
)

// ActivityKind is a kind of activity. A set of kinds is their sum.
type ActivityKind uint8

const (
	ClientConnected ActivityKind = 1 << iota
	ClientDisconnected
	ClientJoined
	ClientLeft
)

// Activity is what a client of this node has done, for the program that contains the server.
type Activity struct {
	Kind   ActivityKind
	Conn   uint64
	Room   string        // of ClientJoined and ClientLeft
	Info   *ClientInfo   // nil for a plain client
	Reason fanout.Reason // of ClientDisconnected
	At     time.Time
}

// activityOverhead estimates the memory of an activity beyond its client, in bytes.
const activityOverhead = 128

// watchers are the feeds of activities. Those of one connection are in their order.
type watchers struct{ feeds[Activity] }

// Watch adds a feed of some kinds, with a queue of most bytes. Any goroutine may call it.
func (wts *watchers) Watch(kinds ActivityKind, most int) *Feed[Activity] {
	return wts.open(most, func(ac Activity) bool { return ac.Kind&kinds != 0 })
}

// Note gives an activity of a connection to the feeds of its kind. It does not block, and may be called under the lock of a room.
func (wts *watchers) Note(kind ActivityKind, c *fanout.Conn, room string, info *ClientInfo) {
	if !wts.On() {
		return
	}
	ac := Activity{Kind: kind, Conn: c.ID, Room: room, Info: info, At: time.Now()}
	if kind == ClientDisconnected {
		ac.Reason = c.Reason()
	}
	wts.each(ac, func(fd *Feed[Activity]) { fd.offer(ac, activityOverhead+len(room)+info.Size()) })
}

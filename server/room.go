package server

import (
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/name"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	maxRoomName = 255       // bytes
	roomBacklog = 128 << 10 // bytes a room may be behind before its talkers are paused
)

// room is a name and the connections that hear each other. Its members are spread over the shards, so that one huge room
// uses every core, and over the encodings.
type room struct {
	wheel.Links[room] // guarded by stripe.mu
	fanout.Audience   // its topics are guarded by stripe.mu

	// Constant after newRoom.
	stripe  *stripe
	options *RoomOptions

	// Guarded by stripe.mu.
	members int
	present presence
	history history
	version version      // of the newest publication that told one
	events  *joinLeave   // nil before the first join, and where the options have no join-leave
	last    *publication // what the next delta is made against, where the options allow deltas; nil for none
	kept    bool         // filed in stripe.ages
}

// WheelLinks lets the wheel file a room.
func (r *room) WheelLinks() *wheel.Links[room] { return &r.Links }

func newRoom(in *stripe, name string, options *RoomOptions, shards int) *room {
	r := &room{stripe: in, options: options}
	r.Audience.Name, r.Audience.Owner, r.Audience.Mu, r.Audience.Limit = name, r, &in.mu, roomBacklog*int64(shards)
	return r
}

// onlyPlain says whether the room is nothing but its plain members. The room's lock is held.
func (r *room) onlyPlain() bool {
	if r.options.HistorySize > 0 || r.options.Delta {
		return false
	}
	for _, p := range r.Topics {
		if p.Format != plainFormat && p.Members > 0 {
			return false
		}
	}
	return true
}

// validRoomName allows 1 to maxRoomName bytes of UTF-8 without control or invisible characters.
func validRoomName(s string) bool { return s != "" && len(s) <= maxRoomName && name.Visible(s) }

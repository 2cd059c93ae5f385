package chat

import (
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/name"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	MaxRoomName = 255       // bytes
	roomBacklog = 128 << 10 // bytes a room may be behind before its talkers are paused
)

// Room is a name and the connections that hear each other. Its members are spread over the shards, so that one huge room
// uses every core, and over the encodings.
type Room struct {
	wheel.Links[Room] // guarded by stripe.mu
	fanout.Audience   // its topics are guarded by stripe.mu

	// Constant after newRoom.
	Stripe  *Stripe
	Options *RoomOptions

	// Guarded by stripe.mu.
	Members int
	Present Presence
	History History
	version Version      // of the newest publication that told one
	Events  *joinLeave   // nil before the first join, and where the options have no join-leave
	Last    *Publication // what the next delta is made against, where the options allow deltas; nil for none
	kept    bool         // filed in stripe.ages
}

// WheelLinks lets the wheel file a room.
func (r *Room) WheelLinks() *wheel.Links[Room] { return &r.Links }

func NewRoom(in *Stripe, name string, options *RoomOptions, shards int) *Room {
	r := &Room{Stripe: in, Options: options}
	r.Audience.Name, r.Audience.Owner, r.Audience.Mu, r.Audience.Limit = name, r, &in.Mu, roomBacklog*int64(shards)
	return r
}

// onlyPlain says whether the room is nothing but its plain members. The room's lock is held.
func (r *Room) onlyPlain() bool {
	if r.Options.HistorySize > 0 || r.Options.Delta {
		return false
	}
	for _, p := range r.Topics {
		if p.Format != PlainFormat && p.Members > 0 {
			return false
		}
	}
	return true
}

// ValidRoomName allows 1 to maxRoomName bytes of UTF-8 without control or invisible characters.
func ValidRoomName(s string) bool { return s != "" && len(s) <= MaxRoomName && name.Visible(s) }

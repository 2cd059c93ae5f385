package chat

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// Hub knows the rooms and gives every message its place in the order of its room: what is posted under the lock of a room's stripe
// reaches each shard in the order in which it was posted, so all members of a room hear the same sequence.
type Hub struct {
	// Constant after New.
	*fanout.Engine
	MessageRate     limiter.Rate
	userRate        limiter.Rate
	addressRate     limiter.Rate
	patterns        []RoomOptions
	anyRoom         RoomOptions // what a room offers that no pattern fits
	closed          bool        // such rooms are for the application alone
	Names           NameRules
	Guests          bool
	maxOfUser       int
	maxOfAddress    int
	countsAddresses bool
	Moderation      *Moderation
	formats         Formats

	Rooms        *rooms
	Archive      Archive
	Positions    *positions
	said         Said
	PendingBytes atomic.Int64 // of joins and leaves that wait to be sent, in all rooms

	UsersMu      sync.Mutex // a leaf
	users        map[string]*User
	spentByUsers limiter.Parked[string]
	Words        Words

	AddressesMu      sync.Mutex // a leaf
	Addresses        map[netip.Addr]*Address
	spentByAddresses limiter.Parked[netip.Addr]
}

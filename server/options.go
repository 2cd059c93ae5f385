package server

import (
	"strings"
	"time"
)

// Who may do something in a room.
type Who string

const (
	Anyone      Who = "anyone"
	SignedIn    Who = "signed-in"   // whose connection has a user: by a token, or as a guest with a name
	Subscribers Who = "subscribers" // whoever is in the room
	WithToken   Who = "token"       // whose token names the room: a subscription token, or "channels" of the connection's
	Nobody      Who = "nobody"      // only the server API
)

// Everybody that there is, in the order of an error message.
var allWho = []Who{Anyone, SignedIn, Subscribers, WithToken, Nobody}

// RoomOptions is what the rooms whose names fit a pattern offer, and to whom. The first pattern that fits counts.
type RoomOptions struct {
	Pattern string // a name, or the beginning of one and a star: "chat:*"

	Subscribe    Who // to be let in: anyone, signed-in, token, nobody
	Publish      Who
	SeePresence  Who
	ReadHistory  Who // and to recover
	Presence     bool
	JoinLeave    bool          // members hear who comes and goes
	HistorySize  int           // publications kept; 0 for none
	HistoryTTL   time.Duration // how long each is kept
	Recovery     bool          // every subscription is recoverable; else those that ask for it
	Positioning  bool          // every subscription watches for gaps; else those that ask for it
	Delta        bool          // a subscription may ask for fossil deltas
	MaxMessage   int           // bytes of a publication's data; 0 for the server's limit
	Rate         int           // publications a second of one connection in one room, twice that in a burst; 0 for no limit beyond the connection's own
	MaxMembers   int           // connections in one room; 0 for any number
	PublishProxy bool          // publications are asked for at the webhook first
}

// Limits of room options.
const (
	maxHistorySize = 100_000
	maxHistoryTTL  = 7 * 24 * time.Hour
)

// DefaultRoom is what a room offers that no pattern fits, where such rooms are open: talk, without memory.
func DefaultRoom() RoomOptions {
	return RoomOptions{
		Pattern:     "*",
		Subscribe:   Anyone,
		Publish:     Subscribers,
		SeePresence: Subscribers,
		ReadHistory: Subscribers,
		Presence:    true,
	}
}

// Who may use rooms that no pattern fits: the values of Config.OtherRooms.
const (
	roomsOpen     = "open"      // anyone
	roomsSignedIn = "signed-in" // connections that have a user, guests with a name included
	roomsClosed   = "closed"    // the application alone
	roomsAuto     = "auto"      // signed-in where a key of tokens is configured, else open
)

var allRooms = []string{roomsOpen, roomsSignedIn, roomsClosed, roomsAuto}

// otherRooms resolves OtherRooms.
func (c Config) otherRooms(tokens bool) string {
	switch {
	case c.OtherRooms != roomsAuto:
		return c.OtherRooms
	case tokens:
		return roomsSignedIn
	}
	return roomsOpen
}

// otherRoom returns the options of rooms that no pattern fits.
func otherRoom(access string) RoomOptions {
	o := DefaultRoom()
	if access == roomsSignedIn {
		o.Subscribe = SignedIn
	}
	return o
}

// fits says whether a room's name is one of the pattern's.
func (o *RoomOptions) fits(name string) bool {
	if prefix, star := strings.CutSuffix(o.Pattern, "*"); star {
		return strings.HasPrefix(name, prefix)
	}
	return o.Pattern == name
}

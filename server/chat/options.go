package chat

import (
	"strings"
	"time"

	"github.com/throng-chat/throng/server/settings"
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

// RoomOptions is what the rooms whose names fit a pattern offer, and to whom. The first pattern that fits counts.
type RoomOptions struct {
	Pattern string `name:"pattern" default:"*"` // a name, or the beginning of one and a star: "chat:*"

	Subscribe    Who           `name:"subscribe" default:"anyone" oneof:"anyone,signed-in,token,nobody"` // to be let in
	Publish      Who           `name:"publish" default:"subscribers" oneof:"anyone,signed-in,subscribers,token,nobody"`
	SeePresence  Who           `name:"see-presence" default:"subscribers" oneof:"anyone,signed-in,subscribers,token,nobody"`
	ReadHistory  Who           `name:"read-history" default:"subscribers" oneof:"anyone,signed-in,subscribers,token,nobody"` // and to recover
	Presence     bool          `name:"presence" default:"true"`
	JoinLeave    bool          `name:"join-leave"`                                                                         // members hear who comes and goes
	HistorySize  int           `name:"history-size" default:"0" min:"1" max:"100000" unit:"publications" zero:"none"`      // publications kept
	HistoryTTL   time.Duration `name:"history-ttl"`                                                                        // how long each is kept
	Recovery     bool          `name:"recovery"`                                                                           // every subscription is recoverable; else those that ask for it
	Positioning  bool          `name:"positioning"`                                                                        // every subscription watches for gaps; else those that ask for it
	Delta        bool          `name:"delta"`                                                                              // a subscription may ask for fossil deltas
	MaxMessage   int           `name:"max-message" type:"size" min:"1" max:"16MiB" unit:"bytes" zero:"the server's limit"` // of a publication's data
	Rate         int           `name:"rate" min:"1" max:"1000000" unit:"publications a second" zero:"no limit"`            // of one connection in one room, twice that in a burst; beside the connection's own limit
	MaxMembers   int           `name:"max-members" min:"1" zero:"any number"`                                              // connections in one room
	PublishProxy bool          `name:"publish-proxy"`                                                                      // publications are asked for at the webhook first
}

// MaxHistoryTTL is the most that a room's history-ttl may be.
const MaxHistoryTTL = 7 * 24 * time.Hour

// DefaultRoom is what a room offers that no pattern fits, where such rooms are open: talk, without memory.
func DefaultRoom() RoomOptions {
	var o RoomOptions
	settings.SetDefaults(&o)
	return o
}

// Who may use rooms that no pattern fits: the values of Config.OtherRooms.
const (
	RoomsOpen     = "open"      // anyone
	RoomsSignedIn = "signed-in" // connections that have a user, guests with a name included
	RoomsClosed   = "closed"    // the application alone
	RoomsAuto     = "auto"      // signed-in where a key of tokens is configured, else open
)

// OtherRooms resolves roomsAuto. tokens says whether a key of tokens is configured.
func OtherRooms(access string, tokens bool) string {
	switch {
	case access != RoomsAuto:
		return access
	case tokens:
		return RoomsSignedIn
	}
	return RoomsOpen
}

// otherRoom returns the options of rooms that no pattern fits.
func otherRoom(access string) RoomOptions {
	o := DefaultRoom()
	if access == RoomsSignedIn {
		o.Subscribe = SignedIn
	}
	return o
}

// Fits says whether a room's name is one of the pattern's.
func (o *RoomOptions) Fits(name string) bool {
	if prefix, star := strings.CutSuffix(o.Pattern, "*"); star {
		return strings.HasPrefix(name, prefix)
	}
	return o.Pattern == name
}

package server

import (
	"errors"
	"fmt"
	"slices"
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
	Rate         int           // publications a second of one user or guest connection in one room; 0 for no limit beyond the connection's
	MaxMembers   int           // connections in one room; 0 for any number
	PublishProxy bool          // publications are asked for at the webhook first
}

// Limits of room options.
const (
	maxHistorySize = 100_000
	maxHistoryTTL  = 7 * 24 * time.Hour
)

// DefaultRoom is what a room offers that no pattern fits: talk, without memory.
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

// fits says whether a room's name is one of the pattern's.
func (o *RoomOptions) fits(name string) bool {
	if prefix, star := strings.CutSuffix(o.Pattern, "*"); star {
		return strings.HasPrefix(name, prefix)
	}
	return o.Pattern == name
}

// Validate returns everything that is wrong, joined; each error begins with the key of the config file.
func (o *RoomOptions) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if name := strings.TrimSuffix(o.Pattern, "*"); o.Pattern == "" || strings.Contains(name, "*") || name != "" && !validRoomName(name) {
		refuse("pattern = %q: want the name of a room, or the beginning of one and a star, such as \"chat:*\"", o.Pattern)
	}
	who := func(key string, value Who, allowed ...Who) {
		if !slices.Contains(allowed, value) {
			names := make([]string, len(allowed))
			for i, w := range allowed {
				names[i] = string(w)
			}
			refuse("%s = %q: want %s", key, value, strings.Join(names, ", "))
		}
	}
	who("subscribe", o.Subscribe, Anyone, SignedIn, WithToken, Nobody)
	who("publish", o.Publish, allWho...)
	who("see-presence", o.SeePresence, allWho...)
	who("read-history", o.ReadHistory, allWho...)
	if o.HistorySize < 0 || o.HistorySize > maxHistorySize {
		refuse("history-size = %d: want 0 (none) to %d publications", o.HistorySize, maxHistorySize)
	}
	if o.HistorySize > 0 && (o.HistoryTTL < time.Second || o.HistoryTTL > maxHistoryTTL) {
		refuse("history-ttl = %v: want 1s to %v where history-size is not 0", o.HistoryTTL, maxHistoryTTL)
	}
	if o.HistorySize == 0 && (o.Recovery || o.Positioning) {
		refuse("recovery, positioning: want history-size and history-ttl above 0, or there is nothing to recover from")
	}
	if o.JoinLeave && !o.Presence {
		refuse("join-leave = true: want presence = true")
	}
	if o.MaxMessage < 0 || o.MaxMessage > maxMessageAllowed {
		refuse("max-message = %d: want 1 byte to 16 MiB, or 0 for the server's limit", o.MaxMessage)
	}
	if o.Rate < 0 || o.Rate > 1_000_000 {
		refuse("rate = %d: want 1 to 1000000 publications a second, or 0 for no limit", o.Rate)
	}
	if o.MaxMembers < 0 {
		refuse("max-members = %d: want 1 or more, or 0 for any number", o.MaxMembers)
	}
	return errors.Join(errs...)
}

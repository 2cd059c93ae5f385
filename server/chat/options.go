package chat

import (
	"strings"
	"time"

	"github.com/throng-chat/throng/server/settings"
	"github.com/throng-chat/throng/server/wordlist"
)

// Access is the group of clients that may do an action in a room.
type Access string

const (
	Anyone      Access = "anyone"
	SignedIn    Access = "signed-in"   // clients with a user: from a token, or a guest with a name
	Subscribers Access = "subscribers" // members of the room
	Members     Access = "members"     // users of the roster
	Moderators  Access = "moderators"  // users of the roster with the role moderator or owner
	WithToken   Access = "token"       // clients with a subscription token for the room, or a connection token with the room in "channels"
	Nobody      Access = "nobody"      // only the server API
)

// RoomKind is what the data of a room is.
type RoomKind string

const (
	DataRoom RoomKind = "data" // any data, which the server does not know
	ChatRoom RoomKind = "chat" // messages and their changes, which the server checks and holds (docs/chat.md)
)

// Messages that members are notified of: the values of RoomOptions.Notify, besides "all".
const (
	NotifyMentions = "mentions"
	NotifyOff      = "off"
)

// WordAction is what becomes of a message with a word of the list.
type WordAction string

const (
	RejectWords WordAction = "reject"
	MaskWords   WordAction = "mask" // each character of the word becomes "*"
)

// RoomOptions are the options and permissions of the rooms whose names match a pattern. The first pattern that matches counts.
type RoomOptions struct {
	Pattern string `name:"pattern" reload:"yes" default:"*"` // a name, or a prefix and a star: "chat:*"

	Kind         RoomKind      `name:"kind" default:"data" oneof:"data,chat"`                                                            // what the publications are
	Subscribe    Access        `name:"subscribe" reload:"yes" default:"anyone" oneof:"anyone,signed-in,members,moderators,token,nobody"` // to join
	Publish      Access        `name:"publish" reload:"yes" default:"subscribers" oneof:"anyone,signed-in,subscribers,members,moderators,token,nobody"`
	SeePresence  Access        `name:"see-presence" reload:"yes" default:"subscribers" oneof:"anyone,signed-in,subscribers,members,moderators,token,nobody"`
	ReadHistory  Access        `name:"read-history" reload:"yes" default:"subscribers" oneof:"anyone,signed-in,subscribers,members,moderators,token,nobody"` // and to recover
	Join         Access        `name:"join" reload:"yes" default:"nobody" oneof:"signed-in,nobody"`                                                          // to become a member of the roster by rpc
	Invite       Access        `name:"invite" reload:"yes" default:"moderators" oneof:"members,moderators,nobody"`                                           // to add members to the roster by rpc
	Create       Access        `name:"create" reload:"yes" default:"nobody" oneof:"signed-in,nobody"`                                                        // to create the room by rpc, as its owner
	MentionHere  Access        `name:"mention-here" reload:"yes" default:"moderators" oneof:"subscribers,members,moderators"`                                // to mention @here in a chat room
	Presence     bool          `name:"presence" reload:"yes" default:"true"`
	JoinLeave    bool          `name:"join-leave" reload:"yes"`                                                                         // members receive join and leave events
	HistorySize  int           `name:"history-size" reload:"yes" default:"0" min:"1" max:"100000" unit:"publications" zero:"none"`      // publications in the history
	HistoryTTL   time.Duration `name:"history-ttl" reload:"yes"`                                                                        // of each publication
	Recovery     bool          `name:"recovery" reload:"yes"`                                                                           // every subscription is recoverable; else on request
	Positioning  bool          `name:"positioning" reload:"yes"`                                                                        // every subscription detects gaps; else on request
	Rewind       int           `name:"rewind" reload:"yes" min:"1" max:"1000" unit:"publications" zero:"none"`                          // newest publications that a client receives when it joins
	Delta        bool          `name:"delta" reload:"yes"`                                                                              // subscriptions may request fossil deltas
	MaxMessage   int           `name:"max-message" reload:"yes" type:"size" min:"1" max:"16MiB" unit:"bytes" zero:"the server's limit"` // of a publication's data
	Rate         int           `name:"rate" reload:"yes" min:"1" max:"1000000" unit:"publications a second" zero:"no limit"`            // of one connection in one room; a burst may have twice that. The connection's own limit holds as well
	MaxMembers   int           `name:"max-members" reload:"yes" min:"1" zero:"any number"`                                              // connections in one room
	Durable      bool          `name:"durable"`                                                                                         // the history is on disk, in the data directory
	Receipts     bool          `name:"receipts" reload:"yes"`                                                                           // members of a small chat room receive how far others have read
	PublishProxy bool          `name:"publish-proxy" reload:"yes"`                                                                      // a webhook decides about each publication

	Notify       string        `name:"notify" reload:"yes" default:"all" oneof:"all,mentions,off"`               // messages of a chat room that its members are notified of
	NotifyUnread time.Duration `name:"notify-unread" reload:"yes" default:"0s" min:"10s" max:"24h" zero:"never"` // after which connected members that have not read them are, too

	// Of the text of messages and edits in a chat room.
	WordList     string        `name:"word-list" reload:"yes"` // path of a file with words
	WordAction   WordAction    `name:"word-action" reload:"yes" default:"reject" oneof:"reject,mask"`
	LinksAfter   int           `name:"links-after" reload:"yes" min:"1" max:"1000" unit:"messages" zero:"no rule"`   // of the same user in the room, before its first link
	RepeatLimit  int           `name:"repeat-limit" reload:"yes" min:"1" max:"1000" unit:"messages" zero:"no limit"` // equal messages of one author in repeat-window
	RepeatWindow time.Duration `name:"repeat-window" reload:"yes" default:"1m"`

	Words *wordlist.List `kong:"-"` // the content of WordList; nil for none. Not a setting: the loader of the settings reads the file

	CompressionContext bool `name:"compression-context" reload:"yes" default:"true"` // compressed messages refer to preceding messages of the room
}

// IsChat reports whether these are the options of chat rooms.
func (o *RoomOptions) IsChat() bool { return o.Kind == ChatRoom }

// MaxHistoryTTL is the limit of a room's history-ttl: ten years, less than the ticks before the start (fanout.FirstTick).
const MaxHistoryTTL = 10 * 365 * 24 * time.Hour

// DefaultRoom returns the default options. Open rooms that no pattern matches have these: clients may publish, and there is no history.
func DefaultRoom() RoomOptions {
	var o RoomOptions
	settings.SetDefaults(&o)
	return o
}

// Access to rooms that no pattern matches: the values of Config.OtherRooms.
const (
	RoomsOpen     = "open"      // all clients
	RoomsSignedIn = "signed-in" // clients with a user, which includes guests with a name
	RoomsClosed   = "closed"    // the application only
	RoomsAuto     = "auto"      // RoomsSignedIn if a token key is configured, else RoomsOpen
)

// OtherRooms resolves RoomsAuto. tokens: a token key is configured.
func OtherRooms(access string, tokens bool) string {
	switch {
	case access != RoomsAuto:
		return access
	case tokens:
		return RoomsSignedIn
	}
	return RoomsOpen
}

// otherRoom returns the options of rooms that no pattern matches.
func otherRoom(access string) RoomOptions {
	o := DefaultRoom()
	if access == RoomsSignedIn {
		o.Subscribe = SignedIn
	}
	return o
}

// access returns the group of clients that may do an action.
func (o *RoomOptions) access(action Action) Access {
	return [ActionCount]Access{ToSubscribe: o.Subscribe, ToPublish: o.Publish, ToSeePresence: o.SeePresence, ToReadHistory: o.ReadHistory}[action]
}

// needsRole reports whether the roster of the room decides.
func (ac Access) needsRole() bool { return ac == Members || ac == Moderators }

// usesRoster reports whether the roster of a room has an effect beyond the server API.
func (o *RoomOptions) usesRoster() bool {
	for action := range ActionCount {
		if o.access(action).needsRole() {
			return true
		}
	}
	return o.Join == SignedIn || o.Create == SignedIn || o.IsChat()
}

// Matches reports whether a name matches the pattern.
func (o *RoomOptions) Matches(name string) bool {
	return MatchesPattern(o.Pattern, name)
}

// MatchesPattern reports whether a name is a pattern, or begins with what is before its star.
func MatchesPattern(pattern, name string) bool {
	if prefix, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// ValidPattern reports whether a pattern is a valid room name, or the beginning of one and a star.
func ValidPattern(pattern string) bool {
	name := strings.TrimSuffix(pattern, "*")
	return pattern != "" && !strings.Contains(name, "*") && (name == "" || ValidRoomName(name))
}

package chat

// Action is what somebody may or may not do in a room.
type Action uint8

const (
	ToSubscribe Action = iota
	ToPublish
	ToSeePresence
	ToReadHistory
	Deeds
)

// Actor is who wants to do something in a room.
type Actor struct {
	User   string // empty for nobody in particular
	Inside bool   // is in the room
	Token  bool   // holds a token for the room
	Server bool   // the application asks: for itself, by the server API, or for the user, by a token that names the room
}

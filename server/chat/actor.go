package chat

// Action is an operation in a room that the room's options, its name and sanctions allow or deny.
type Action uint8

const (
	ToSubscribe Action = iota
	ToPublish
	ToSeePresence
	ToReadHistory
	ActionCount
)

// Actor is the initiator of an action in a room.
type Actor struct {
	User        string // empty: anonymous
	Member      bool   // is a member of the room
	Token       bool   // has a token for the room
	Application bool   // the application: a call of the server API, or a token that names the room
}
